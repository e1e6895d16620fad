//! MobileNetV3, Large and Small, and their minimalistic versions.
//!
//! Paper: Howard et al. 2019, "Searching for MobileNetV3", arXiv:1905.02244v5, tables 1 and 2. Reference
//! implementations: TF-slim `mobilenet_v3.py`, torchvision `mobilenetv3.py` (norm constants), timm
//! `_gen_mobilenet_v3` (widths other than 1).
//!
//! Known divergences: at width 1 all implementations agree; elsewhere these tables follow timm, which also gives the
//! paper's 0.75 figures (torchvision's do not). The classifier's wide layer never scales; the stem does not shrink below
//! 0.75. Table 2 of the paper ticks squeeze-and-excitation for Small's last convolution, no implementation has it. The
//! paper's "dropout of 0.8" is the share kept. Minimalistic: no squeeze-and-excitation, ReLU throughout, 3 x 3 kernels;
//! TF-slim's README gives Small 65 M MACs, the network has 52.3 M.

use crate::network;

network! {
    /// MobileNetV3-Large, Howard et al. 2019 (arXiv:1905.02244v5), table 1.
    pub MOBILENET_V3_LARGE;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      HardSwish;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 16, s: 2 } fixed_below(0.75);
    stages   Bneck {
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
    top      pool, Conv { k: 1, c: 1280, norm: Without, bias: With } fixed, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    names    torchvision::MOBILENET_V3, timm::MOBILENET_V3;
    report   title: "MobileNetV3-Large", short: "V3-L", colour: 2;

    variants {
        name                       width  input  dropout;
        "mobilenet-v3-large"         1.0    224      0.2;
        "mobilenet-v3-large-1.25"   1.25    224      0.2;
        "mobilenet-v3-large-0.75"   0.75    224      0.2;
        "mobilenet-v3-large-0.5"     0.5    224      0.2;
        "mobilenet-v3-large-0.35"   0.35    224      0.2;
    }
    claims {
        name                          params         macs;
        "mobilenet-v3-large"       5_483_032  216_589_760;
        "mobilenet-v3-large-1.25"  7_551_976  355_221_920;
        "mobilenet-v3-large-0.75"  3_993_528  154_560_624;
        "mobilenet-v3-large-0.5"   2_689_904   73_663_088;
        "mobilenet-v3-large-0.35"  2_132_216   43_887_824;
    }
}

network! {
    /// MobileNetV3-Small, Howard et al. 2019 (arXiv:1905.02244v5), table 2.
    pub MOBILENET_V3_SMALL;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      HardSwish;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 16, s: 2 } fixed_below(0.75);
    stages   Bneck {
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
    top      pool, Conv { k: 1, c: 1024, norm: Without, bias: With } fixed, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[0].s = 1; }

    names    torchvision::MOBILENET_V3, timm::MOBILENET_V3;
    report   title: "MobileNetV3-Small", short: "V3-S", colour: 3;

    variants {
        name                       width  input  dropout;
        "mobilenet-v3-small"         1.0    224      0.2;
        "mobilenet-v3-small-1.25"   1.25    224      0.2;
        "mobilenet-v3-small-0.75"   0.75    224      0.2;
        "mobilenet-v3-small-0.5"     0.5    224      0.2;
        "mobilenet-v3-small-0.35"   0.35    224      0.2;
    }
    claims {
        name                          params        macs;
        "mobilenet-v3-small"       2_542_856  56_510_400;
        "mobilenet-v3-small-1.25"  3_205_384  90_800_864;
        "mobilenet-v3-small-0.75"  2_041_872  43_399_344;
        "mobilenet-v3-small-0.5"   1_593_224  24_188_688;
        "mobilenet-v3-small-0.35"  1_358_808  15_951_968;
    }
}

network! {
    /// MobileNetV3-Large minimalistic, TF-slim's `V3_LARGE_MINIMALISTIC`.
    pub MOBILENET_V3_LARGE_MINIMALISTIC;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      Relu;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 16, s: 2 } fixed_below(0.75);
    stages   Bneck {
        k  exp    c  s;
        3   16   16  1;
        3   64   24  2;
        3   72   24  1;
        3   72   40  2;
        3  120   40  1;
        3  120   40  1;
        3  240   80  2;
        3  200   80  1;
        3  184   80  1;
        3  184   80  1;
        3  480  112  1;
        3  672  112  1;
        3  672  160  2;
        3  960  160  1;
        3  960  160  1;
    }
    head     Conv { k: 1, c: 960 };
    top      pool, Conv { k: 1, c: 1280, norm: Without, bias: With } fixed, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    names    torchvision::MOBILENET_V3, timm::MOBILENET_V3;
    report   title: "V3-Large min.", short: "V3-L min.", colour: 2, single;

    variants {
        name                               input  dropout;
        "mobilenet-v3-large-minimalistic"    224      0.2;
    }
    claims {
        name                                  params         macs;
        "mobilenet-v3-large-minimalistic"  3_924_288  209_136_704;
    }
}

network! {
    /// MobileNetV3-Small minimalistic, TF-slim's `V3_SMALL_MINIMALISTIC`.
    pub MOBILENET_V3_SMALL_MINIMALISTIC;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      Relu;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 16, s: 2 } fixed_below(0.75);
    stages   Bneck {
        k  exp   c  s;
        3   16  16  2;
        3   72  24  2;
        3   88  24  1;
        3   96  40  2;
        3  240  40  1;
        3  240  40  1;
        3  120  48  1;
        3  144  48  1;
        3  288  96  2;
        3  576  96  1;
        3  576  96  1;
    }
    head     Conv { k: 1, c: 576 };
    top      pool, Conv { k: 1, c: 1024, norm: Without, bias: With } fixed, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[0].s = 1; }

    names    torchvision::MOBILENET_V3, timm::MOBILENET_V3;
    report   title: "V3-Small min.", short: "V3-S min.", colour: 3, single;

    variants {
        name                               input  dropout;
        "mobilenet-v3-small-minimalistic"    224      0.2;
    }
    claims {
        name                                  params        macs;
        "mobilenet-v3-small-minimalistic"  2_044_736  52_288_448;
    }
}
