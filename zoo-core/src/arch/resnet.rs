//! ResNet-18, 34, 50 and 101.
//!
//! Paper: He et al. 2015, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, table 1, with projections where
//! the width changes (option B of section 3.3). Reference implementations: torchvision `resnet.py`, timm `resnet.py`, which
//! are the same networks under the same names.
//!
//! Known divergences: the 3 x 3 convolution of a bottleneck has the stride, as in torchvision ("v1.5", after Facebook's
//! `fb.resnet.torch`), not the 1 x 1 before it as in the paper; the paper's 3.8 G MACs of ResNet-50 are 4.1 G so. timm
//! starts the last norm of each block at 0 (`zero_init_last`), torchvision and this table do not. The recipes of timm's
//! later weights (A1 to A3, arXiv:2110.00476) have rates of drop-path that this table leaves at 0.

use crate::network;

network! {
    /// ResNet-18 and 34, He et al. 2015 (arXiv:1512.03385), table 1: blocks of two 3 x 3 convolutions.
    pub RESNET;

    scale    width, depth;
    vary     n1, n2, n3, n4;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    init     conv: fan_out, linear: fan_in;

    stem     Conv { k: 7, c: 64, s: 2 }, MaxPool { k: 3, s: 2 };
    stages   BasicBlock {
          c   n  s;
         64  n1  1;
        128  n2  2;
        256  n3  2;
        512  n4  2;
    }
    top      pool, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stem[1].s = 1; }

    names    torchvision::RESNET, timm::RESNET;
    report   title: "ResNet-18 and 34", short: "ResNet-18/34", colour: 8;

    variants {
        name         n1  n2  n3  n4  input;
        "resnet-18"   2   2   2   2    224;
        "resnet-34"   3   4   6   3    224;
    }
    claims {
        name             params           macs;
        "resnet-18"  11_689_512  1_814_073_344;
        "resnet-34"  21_797_672  3_663_761_408;
    }
}

network! {
    /// ResNet-50 and 101, He et al. 2015 (arXiv:1512.03385), table 1: bottlenecks, strided at the 3 x 3 convolution.
    pub RESNET_BOTTLENECK;

    scale    width, depth;
    vary     n3;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    init     conv: fan_out, linear: fan_in;

    stem     Conv { k: 7, c: 64, s: 2 }, MaxPool { k: 3, s: 2 };
    stages   Bottleneck { expansion: 4 } {
           c   n  s;
         256   3  1;
         512   4  2;
        1024  n3  2;
        2048   3  2;
    }
    top      pool, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stem[1].s = 1; }

    names    torchvision::RESNET, timm::RESNET;
    report   title: "ResNet-50 and 101", short: "ResNet-50/101", colour: 8;

    variants {
        name          n3  input;
        "resnet-50"    6    224;
        "resnet-101"  23    224;
    }
    claims {
        name              params           macs;
        "resnet-50"   25_557_032  4_089_184_256;
        "resnet-101"  44_549_160  7_801_405_440;
    }
}
