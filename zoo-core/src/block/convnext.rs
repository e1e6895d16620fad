//! The stem and the block of ConvNeXt (Liu et al. 2022, arXiv:2201.03545, section 2, figure 4).

use super::Problem;
use crate::op::{Activation, Convolution};
use crate::plan::PlanBuilder;

/// The "patchify" stem: a convolution whose kernel is its stride, so that patches do not overlap, and a norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patchify {
    /// Output channels before scaling.
    pub c: u32,
    /// Side of a patch.
    pub s: u32,
}

impl Patchify {
    /// Values of the fields that a table leaves out.
    pub const DEFAULT: Patchify = Patchify { c: 1, s: 4 };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        if self.s == 0 { Problem::new("s", "the patch size must be at least 1") } else { Problem::of_width(self.c) }
    }

    /// Emits the layer.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let channels = b.scaled(self.c);
        patches(b, self.s, channels);
        b.norm();
    }
}

/// A depthwise convolution, a norm and two 1 x 1 convolutions, the first of which widens, all with bias; a gain and a
/// residual. Where the width or the map changes, a norm and a convolution of patches stand in front.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvNext {
    /// Side of the depthwise kernel, odd.
    pub k: u32,
    /// By how much the first 1 x 1 convolution widens.
    pub t: u32,
    /// Output channels before scaling.
    pub c: u32,
    /// Stride of the convolution in front.
    pub s: u32,
    /// Activation between the 1 x 1 convolutions.
    pub act: Activation,
    /// Where the gain starts: "layer scale".
    pub gain: f64,
}

impl ConvNext {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: ConvNext = ConvNext { k: 7, t: 4, c: 1, s: 1, act: Activation::Table, gain: 1e-6 };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        if self.t == 0 {
            return Problem::new("t", "the expansion must be at least 1");
        }
        super::inverted(self.c, self.k, self.s)
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let channels = b.scaled(self.c);
        if self.s != 1 || b.channels() != channels {
            b.part("downsample");
            b.norm();
            patches(b, self.s, channels);
        }
        let shortcut = b.value();
        b.part("depthwise");
        b.convolution(Convolution { channels, kernel: self.k, groups: channels, bias: true, ..Convolution::DEFAULT });
        b.norm();
        b.part("expand");
        b.conv_with_bias(1, channels.saturating_mul(self.t), 1);
        b.act(self.act);
        b.part("project");
        b.conv_with_bias(1, channels, 1);
        b.gain(self.gain);
        b.part("");
        b.add(shortcut);
    }
}

/// A convolution with bias, of patches of that side that do not overlap. What is left of the map at its edge is cut off.
const fn patches(b: &mut PlanBuilder<'_>, side: u32, channels: u32) {
    let padding = Some(0);
    b.convolution(Convolution { channels, kernel: side, stride: side, bias: true, padding, ..Convolution::DEFAULT });
}
