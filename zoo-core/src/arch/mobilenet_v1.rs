//! MobileNetV1.
//!
//! Paper: Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
//! arXiv:1704.04861, table 1. Reference implementation: TF-slim `mobilenet_v1.py`.
//!
//! Known divergences: the paper prints the last depthwise convolution with stride 2, all code has 1 (7 x 7 stays 7 x 7);
//! the paper says ReLU, the released code uses ReLU6. TF-slim's norm decay of 0.9997 suits runs of millions of steps;
//! here, as in Keras, it is 0.99. Widths are `max(int(d * a), 8)`; timm rounds to 8, which differs at 1.25.

use crate::network;

network! {
    /// MobileNetV1, Howard et al. 2017 (arXiv:1704.04861), table 1.
    pub MOBILENET_V1;

    scale    width, depth;
    round    width: trunc(min 8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-3, momentum: 0.01 };
    act      Relu6;
    init     truncated_normal(0.09);

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

    names    timm::EFFICIENTNET, separable::MOBILENET_V1;
    report   title: "MobileNetV1", short: "V1", colour: 0;

    variants {
        name                 width  input  dropout;
        "mobilenet-v1"         1.0    224    0.001;
        "mobilenet-v1-0.75"   0.75    224    0.001;
        "mobilenet-v1-0.5"     0.5    224    0.001;
        "mobilenet-v1-0.25"   0.25    224    0.001;
    }
    claims {
        name                    params         macs;
        "mobilenet-v1"       4_231_976  568_740_352;
        "mobilenet-v1-0.75"  2_585_560  325_400_448;
        "mobilenet-v1-0.5"   1_331_592  149_497_088;
        "mobilenet-v1-0.25"    470_072   41_030_272;
    }
}
