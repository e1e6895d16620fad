//! RegNetY-400MF, 800MF, 1.6GF and 3.2GF.
//!
//! Paper: Radosavovic et al. 2020, "Designing Network Design Spaces", arXiv:2003.13678, appendix, table of RegNetY models:
//! depths, widths and group widths that its rule of section 3.3 gives. Reference implementations: pycls, timm `regnet.py`
//! (`regnety_004` to `_032`), torchvision `regnet.py` (`regnet_y_400mf` to `_3_2gf`).
//!
//! Known divergences: torchvision's `regnet_y_800mf` is another network, with widths of 144 and 784 where the paper, pycls
//! and timm have 128 and 768: it rounds half a group up, they to even. So 800MF is a table without torchvision's names. The squeeze ratio is of the block's
//! input, as in all code. Other widths keep whole groups in the 3 x 3 convolution.
//! Weights start as in timm; pycls and torchvision count the outputs of all groups as the fan of a grouped convolution.

use crate::network;

network! {
    /// RegNetY, Radosavovic et al. 2020 (arXiv:2003.13678): bottlenecks as wide inside as outside, with groups and
    /// squeeze-and-excitation.
    pub REGNET_Y;

    scale    width, depth;
    vary     c1, c2, c3, c4, n1, n2, n3, n4, g;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    init     conv: fan_out, linear: normal(0.01);

    stem     Conv { k: 3, c: 32, s: 2 };
    stages   Bottleneck { expansion: 1, se: 0.25 } {
         c   n  g  s;
        c1  n1  g  2;
        c2  n2  g  2;
        c3  n3  g  2;
        c4  n4  g  2;
    }
    top      pool, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[0].s = 1; }

    names    torchvision::REGNET, timm::REGNET;
    report   title: "RegNetY", short: "RegNetY", colour: 13;

    variants {
        name             c1   c2   c3    c4  n1  n2  n3  n4   g  input;
        "regnet-y-400mf"  48  104  208   440   1   3   6   6   8    224;
        "regnet-y-1.6gf"  48  120  336   888   2   6  17   2  24    224;
        "regnet-y-3.2gf"  72  216  576  1512   2   5  13   1  24    224;
    }
    claims {
        name                  params           macs;
        "regnet-y-400mf"   4_344_144    401_842_848;
        "regnet-y-1.6gf"  11_202_430  1_612_076_160;
        "regnet-y-3.2gf"  19_436_338  3_176_482_752;
    }
}

network! {
    /// RegNetY-800MF, Radosavovic et al. 2020 (arXiv:2003.13678).
    pub REGNET_Y_800MF;

    scale    width, depth;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    init     conv: fan_out, linear: normal(0.01);

    stem     Conv { k: 3, c: 32, s: 2 };
    stages   Bottleneck { expansion: 1, se: 0.25, g: 16 } {
          c  n  s;
         64  1  2;
        128  3  2;
        320  8  2;
        768  2  2;
    }
    top      pool, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[0].s = 1; }

    names    timm::REGNET;
    report   title: "RegNetY-800MF", short: "RegNetY-800MF", colour: 13;

    variants { name input; "regnet-y-800mf" 224; }
    claims   { name params macs; "regnet-y-800mf" 6_263_168 797_176_832; }
}
