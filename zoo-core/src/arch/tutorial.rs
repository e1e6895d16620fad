//! The networks of a widely copied Keras tutorial, shortcuts and all, so that what each shortcut costs can be counted.
//!
//! Source: the tutorial's five Keras scripts, run as published. Against the papers: widths by `int()` without
//! rounding to 8; depths by `int()` in place of `ceil`; squeeze-and-excitation squeezed from the expanded width
//! (EfficientNet) or not rounded (V3); an expansion layer kept where it does not expand (V2, V3); stems and heads that do
//! not scale (EfficientNet) or that shrink where they should not (V2, V3); no drop-path; dropout in V1 and EfficientNet
//! alone. Norms are Keras' default; padding is SAME.

use crate::network;

network! {
    /// The tutorial's MobileNetV1: the counts of the paper's.
    pub TUTORIAL_MOBILENET_V1;

    scale    width, depth;
    round    width: trunc, depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      Relu6;
    padding  same;

    stem     Conv { k: 3, c: 32, s: 2 };
    stages   Separable {
        k     c  s;
        3    64  1;
        3   128  2;
        3   128  1;
        3   256  2;
        3   256  1;
        3   512  2;
        3   512  1;
        3   512  1;
        3   512  1;
        3   512  1;
        3   512  1;
        3  1024  2;
        3  1024  1;
    }
    top      pool, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    variants {
        name                          width  input  dropout;
        "tutorial-mobilenet-v1"         1.0    224    0.001;
        "tutorial-mobilenet-v1-0.75"   0.75    224    0.001;
        "tutorial-mobilenet-v1-0.5"     0.5    224    0.001;
        "tutorial-mobilenet-v1-0.25"   0.25    224    0.001;
    }
    claims {
        name                          classes     params         macs;
        "tutorial-mobilenet-v1"          1000  4_231_976  568_740_352;
        "tutorial-mobilenet-v1-0.75"     1000  2_585_560  325_400_448;
        "tutorial-mobilenet-v1-0.75"       10  1_824_250  324_640_128;
        "tutorial-mobilenet-v1-0.5"      1000  1_331_592  149_497_088;
        "tutorial-mobilenet-v1-0.25"     1000    470_072   41_030_272;
    }
}

network! {
    /// The tutorial's MobileNetV2: expands at t = 1 and shrinks the last convolution.
    pub TUTORIAL_MOBILENET_V2;

    scale    width, depth;
    round    width: trunc, depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      Relu6;
    padding  same;

    stem     Conv { k: 3, c: 32, s: 2 };
    stages   InvertedResidual { expansion: Always } {
        t    c  n  s;
        1   16  1  1;
        6   24  2  2;
        6   32  3  2;
        6   64  4  2;
        6   96  3  1;
        6  160  3  2;
        6  320  1  1;
    }
    head     Conv { k: 1, c: 1280 };
    top      pool, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    variants {
        name                          width  input;
        "tutorial-mobilenet-v2"         1.0    224;
        "tutorial-mobilenet-v2-1.4"     1.4    224;
        "tutorial-mobilenet-v2-1.3"     1.3    224;
        "tutorial-mobilenet-v2-0.75"   0.75    224;
        "tutorial-mobilenet-v2-0.5"     0.5    224;
        "tutorial-mobilenet-v2-0.35"   0.35    224;
    }
    claims {
        name                             params         macs;
        "tutorial-mobilenet-v2"       3_505_960  313_619_328;
        "tutorial-mobilenet-v2-1.4"   6_084_604  586_495_868;
        "tutorial-mobilenet-v2-1.3"   5_374_349  508_823_408;
        "tutorial-mobilenet-v2-0.75"  2_231_152  182_567_328;
        "tutorial-mobilenet-v2-0.5"   1_222_056   86_613_440;
        "tutorial-mobilenet-v2-0.35"    740_960   43_861_510;
    }
}

network! {
    /// The tutorial's MobileNetV3-Large.
    pub TUTORIAL_MOBILENET_V3_LARGE;

    scale    width, depth;
    round    width: trunc, depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      HardSwish;
    padding  same;

    stem     Conv { k: 3, c: 16, s: 2 } fixed;
    stages   Bneck { se_round: TowardsZero, exp_rule: ScaledWidth, expansion: Always } {
        k  exp    c  se  act        s;
        3   16   16  -   Relu       1;
        3   64   24  -   Relu       2;
        3   72   24  -   Relu       1;
        5   72   40  Se  Relu       2;
        5  120   40  Se  Relu       1;
        5  120   40  Se  Relu       1;
        3  240   80  -   HardSwish  2;
        3  200   80  -   HardSwish  1;
        3  184   80  -   HardSwish  1;
        3  184   80  -   HardSwish  1;
        3  480  112  Se  HardSwish  1;
        3  672  112  Se  HardSwish  1;
        5  672  160  Se  HardSwish  2;
        5  960  160  Se  HardSwish  1;
        5  960  160  Se  HardSwish  1;
    }
    head     Conv { k: 1, c: 960 };
    top      pool, Conv { k: 1, c: 1280, norm: Without, bias: With }, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    variants {
        name                                width  input;
        "tutorial-mobilenet-v3-large"         1.0    224;
        "tutorial-mobilenet-v3-large-1.25"   1.25    224;
        "tutorial-mobilenet-v3-large-0.75"   0.75    224;
        "tutorial-mobilenet-v3-large-0.5"     0.5    224;
    }
    claims {
        name                                   params         macs;
        "tutorial-mobilenet-v3-large"       5_481_486  219_799_200;
        "tutorial-mobilenet-v3-large-1.25"  8_125_290  333_236_448;
        "tutorial-mobilenet-v3-large-0.75"  3_346_731  130_298_364;
        "tutorial-mobilenet-v3-large-0.5"   1_722_123   64_735_032;
    }
}

