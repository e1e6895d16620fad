//! EfficientNet-Lite 0 to 4.
//!
//! Source: the EfficientNet authors' `lite/efficientnet_lite_builder.py` and `lite/README.md`; there is no paper.
//!
//! Known divergences: no squeeze-and-excitation, ReLU6 in place of SiLU, stem and head never scale, the first and last
//! stage keep their depth. Input sizes are the builder's; timm evaluates Lite3 at 300 and Lite4 at 380. The README's MACs
//! also count the norms (407 M for Lite0, against 385 M here).

use crate::network;

network! {
    /// EfficientNet-Lite, the authors' builder for mobile accelerators.
    pub EFFICIENTNET_LITE;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      Relu6;
    init     conv: fan_out, linear: fan_out(min 1000);

    stem     Conv { k: 3, c: 32, s: 2 } fixed;
    stages   MBConv {
        t  k    c  n  s;
        1  3   16  1  1  fix_depth;
        6  3   24  2  2;
        6  5   40  2  2;
        6  3   80  3  2;
        6  5  112  3  1;
        6  5  192  4  2;
        6  3  320  1  1  fix_depth;
    }
    head     Conv { k: 1, c: 1280 } fixed;
    top      pool, dropout, linear;
    drop_path 0.2;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[1].s = 1; }

    names    timm::EFFICIENTNET, lukemelas::EFFICIENTNET_LITE;
    report   title: "EfficientNet-Lite", short: "Lite", colour: 5, compound;

    variants {
        name                  width  depth  input  dropout;
        "efficientnet-lite0"    1.0    1.0    224      0.2;
        "efficientnet-lite1"    1.0    1.1    240      0.2;
        "efficientnet-lite2"    1.1    1.2    260      0.3;
        "efficientnet-lite3"    1.2    1.4    280      0.3;
        "efficientnet-lite4"    1.4    1.8    300      0.3;
    }
    claims {
        name                      params           macs;
        "efficientnet-lite0"   4_652_008    385_187_552;
        "efficientnet-lite1"   5_416_680    600_185_232;
        "efficientnet-lite2"   6_092_072    859_736_272;
        "efficientnet-lite3"   8_197_096  1_383_321_872;
        "efficientnet-lite4"  13_006_568  2_553_034_336;
    }
}
