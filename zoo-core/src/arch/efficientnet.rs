//! EfficientNet B0 to B8.
//!
//! Paper: Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
//! arXiv:1905.11946v5, table 1; B1 to B7 by compound scaling, B8 from Xie et al. 2020 (arXiv:1911.09665). Reference
//! implementation: the authors' `efficientnet_builder.py` and `efficientnet_model.py`.
//!
//! Known divergences: the paper's table lists input resolutions where a reader expects strides. The scaling
//! coefficients follow the released builder, not the paper's formula (B5 to B7 are shallower than 1.2^phi). The paper's
//! 4.2 and 9.9 G MACs for B4 and B5 are 4 % under the released networks. torchvision's norm has eps 1e-5 for B0 to B4,
//! because those weights are timm's. Keras divides drop-path by the unscaled number of blocks.

use crate::network;

network! {
    /// EfficientNet, Tan & Le 2019 (arXiv:1905.11946v5), table 1; B1 to B8 by compound scaling.
    pub EFFICIENTNET;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      Silu;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 32, s: 2 };
    stages   MBConv { se: 0.25, se_of: Input } {
        t  k    c  n  s;
        1  3   16  1  1;
        6  3   24  2  2;
        6  5   40  2  2;
        6  3   80  3  2;
        6  5  112  3  1;
        6  5  192  4  2;
        6  3  320  1  1;
    }
    head     Conv { k: 1, c: 1280 };
    top      pool, dropout, linear;
    drop_path 0.2;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    names    torchvision::EFFICIENTNET, timm::EFFICIENTNET, lukemelas::EFFICIENTNET;
    report   title: "EfficientNet", short: "EffNet", colour: 4, compound;

    variants {
        name               width  depth  input  dropout;
        "efficientnet-b0"    1.0    1.0    224      0.2;
        "efficientnet-b1"    1.0    1.1    240      0.2;
        "efficientnet-b2"    1.1    1.2    260      0.3;
        "efficientnet-b3"    1.2    1.4    300      0.3;
        "efficientnet-b4"    1.4    1.8    380      0.4;
        "efficientnet-b5"    1.6    2.2    456      0.4;
        "efficientnet-b6"    1.8    2.6    528      0.5;
        "efficientnet-b7"    2.0    3.1    600      0.5;
        "efficientnet-b8"    2.2    3.6    672      0.5;
    }
    claims {
        name                   params            macs;
        "efficientnet-b0"   5_288_548     385_814_752;
        "efficientnet-b1"   7_794_184     686_802_832;
        "efficientnet-b2"   9_109_994     993_561_872;
        "efficientnet-b3"  12_233_232   1_827_141_392;
        "efficientnet-b4"  19_341_616   4_393_771_024;
        "efficientnet-b5"  30_389_784  10_266_384_752;
        "efficientnet-b6"  43_040_704  19_067_593_536;
        "efficientnet-b7"  66_347_960  37_745_884_192;
        "efficientnet-b8"  87_413_142  62_597_461_568;
    }
}
