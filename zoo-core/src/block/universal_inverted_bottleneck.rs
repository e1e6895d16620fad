//! The universal inverted bottleneck of MobileNetV4 (Qin et al. 2024, arXiv:2404.10518, section 3, figure 4).

use super::{Problem, expanded_in_proportion, inverted, project};
use crate::op::Activation;
use crate::plan::PlanBuilder;

/// An inverted residual with up to two depthwise convolutions: `k1` in front of the expansion, `k2` behind it. Both make the
/// paper's ExtraDW, `k2` alone its inverted bottleneck, `k1` alone its ConvNext, none its feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UniversalInvertedBottleneck {
    /// Side of the depthwise kernel in front of the expansion; 0 leaves it out.
    pub k1: u32,
    /// Side of the depthwise kernel behind the expansion; 0 leaves it out.
    pub k2: u32,
    /// Expanded channels before scaling: the paper's "expanded dim".
    pub exp: u32,
    /// Output channels before scaling.
    pub c: u32,
    /// Stride of the last depthwise convolution.
    pub s: u32,
    /// Activation of the expansion and the convolution behind it. The one in front has none.
    pub act: Activation,
}

impl UniversalInvertedBottleneck {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: UniversalInvertedBottleneck =
        UniversalInvertedBottleneck { k1: 0, k2: 0, exp: 1, c: 1, s: 1, act: Activation::Table };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        if self.exp == 0 {
            return Problem::new("exp", "an expansion needs at least 1 channel");
        }
        if self.k1 != 0 && self.k1.is_multiple_of(2) {
            return Problem::new("k1", "the kernel size must be odd");
        }
        if self.k2 != 0 && self.k2.is_multiple_of(2) {
            return Problem::new("k2", "the kernel size must be odd");
        }
        if self.s > 1 && self.k1 == 0 && self.k2 == 0 {
            return Problem::new("s", "a stride needs a depthwise convolution");
        }
        inverted(self.c, 1, self.s)
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let shortcut = b.value();
        let expanded = expanded_in_proportion(b, self.exp);
        if self.k1 != 0 {
            b.part("start");
            b.depthwise(self.k1, if self.k2 == 0 { self.s } else { 1 });
            b.norm();
        }
        b.part("expand");
        b.conv(1, expanded, 1);
        b.norm();
        b.act(self.act);
        if self.k2 != 0 {
            b.part("depthwise");
            b.depthwise(self.k2, self.s);
            b.norm();
            b.act(self.act);
        }
        let channels = b.scaled(self.c);
        project(b, channels, shortcut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_no_network_can_have_are_named() {
        let field = |block: UniversalInvertedBottleneck| block.check().map(|problem| problem.field);
        let block = UniversalInvertedBottleneck { k2: 3, exp: 64, c: 16, s: 2, ..UniversalInvertedBottleneck::DEFAULT };
        assert_eq!(field(block), None);
        assert_eq!(field(UniversalInvertedBottleneck { k1: 4, ..block }), Some("k1"));
        assert_eq!(field(UniversalInvertedBottleneck { k2: 2, ..block }), Some("k2"));
        assert_eq!(field(UniversalInvertedBottleneck { k2: 0, ..block }), Some("s"));
        assert_eq!(field(UniversalInvertedBottleneck { k1: 5, k2: 0, ..block }), None);
        assert_eq!(field(UniversalInvertedBottleneck { exp: 0, ..block }), Some("exp"));
    }
}
