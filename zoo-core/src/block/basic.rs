//! The block of the shallower residual networks (He et al. 2015, arXiv:1512.03385, figure 5, left).

use super::{Problem, problems_of_residual, shortcut};
use crate::op::Activation;
use crate::plan::PlanBuilder;

/// Two 3 x 3 convolutions, the sum with the shortcut, activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BasicBlock {
    /// Output channels before scaling.
    pub c: u32,
    /// Stride of the first convolution.
    pub s: u32,
}

impl BasicBlock {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: BasicBlock = BasicBlock { c: 1, s: 1 };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        problems_of_residual(self.c, self.s)
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let channels = b.scaled(self.c);
        let shortcut = shortcut(b, channels, self.s);
        b.part("conv1");
        b.conv(3, channels, self.s);
        b.norm();
        b.act(Activation::Table);
        b.part("conv2");
        b.conv(3, channels, 1);
        b.norm();
        b.part("");
        b.add(shortcut);
        b.act(Activation::Table);
    }
}
