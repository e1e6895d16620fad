//! EfficientNetV2-S, -M and -L.
//!
//! Paper: Tan & Le 2021, "EfficientNetV2: Smaller Models and Faster Training", arXiv:2104.00298, table 4. Reference
//! implementations: torchvision's `efficientnet_v2_s`, `_m` and `_l`; timm's `efficientnetv2_s` (padded as PyTorch does, no
//! weights) and `tf_efficientnetv2_s` (padded as TensorFlow does, the authors' weights) are the same network. For other
//! widths and depths the authors' `effnetv2_model.py`, which scales stem, stages and head as EfficientNet does.
//!
//! Known divergences: the paper's first version had 272 channels in the last stage of S and 1792 in its head, 24 M
//! parameters in all; its authors then released 256 and 1280. M and L are not in the paper's tables but in the authors'
//! `effnetv2_configs.py`. Training goes up to 300 px (S) and 380 px (M, L) and evaluation is at 384 and 480; a variant's
//! input is that of evaluation, which published accuracy and operations are for. Norms have eps 1e-3 in torchvision and with
//! the authors' weights, 1e-5 in timm's `efficientnetv2_s`. Weights start as the authors' and timm's; torchvision counts the
//! outputs of all groups as the fan of a depthwise convolution.

use crate::network;

network! {
    /// EfficientNetV2-S, Tan & Le 2021 (arXiv:2104.00298), table 4.
    pub EFFICIENTNET_V2_S;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 384;
    norm     BatchNorm { eps: 1e-3, momentum: 0.1 };
    act      Silu;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 24, s: 2 };
    stages   FusedMBConv { k: 3 } {
        t   c  n  s;
        1  24  2  1;
        4  48  4  2;
        4  64  4  2;
    }
    stages   MBConv { k: 3, se: 0.25, se_of: Input } {
        t    c   n  s;
        4  128   6  2;
        6  160   9  1;
        6  256  15  2;
    }
    head     Conv { k: 1, c: 1280 };
    top      pool, dropout, linear;
    drop_path 0.2;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    names    torchvision::EFFICIENTNET_V2, timm::EFFICIENTNET_V2;
    report   title: "EfficientNetV2-S", short: "EffV2-S", colour: 7;

    variants {
        name                 width  depth  input  dropout;
        "efficientnet-v2-s"    1.0    1.0    384      0.2;
    }
    claims {                                                // 21,458,488 and 8.366 G stand in torchvision's metadata
        name                 profile  input  classes      params           macs;
        "efficientnet-v2-s"   native    384     1000  21_458_488  8_365_617_152;
        "efficientnet-v2-s"   native    224     1000  21_458_488  2_849_895_872;
        "efficientnet-v2-s"    stem1     32       10  20_190_298    235_918_592;
        "efficientnet-v2-s"    cifar     32       10  20_190_298    898_800_128;
    }
}

network! {
    /// EfficientNetV2-M, the authors' `effnetv2_configs.py`.
    pub EFFICIENTNET_V2_M;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 480;
    norm     BatchNorm { eps: 1e-3, momentum: 0.1 };
    act      Silu;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 24, s: 2 };
    stages   FusedMBConv { k: 3 } {
        t   c  n  s;
        1  24  3  1;
        4  48  5  2;
        4  80  5  2;
    }
    stages   MBConv { k: 3, se: 0.25, se_of: Input } {
        t    c   n  s;
        4  160   7  2;
        6  176  14  1;
        6  304  18  2;
        6  512   5  1;
    }
    head     Conv { k: 1, c: 1280 };
    top      pool, dropout, linear;
    drop_path 0.2;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    names    torchvision::EFFICIENTNET_V2, timm::EFFICIENTNET_V2;
    report   title: "EfficientNetV2-M", short: "EffV2-M", colour: 7;

    variants {
        name                 width  depth  input  dropout;
        "efficientnet-v2-m"    1.0    1.0    480      0.3;
    }
    claims {
        name                     params            macs;
        "efficientnet-v2-m"  54_139_356  24_582_460_384;
    }
}

network! {
    /// EfficientNetV2-L, the authors' `effnetv2_configs.py`.
    pub EFFICIENTNET_V2_L;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 480;
    norm     BatchNorm { eps: 1e-3, momentum: 0.1 };
    act      Silu;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 32, s: 2 };
    stages   FusedMBConv { k: 3 } {
        t   c  n  s;
        1  32  4  1;
        4  64  7  2;
        4  96  7  2;
    }
    stages   MBConv { k: 3, se: 0.25, se_of: Input } {
        t    c   n  s;
        4  192  10  2;
        6  224  19  1;
        6  384  25  2;
        6  640   7  1;
    }
    head     Conv { k: 1, c: 1280 };
    top      pool, dropout, linear;
    drop_path 0.2;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    names    torchvision::EFFICIENTNET_V2, timm::EFFICIENTNET_V2;
    report   title: "EfficientNetV2-L", short: "EffV2-L", colour: 7;

    variants {
        name                 width  depth  input  dropout;
        "efficientnet-v2-l"    1.0    1.0    480      0.4;
    }
    claims {
        name                      params            macs;
        "efficientnet-v2-l"  118_515_272  56_079_699_008;
    }
}
