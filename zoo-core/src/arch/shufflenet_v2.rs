//! ShuffleNetV2.
//!
//! Paper: Ma et al. 2018, "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", arXiv:1807.11164,
//! table 5. Reference implementations: torchvision `shufflenetv2.py`, the authors' `ShuffleNet-Series`.
//!
//! Known divergences: the authors' classifier has no bias, torchvision's has, and so has this one. The authors split by even and odd channels at the head of a unit,
//! torchvision shuffles at its end: the same function of other weights. Only the authors' 2.0x has dropout. Weights start as
//! torchvision's do, by PyTorch's defaults; the authors draw the kernels from N(0, 1 / c_in²).

use crate::network;

network! {
    /// ShuffleNetV2, Ma et al. 2018 (arXiv:1807.11164), table 5.
    pub SHUFFLENET_V2;

    round    width: divisible(2);
    vary     c1, c2, c3, last;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    init     fan_in;

    stem     Conv { k: 3, c: 24, s: 2 }, MaxPool { k: 3, s: 2 };
    stages   ShuffleUnit {
        c   n  s;
        c1  4  2;
        c2  8  2;
        c3  4  2;
    }
    head     Conv { k: 1, c: last };
    top      pool, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stem[1].s = 1; }

    names    torchvision::SHUFFLENET_V2;
    report   title: "ShuffleNetV2", short: "Shuffle", colour: 11;

    variants {
        name                  c1   c2   c3  last  input  dropout;
        "shufflenet-v2"      116  232  464  1024    224      0.0;
        "shufflenet-v2-2.0"  244  488  976  2048    224      0.2;
        "shufflenet-v2-1.5"  176  352  704  1024    224      0.0;
        "shufflenet-v2-0.5"   48   96  192  1024    224      0.0;
    }
    claims {
        name                    params         macs;
        "shufflenet-v2"      2_278_604  144_907_992;
        "shufflenet-v2-2.0"  7_393_996  583_253_464;
        "shufflenet-v2-1.5"  3_503_624  295_759_392;
        "shufflenet-v2-0.5"  1_366_792   40_476_448;
    }
}
