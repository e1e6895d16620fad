//! MobileNetV4, the convolutional Small, Medium and Large.
//!
//! Paper: Qin et al. 2024, "MobileNetV4: Universal Models for the Mobile Ecosystem", arXiv:2404.10518, appendix D, tables 11
//! to 13. Reference implementations: timm `_gen_mobilenet_v4` (also for Small at other widths), the authors' `mobilenet.py`
//! and `imagenet_mobilenetv4_conv_*_tpu.yaml` in TensorFlow's models (dropout and drop-path).
//!
//! Known divergences: the rows are those of the released code. The early blocks of Small, FusedIB in the paper's table, have
//! an activation behind the second convolution and no residual. Norms have eps 1e-5 and momentum 0.1 in timm, whose weights
//! there are; the authors train Small with 1e-6 and 0.95, the others with 1e-3 and 0.997 (decay). Their drop-path of Large
//! is 0.2 in every block alike, here it grows to that. The paper counts 9.2 M parameters for Medium and 31 M for Large, the
//! released networks have 9.7 M and 32.6 M.

use crate::network;

network! {
    /// MobileNetV4-Conv-S, Qin et al. 2024 (arXiv:2404.10518), table 11.
    pub MOBILENET_V4_CONV_SMALL;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 32, s: 2 } floor;
    stages   ConvPair {
        k  exp   c  s;
        3   32  32  2;
        3   96  64  2;
    }
    stages   UniversalInvertedBottleneck {
        k1  k2  exp    c  n  s;
         5   5  192   96  1  2;
         -   3  192   96  4  1;
         3   -  384   96  1  1;
         3   3  576  128  1  2;
         5   5  512  128  1  1;
         -   5  512  128  1  1;
         -   5  384  128  1  1;
         -   3  512  128  2  1;
    }
    head     Conv { k: 1, c: 960 };
    top      pool, Conv { k: 1, c: 1280 } fixed, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[0].s = 1; }

    names    timm::MOBILENET_V4;
    report   title: "MobileNetV4-Conv-S", short: "V4-S", colour: 6;

    variants {
        name                            width  input  dropout;
        "mobilenet-v4-conv-small"         1.0    224      0.3;
        "mobilenet-v4-conv-small-0.5"     0.5    224      0.3;
        "mobilenet-v4-conv-small-0.35"   0.35    224      0.3;
    }
    claims {
        name                               params         macs;
        "mobilenet-v4-conv-small"       3_774_024  186_005_568;
        "mobilenet-v4-conv-small-0.5"   2_238_952   64_741_408;
        "mobilenet-v4-conv-small-0.35"  1_905_384   47_723_040;
    }
}

network! {
    /// MobileNetV4-Conv-M, Qin et al. 2024 (arXiv:2404.10518), table 12.
    pub MOBILENET_V4_CONV_MEDIUM;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 256;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 32, s: 2 } floor;
    stages   FusedMBConv {
        k  t   c  s;
        3  4  48  2;
    }
    stages   UniversalInvertedBottleneck {
        k1  k2   exp    c  n  s;
         3   5   192   80  1  2;
         3   3   160   80  1  1;
         3   5   480  160  1  2;
         3   3   640  160  2  1;
         3   5   640  160  1  1;
         3   3   640  160  1  1;
         3   -   640  160  1  1;
         -   -   320  160  1  1;
         3   -   640  160  1  1;
         5   5   960  256  1  2;
         5   5  1024  256  1  1;
         3   5  1024  256  2  1;
         -   -  1024  256  1  1;
         3   -  1024  256  1  1;
         3   5   512  256  1  1;
         5   5  1024  256  1  1;
         -   -  1024  256  2  1;
         5   -   512  256  1  1;
    }
    head     Conv { k: 1, c: 960 };
    top      pool, Conv { k: 1, c: 1280 } fixed, dropout, linear;
    drop_path 0.075;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[0].s = 1; }

    names    timm::MOBILENET_V4;
    report   title: "MobileNetV4-Conv-M", short: "V4-M", colour: 6;

    variants {
        name                        input  dropout;
        "mobilenet-v4-conv-medium"    256      0.2;
    }
    claims {
        name                           params           macs;
        "mobilenet-v4-conv-medium"  9_715_512  1_080_244_224;
    }
}

network! {
    /// MobileNetV4-Conv-L, Qin et al. 2024 (arXiv:2404.10518), table 13.
    pub MOBILENET_V4_CONV_LARGE;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 384;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 24, s: 2 } floor;
    stages   FusedMBConv {
        k  t   c  s;
        3  4  48  2;
    }
    stages   UniversalInvertedBottleneck {
        k1  k2   exp    c  n  s;
         3   5   192   96  1  2;
         3   3   384   96  1  1;
         3   5   384  192  1  2;
         3   3   768  192  3  1;
         3   5   768  192  1  1;
         5   3   768  192  5  1;
         3   -   768  192  1  1;
         5   5   768  512  1  2;
         5   5  2048  512  3  1;
         5   -  2048  512  1  1;
         5   3  2048  512  1  1;
         5   -  2048  512  2  1;
         5   3  2048  512  1  1;
         5   5  2048  512  1  1;
         5   -  2048  512  3  1;
    }
    head     Conv { k: 1, c: 960 };
    top      pool, Conv { k: 1, c: 1280 } fixed, dropout, linear;
    drop_path 0.2;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[0].s = 1; }

    names    timm::MOBILENET_V4;
    report   title: "MobileNetV4-Conv-L", short: "V4-L", colour: 6;

    variants {
        name                       input  dropout;
        "mobilenet-v4-conv-large"    384      0.2;
    }
    claims {
        name                           params           macs;
        "mobilenet-v4-conv-large"  32_590_864  6_376_220_672;
    }
}
