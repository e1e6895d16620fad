//! The early block of MobileNetV4-Conv-S (Qin et al. 2024, arXiv:2404.10518, table 11).

use super::{Problem, inverted};
use crate::op::Activation;
use crate::plan::PlanBuilder;

/// A convolution and one of 1 x 1, each with norm and activation. The paper's table calls it FusedIB, but what was released
/// has neither that block's linear projection nor its residual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvPair {
    /// Side of the first kernel, odd.
    pub k: u32,
    /// Channels between the two before scaling: the paper's "expanded dim".
    pub exp: u32,
    /// Output channels before scaling.
    pub c: u32,
    /// Stride of the first convolution.
    pub s: u32,
    /// Both activations.
    pub act: Activation,
}

impl ConvPair {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: ConvPair = ConvPair { k: 3, exp: 1, c: 1, s: 1, act: Activation::Table };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        if self.exp == 0 {
            return Problem::new("exp", "an expansion needs at least 1 channel");
        }
        inverted(self.c, self.k, self.s)
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let between = b.scaled(self.exp);
        b.part("first");
        b.conv(self.k, between, self.s);
        b.norm();
        b.act(self.act);
        let channels = b.scaled(self.c);
        b.part("second");
        b.conv(1, channels, 1);
        b.norm();
        b.act(self.act);
    }
}
