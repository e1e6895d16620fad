//! RepVGG-A0 to A2 and B0 to B3, as they are trained.
//!
//! Paper: Ding et al. 2021, "RepVGG: Making VGG-style ConvNets Great Again", arXiv:2101.03697, tables 2 and 3. Reference
//! implementations: the authors' `repvgg.py` and timm's `byobnet.py`.
//!
//! Known divergences: the paper counts the network that is left when the branches of each block are folded into one 3 x 3
//! convolution; here, as in timm, it is the one with branches, which computes the same. The paper gives widths as multiples
//! of 64, 128, 256 and 512, each stage with its own; the table has what comes out.

use zoo_core::network;

use crate::block::RepVggBlock;
use crate::names::TIMM;

network! {
    /// RepVGG, Ding et al. 2021 (arXiv:2101.03697), tables 2 and 3.
    pub REPVGG;

    scale    width, depth;
    vary     c0, c1, c2, c3, c4, n1, n2, n3;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    init     conv: fan_out, linear: normal(0.01);

    stem     RepVggBlock { c: c0, s: 2 };
    stages   RepVggBlock {
        c    n  s;
        c1  n1  2;
        c2  n2  2;
        c3  n3  2;
        c4   1  2;
    }
    top      pool, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 1; stages[0].s = 1; }

    names    TIMM;

    variants {
        name         c0   c1   c2   c3    c4  n1  n2  n3  input;
        "repvgg-a0"  48   48   96  192  1280   2   4  14    224;
        "repvgg-a1"  64   64  128  256  1280   2   4  14    224;
        "repvgg-a2"  64   96  192  384  1408   2   4  14    224;
        "repvgg-b0"  64   64  128  256  1280   4   6  16    224;
        "repvgg-b1"  64  128  256  512  2048   4   6  16    224;
        "repvgg-b2"  64  160  320  640  2560   4   6  16    224;
        "repvgg-b3"  64  192  384  768  2560   4   6  16    224;
    }
    claims {                                                // counted in timm's own modules
        name         profile  input  classes       params            macs;
        "repvgg-a0"   native    224     1000    9_108_968   1_512_581_120;
        "repvgg-a1"   native    224     1000   14_092_264   2_626_488_320;
        "repvgg-a2"   native    224     1000   28_210_600   5_685_345_280;
        "repvgg-b0"   native    224     1000   15_817_960   3_397_191_680;
        "repvgg-b1"   native    224     1000   57_415_016  13_128_089_600;
        "repvgg-b2"   native    224     1000   89_022_376  20_418_170_880;
        "repvgg-b3"   native    224     1000  123_085_288  29_120_696_320;
        "repvgg-a0"    stem1     32       10    7_840_778     123_384_320;
        // 96 more than with `stem1`: without its stride the first block of stage 0 keeps its shape, and so the input.
        "repvgg-a0"    cifar     32       10    7_840_874     489_075_200;
    }
}
