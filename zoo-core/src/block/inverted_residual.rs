//! The inverted residual with linear bottleneck of MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381, table 1).

use super::{Presence, Problem, inverted, project, project_alone};
use crate::op::Activation;
use crate::plan::PlanBuilder;

/// Whether a block whose expansion would not widen keeps its expansion layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expansion {
    /// Left out where the factor is 1, as all released code has it.
    UnlessOne,
    /// Kept, as the tutorial has it.
    Always,
}

/// 1 x 1 expansion, depthwise convolution, linear 1 x 1 projection; residual where the shapes agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InvertedResidual {
    /// Expansion factor, of the block's real input.
    pub t: f64,
    /// Side of the depthwise kernel, odd.
    pub k: u32,
    /// Output channels before scaling.
    pub c: u32,
    /// Stride of the depthwise convolution.
    pub s: u32,
    /// Activations of the expansion and the depthwise convolution.
    pub act: Activation,
    /// Whether an expansion by 1 is a layer.
    pub expansion: Expansion,
    /// Whether the input is added where the shapes agree.
    pub residual: Presence,
}

impl InvertedResidual {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: InvertedResidual = InvertedResidual {
        t: 1.0,
        k: 3,
        c: 1,
        s: 1,
        act: Activation::Table,
        expansion: Expansion::UnlessOne,
        residual: Presence::With,
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
        let channels = b.scaled(self.c);
        match self.residual {
            Presence::With => project(b, channels, shortcut),
            Presence::Without => project_alone(b, channels),
        }
    }
}

/// The expansion by `t`, of the real input. Not rounded to the table's divisor: the input already is, and the tutorial's
/// `int()` agrees.
pub const fn expand(b: &mut PlanBuilder<'_>, t: f64, expansion: Expansion, act: Activation) {
    if t == 1.0 && matches!(expansion, Expansion::UnlessOne) {
        return;
    }
    let expanded = (b.channels() as f64 * t) as u32;
    b.part("expand");
    b.conv(1, expanded, 1);
    b.norm();
    b.act(act);
}
