//! The bottleneck of the deeper residual networks (He et al. 2015, arXiv:1512.03385, figure 5, right), with the groups and
//! the squeeze-and-excitation that RegNet gives it (Radosavovic et al. 2020, arXiv:2003.13678, figure 4 and section 5).

use super::{Problem, problems_of_residual, shortcut, squeeze_and_excite};
use crate::op::Activation;
use crate::plan::PlanBuilder;

/// 1 x 1, 3 x 3 and 1 x 1 convolution, the sum with the shortcut, activation.
///
/// The 3 x 3 convolution has the stride, not the first as in the paper: torchvision's "v1.5", timm's and pycls' networks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bottleneck {
    /// Output channels before scaling.
    pub c: u32,
    /// Stride of the 3 x 3 convolution and of a projected shortcut.
    pub s: u32,
    /// Output channels for each channel of the 3 x 3 convolution.
    pub expansion: u32,
    /// Channels in a group of the 3 x 3 convolution; 0 for a dense one.
    pub g: u32,
    /// Squeeze ratio, of the block's real input; 0 leaves squeeze-and-excitation out. It stands behind the 3 x 3 convolution.
    pub se: f64,
}

impl Bottleneck {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: Bottleneck = Bottleneck { c: 1, s: 1, expansion: 4, g: 0, se: 0.0 };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        if self.expansion == 0 {
            return Problem::new("expansion", "the expansion must be at least 1");
        }
        problems_of_residual(self.c, self.s)
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let (input, channels) = (b.channels(), b.scaled(self.c));
        let shortcut = shortcut(b, channels, self.s);
        let (inner, groups) = in_groups(b.scaled(self.c / self.expansion), self.g);
        b.part("conv1");
        b.conv(1, inner, 1);
        b.norm();
        b.act(Activation::Table);
        b.part("conv2");
        b.grouped(3, inner, self.s, groups);
        b.norm();
        b.act(Activation::Table);
        if self.se > 0.0 {
            let squeezed = (input as f64 * self.se + 0.5) as u32;
            squeeze_and_excite(b, if squeezed == 0 { 1 } else { squeezed }, Activation::Table, Activation::Sigmoid);
        }
        b.part("conv3");
        b.conv(1, channels, 1);
        b.norm();
        b.part("");
        b.add(shortcut);
        b.act(Activation::Table);
    }
}

/// The nearest width that whole groups of `g` channels make, and how many they are: one where the width is below `g`
/// (pycls' `adjust_block_compatibility`).
const fn in_groups(width: u32, g: u32) -> (u32, u32) {
    if g == 0 || width < g {
        return (width, 1);
    }
    let groups = (width + g / 2) / g;
    (groups * g, groups)
}
