//! MobileNetV2.
//!
//! Paper: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381, table 2.
//! Reference implementations: TF-slim `mobilenet_v2.py`, torchvision `mobilenetv2.py` (norm constants), timm
//! `_gen_mobilenet_v2` (the deep variants).
//!
//! Known divergences: the paper's text counts 19 blocks, its table and all code have 17. Its table 4 gives width 1.4
//! 6.9 M parameters, the architecture has 6.11 M. The last convolution never shrinks (section 4 of the paper). TF-slim's
//! norm has eps 1e-3 and decay 0.997; Keras has no dropout.

use crate::network;

network! {
    /// MobileNetV2, Sandler et al. 2018 (arXiv:1801.04381), table 2.
    ///
    /// The profile `cifar` is the variant whose CIFAR-10 accuracy is published by width (stem and second stage at
    /// stride 1).
    pub MOBILENET_V2;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu6;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 32, s: 2 };
    stages   InvertedResidual {
        t    c  n  s;
        1   16  1  1;
        6   24  2  2;
        6   32  3  2;
        6   64  4  2;
        6   96  3  1;
        6  160  3  2;
        6  320  1  1;
    }
    head     Conv { k: 1, c: 1280 } floor;
    top      pool, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    names    torchvision::MOBILENET_V2, timm::EFFICIENTNET, tonylins::MOBILENET_V2, tonylins::DROPOUT,
             tonylins::HEAD, tonylins::HEAD_AND_DROPOUT;
    report   title: "MobileNetV2", short: "V2", colour: 1;

    variants {
        name                 width  input  dropout;
        "mobilenet-v2"         1.0    224      0.2;
        "mobilenet-v2-1.4"     1.4    224      0.2;
        "mobilenet-v2-1.3"     1.3    224      0.2;
        "mobilenet-v2-0.75"   0.75    224      0.2;
        "mobilenet-v2-0.5"     0.5    224      0.2;
        "mobilenet-v2-0.35"   0.35    224      0.2;
    }
    claims {
        name                 profile  input  classes     params         macs;
        "mobilenet-v2"        native    224     1000  3_504_872  300_774_272;
        "mobilenet-v2-1.4"    native    224     1000  6_108_776  582_195_824;
        "mobilenet-v2-1.3"    native    224     1000  5_386_792  509_374_560;
        "mobilenet-v2-0.75"   native    224     1000  2_636_424  209_069_792;
        "mobilenet-v2-0.5"    native    224     1000  1_968_680   97_131_840;
        "mobilenet-v2-0.35"   native    224     1000  1_677_128   59_285_808;
        "mobilenet-v2-1.4"     cifar     32       10  4_333_706  170_073_344;
        "mobilenet-v2"         cifar     32       10  2_236_682   87_976_448;
        "mobilenet-v2-0.75"    cifar     32       10  1_368_234   59_310_080;
        "mobilenet-v2-0.5"     cifar     32       10    700_490   27_969_024;
        "mobilenet-v2-0.35"    cifar     32       10    408_938   15_611_136;
    }
}

network! {
    /// timm's deeper MobileNetV2: stem, head and the depth of the first and last stage stay as they are.
    pub MOBILENET_V2_DEEP;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu6;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 32, s: 2 } fixed;
    stages   InvertedResidual {
        t    c  n  s;
        1   16  1  1  fix_depth;
        6   24  2  2;
        6   32  3  2;
        6   64  4  2;
        6   96  3  1;
        6  160  3  2;
        6  320  1  1  fix_depth;
    }
    head     Conv { k: 1, c: 1280 } fixed;
    top      pool, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    names    torchvision::MOBILENET_V2, timm::EFFICIENTNET, tonylins::MOBILENET_V2, tonylins::DROPOUT,
             tonylins::HEAD, tonylins::HEAD_AND_DROPOUT;
    report   title: "MobileNetV2 deep", short: "V2 deep", colour: 1;

    variants {
        name                 width  depth  input  dropout;
        "mobilenet-v2-110d"    1.1    1.2    224      0.2;
        "mobilenet-v2-120d"    1.2    1.4    224      0.2;
    }
    claims {
        name                    params         macs;
        "mobilenet-v2-110d"  4_516_520  430_516_080;
        "mobilenet-v2-120d"  5_831_144  668_857_568;
    }
}
