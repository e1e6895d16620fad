//! MBConv, the block of EfficientNet (Tan & Le 2019, arXiv:1905.11946v5; block of MnasNet, arXiv:1807.11626, figure 7).

use super::{Expansion, Problem, expand, inverted, project, squeeze_and_excite};
use crate::op::Activation;
use crate::plan::PlanBuilder;

/// What the squeeze ratio of [`MBConv`] is a ratio of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqueezeOf {
    /// The block's input, as the authors' `efficientnet_model.py` has it.
    Input,
    /// The expanded width, as the tutorial has it.
    Expanded,
}

/// An inverted residual with squeeze-and-excitation behind the depthwise convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MBConv {
    /// Expansion factor, of the block's real input.
    pub t: f64,
    /// Side of the depthwise kernel, odd.
    pub k: u32,
    /// Output channels before scaling.
    pub c: u32,
    /// Stride of the depthwise convolution.
    pub s: u32,
    /// Squeeze ratio; 0 leaves squeeze-and-excitation out. The squeezed width is truncated, at least 1, never rounded.
    pub se: f64,
    /// What `se` is a ratio of.
    pub se_of: SqueezeOf,
    /// Activations of expansion, depthwise convolution and squeeze.
    pub act: Activation,
    /// Whether an expansion by 1 is a layer.
    pub expansion: Expansion,
}

impl MBConv {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: MBConv = MBConv {
        t: 1.0,
        k: 3,
        c: 1,
        s: 1,
        se: 0.0,
        se_of: SqueezeOf::Input,
        act: Activation::Table,
        expansion: Expansion::UnlessOne,
    };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        // NaN is not over 0 either.
        if self.t > 0.0 { inverted(self.c, self.k, self.s) } else { Problem::new("t", "the expansion must be over 0") }
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let shortcut = b.value();
        expand(b, self.t, self.expansion, self.act);
        b.part("depthwise");
        b.depthwise(self.k, self.s);
        b.norm();
        b.act(self.act);
        if self.se > 0.0 {
            let of = match self.se_of {
                SqueezeOf::Input => shortcut.shape.c,
                SqueezeOf::Expanded => b.channels(),
            };
            let squeezed = (of as f64 * self.se) as u32;
            squeeze_and_excite(b, if squeezed == 0 { 1 } else { squeezed }, self.act, Activation::Sigmoid);
        }
        let channels = b.scaled(self.c);
        project(b, channels, shortcut);
    }
}
