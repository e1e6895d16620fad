//! GhostNet.
//!
//! Paper: Han et al. 2020, "GhostNet: More Features from Cheap Operations", arXiv:1911.11907, table 1. Reference
//! implementations: timm `ghostnet.py` (version `v1`), the authors' `ghostnet_pytorch`.
//!
//! Known divergences: none from timm. What the table of the paper does not say is the code's: widths are rounded to
//! multiples of 4, squeezed widths too; the gate is a hard-sigmoid; the depthwise convolution of a stride has a norm and no
//! activation; the wide layer behind the pooling has a bias and no norm, and never scales.
//! Weights start by PyTorch's defaults, as in both.

use crate::network;

network! {
    /// GhostNet, Han et al. 2020 (arXiv:1911.11907), table 1.
    pub GHOSTNET;

    scale    width;
    round    width: divisible(4);
    input    3 x 224;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    init     fan_in;

    stem     Conv { k: 3, c: 16, s: 2 };
    stages   GhostBottleneck {
        k  exp    c  se  dw    s;
        3   16   16  -   -     1;
        3   48   24  -   With  2;
        3   72   24  -   -     1;
        5   72   40  Se  With  2;
        5  120   40  Se  -     1;
        3  240   80  -   With  2;
        3  200   80  -   -     1;
        3  184   80  -   -     1;
        3  184   80  -   -     1;
        3  480  112  Se  -     1;
        3  672  112  Se  -     1;
        5  672  160  Se  With  2;
        5  960  160  -   -     1;
        5  960  160  Se  -     1;
        5  960  160  -   -     1;
        5  960  160  Se  -     1;
    }
    head     Conv { k: 1, c: 960 };
    top      pool, Conv { k: 1, c: 1280, norm: Without, bias: With } fixed, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    names    timm::GHOSTNET;
    report   title: "GhostNet", short: "Ghost", colour: 12;

    variants {
        name            width  input  dropout;
        "ghostnet"        1.0    224      0.2;
        "ghostnet-1.3"    1.3    224      0.2;
        "ghostnet-0.5"    0.5    224      0.2;
    }
    claims {
        name               params         macs;
        "ghostnet"      5_182_508  141_150_512;
        "ghostnet-1.3"  7_358_820  227_003_256;
        "ghostnet-0.5"  2_587_292   42_328_152;
    }
}