network! {
    /// The tutorial's MobileNetV3-Small.
    pub TUTORIAL_MOBILENET_V3_SMALL;

    scale    width, depth;
    round    width: trunc, depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      HardSwish;
    padding  same;

    stem     Conv { k: 3, c: 16, s: 2 } fixed;
    stages   Bneck { se_round: TowardsZero, exp_rule: ScaledWidth, expansion: Always } {
        k  exp   c  se  act        s;
        3   16  16  Se  Relu       2;
        3   72  24  -   Relu       2;
        3   88  24  -   Relu       1;
        5   96  40  Se  HardSwish  2;
        5  240  40  Se  HardSwish  1;
        5  240  40  Se  HardSwish  1;
        5  120  48  Se  HardSwish  1;
        5  144  48  Se  HardSwish  1;
        5  288  96  Se  HardSwish  2;
        5  576  96  Se  HardSwish  1;
        5  576  96  Se  HardSwish  1;
    }
    head     Conv { k: 1, c: 576 };
    top      pool, Conv { k: 1, c: 1024, norm: Without, bias: With }, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[0].s = 1; }

    variants {
        name                                width  input;
        "tutorial-mobilenet-v3-small"         1.0    224;
        "tutorial-mobilenet-v3-small-1.25"   1.25    224;
        "tutorial-mobilenet-v3-small-0.75"   0.75    224;
        "tutorial-mobilenet-v3-small-0.5"     0.5    224;
    }
    claims {
        name                                   params        macs;
        "tutorial-mobilenet-v3-small"       2_537_526  59_716_064;
        "tutorial-mobilenet-v3-small-1.25"  3_620_521  86_603_068;
        "tutorial-mobilenet-v3-small-0.75"  1_633_942  38_153_976;
        "tutorial-mobilenet-v3-small-0.5"     910_191  21_917_224;
    }
}

network! {
    /// The tutorial's EfficientNet: B0 has 59 % more parameters than the paper's, B1 has the depth of B0.
    pub TUTORIAL_EFFICIENTNET;

    scale    width, depth;
    round    width: trunc, depth: trunc;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      Silu;
    padding  same;

    stem     Conv { k: 3, c: 32, s: 2 } fixed;
    stages   MBConv { se: 0.25, se_of: Expanded } {
        t  k    c  n  s;
        1  3   16  1  1;
        6  3   24  2  2;
        6  5   40  2  2;
        6  3   80  3  2;
        6  5  112  3  1;
        6  5  192  4  2;
        6  3  320  1  1;
    }
    head     Conv { k: 1, c: 1280 } fixed;
    top      pool, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    report   title: "tutorial-efficientnet", compound;

    variants {
        name                        width  depth  input  dropout;
        "tutorial-efficientnet-b0"    1.0    1.0    224      0.2;
        "tutorial-efficientnet-b1"    1.0    1.1    240      0.2;
        "tutorial-efficientnet-b2"    1.1    1.2    260      0.3;
        "tutorial-efficientnet-b3"    1.2    1.4    300      0.3;
        "tutorial-efficientnet-b4"    1.4    1.8    380      0.4;
        "tutorial-efficientnet-b5"    1.6    2.2    456      0.4;
        "tutorial-efficientnet-b6"    1.8    2.6    528      0.5;
        "tutorial-efficientnet-b7"    2.0    3.1    600      0.5;
    }
    claims {
        name                             params            macs;
        "tutorial-efficientnet-b0"    8_423_848     388_948_192;
        "tutorial-efficientnet-b1"    8_423_848     465_661_520;
        "tutorial-efficientnet-b2"    9_827_903     681_541_298;
        "tutorial-efficientnet-b3"   13_852_101   1_202_744_182;
        "tutorial-efficientnet-b4"   23_878_916   3_232_975_230;
        "tutorial-efficientnet-b5"   43_195_892   8_188_572_178;
        "tutorial-efficientnet-b6"   63_411_162  15_783_262_536;
        "tutorial-efficientnet-b7"  104_290_000  32_182_507_456;
    }
}
