//! MnasNet-B1.
//!
//! Paper: Tan et al. 2019, "MnasNet: Platform-Aware Neural Architecture Search for Mobile", arXiv:1807.11626. B1 is the
//! network that was found without squeeze-and-excitation in the search space; its layers are those of the authors'
//! `mnasnet_models.py` (`mnasnet_b1`). Reference implementations: torchvision `mnasnet.py`, timm `_gen_mnasnet_b1`.
//!
//! Known divergences: the paper draws A1 only, which has squeeze-and-excitation. Stem and first stage follow the multiplier
//! as in torchvision since version 2 of its state dicts; before, they stayed at 32 and 16 channels, and such files do not
//! fit. The last convolution never scales. Norms are torchvision's, with eps 1e-5 and 1 - 0.9997 as the share of a new batch;
//! timm has 0.1 there. Weights start as the authors' and timm's; torchvision counts the outputs of all groups as the fan of a
//! depthwise convolution, and its classifier is wider by √3.

use crate::network;

network! {
    /// MnasNet-B1, Tan et al. 2019 (arXiv:1807.11626), as torchvision and timm have it.
    pub MNASNET;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-5, momentum: 3e-4 };
    act      Relu;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 32, s: 2 };
    stages   InvertedResidual { residual: Without } {
        t  k    c  n  s;
        1  3   16  1  1  fix_depth;
    }
    stages   InvertedResidual {
        t  k    c  n  s;
        3  3   24  3  2;
        3  5   40  3  2;
        6  5   80  3  2;
        6  3   96  2  1;
        6  5  192  4  2;
        6  3  320  1  1;
    }
    head     Conv { k: 1, c: 1280 } fixed;
    top      pool, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    names    torchvision::MNASNET, timm::EFFICIENTNET;
    report   title: "MnasNet", short: "MnasNet", colour: 10;

    variants {
        name            width  input  dropout;
        "mnasnet"         1.0    224      0.2;
        "mnasnet-1.4"     1.4    224      0.2;
        "mnasnet-1.3"     1.3    224      0.2;
        "mnasnet-0.75"   0.75    224      0.2;
        "mnasnet-0.5"     0.5    224      0.2;
    }
    claims {
        name               params         macs;
        "mnasnet"       4_383_312  314_415_872;
        "mnasnet-1.4"   7_115_728  588_799_408;
        "mnasnet-1.3"   6_282_256  526_362_432;
        "mnasnet-0.75"  3_170_208  215_493_104;
        "mnasnet-0.5"   2_218_512  104_455_968;
    }
}
