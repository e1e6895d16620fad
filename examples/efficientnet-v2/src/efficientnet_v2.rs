//! EfficientNetV2-S.
//!
//! Paper: Tan & Le 2021, "EfficientNetV2: Smaller Models and Faster Training", arXiv:2104.00298, table 4. Reference
//! implementation: torchvision's `efficientnet_v2_s`; for other widths and depths the authors' `effnetv2_model.py`,
//! which scales stem, stages and head as EfficientNet does.
//!
//! Known divergences: the paper's first version had 272 channels in the last stage and 1792 in the head, 24 M
//! parameters in all; its authors then released 256 and 1280, and so has torchvision. Training goes up to 300 px and
//! evaluation is at 384 px, for the authors and torchvision alike; the variant's input is that of evaluation, which
//! published accuracy and operations are for. The authors pad as TensorFlow does (`padding same`), torchvision
//! symmetrically, as here.

use zoo_core::network;

use crate::fused_mbconv::FusedMBConv;

network! {
    /// EfficientNetV2-S, Tan & Le 2021 (arXiv:2104.00298), table 4.
    pub EFFICIENTNET_V2;

    scale    width, depth;
    round    width: divisible(8), depth: ceil;
    input    3 x 384;
    norm     BatchNorm { eps: 1e-3, momentum: 0.1 };
    act      Silu;
    init     fan_out;

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

    variants {
        name                  width  depth  input  dropout;
        "efficientnet-v2-s"     1.0    1.0    384      0.2;
    }
    claims {                                                // 21,458,488 and 8.366 G stand in torchvision's metadata
        name                 profile  input  classes      params           macs;
        "efficientnet-v2-s"  native     384     1000  21_458_488  8_365_617_152;
        "efficientnet-v2-s"  native     224     1000  21_458_488  2_849_895_872;
        "efficientnet-v2-s"  stem1       32       10  20_190_298    235_918_592;
        "efficientnet-v2-s"  cifar       32       10  20_190_298    898_800_128;
    }
}
