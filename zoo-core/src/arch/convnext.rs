//! ConvNeXt-Tiny, -Small and -Base, and timm's four smaller ones.
//!
//! Paper: Liu et al. 2022, "A ConvNet for the 2020s", arXiv:2201.03545, section 2 and appendix A. Reference implementations:
//! the authors' `convnext.py`, torchvision `convnext.py`, timm `convnext.py`; Atto, Femto, Pico and Nano are timm's own.
//!
//! Known divergences: drop-path grows over the blocks as in the other tables, so that the last one stays a step below the
//! rate of the table, which the authors, torchvision and timm reach. timm publishes no recipe of its four: they have no
//! drop-path here. In timm they have 1 x 1 convolutions where Tiny and larger have matrices, which compute the same.
//! Weights start as in all code: a normal of deviation 0.02 that is called truncated and is cut at ±2.
//!
//! The stem's patches have 4 x 4 pixels and shrink the map as two strides of 2 do: with `stem1` they have 1, and images of
//! 32 px end in a 4 x 4 map; so they do with `cifar`, where patches of 2 x 2 and the later stages share the strides.

use crate::network;

network! {
    /// ConvNeXt, Liu et al. 2022 (arXiv:2201.03545), section 2.7.
    pub CONVNEXT;

    scale    width, depth;
    vary     c1, c2, c3, c4, n3;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     LayerNorm { eps: 1e-6 };
    act      Gelu;
    init     normal(0.02);

    stem     Patchify { c: c1, s: 4 };
    stages   ConvNext { k: 7, t: 4, gain: 1e-6 } {
        c    n  s;
        c1   3  1;
        c2   3  2;
        c3  n3  2;
        c4   3  2;
    }
    top      pool, norm, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 2; stages[1].s = 1; }

    names    torchvision::CONVNEXT, timm::CONVNEXT;
    report   title: "ConvNeXt", short: "ConvNeXt", colour: 9;

    variants {
        name              c1   c2   c3    c4  n3  input  drop_path;
        "convnext-tiny"   96  192  384   768   9    224        0.1;
        "convnext-small"  96  192  384   768  27    224        0.4;
        "convnext-base"  128  256  512  1024  27    224        0.5;
    }
    claims {
        name                  params            macs;
        "convnext-tiny"   28_589_128   4_455_531_264;
        "convnext-small"  50_223_688   8_683_712_256;
        "convnext-base"   88_591_464  15_354_729_472;
    }
}

network! {
    /// ConvNeXt below Tiny: timm's Atto, Femto, Pico and Nano.
    pub CONVNEXT_NANO;

    scale    width, depth;
    vary     c1, c2, c3, c4, n3;
    round    width: divisible(8), depth: ceil;
    input    3 x 224;
    norm     LayerNorm { eps: 1e-6 };
    act      Gelu;
    init     normal(0.02);

    stem     Patchify { c: c1, s: 4 };
    stages   ConvNext { k: 7, t: 4, gain: 1e-6 } {
        c    n  s;
        c1   2  1;
        c2   2  2;
        c3  n3  2;
        c4   2  2;
    }
    top      pool, norm, dropout, linear;

    profile  stem1 { stem.s = 1; }
    profile  cifar { stem.s = 2; stages[1].s = 1; }

    names    timm::CONVNEXT_OF_CONVOLUTIONS;
    report   title: "ConvNeXt below Tiny", short: "ConvNeXt-N", colour: 9;

    variants {
        name              c1   c2   c3   c4  n3  input;
        "convnext-atto"   40   80  160  320   6    224;
        "convnext-femto"  48   96  192  384   6    224;
        "convnext-pico"   64  128  256  512   6    224;
        "convnext-nano"   80  160  320  640   8    224;
    }
    claims {
        name                  params           macs;
        "convnext-atto"    3_695_520    547_332_480;
        "convnext-femto"   5_217_784    779_629_824;
        "convnext-pico"    9_045_672  1_367_055_360;
        "convnext-nano"   15_593_560  2_445_528_320;
    }
}
