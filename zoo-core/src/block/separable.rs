//! The depthwise separable convolution of MobileNetV1 (Howard et al. 2017, arXiv:1704.04861, figure 3).

use super::{Problem, inverted};
use crate::op::Activation;
use crate::plan::PlanBuilder;

/// Depthwise convolution, norm, activation, then pointwise convolution, norm, activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Separable {
    /// Side of the depthwise kernel, odd.
    pub k: u32,
    /// Output channels before scaling.
    pub c: u32,
    /// Stride of the depthwise convolution.
    pub s: u32,
    /// Both activations.
    pub act: Activation,
}

impl Separable {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: Separable = Separable { k: 3, c: 1, s: 1, act: Activation::Table };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        inverted(self.c, self.k, self.s)
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        b.part("depthwise");
        b.depthwise(self.k, self.s);
        b.norm();
        b.act(self.act);
        b.part("pointwise");
        b.conv(1, b.scaled(self.c), 1);
        b.norm();
        b.act(self.act);
    }
}
