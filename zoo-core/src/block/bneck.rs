//! Bneck, the block of MobileNetV3 (Howard et al. 2019, arXiv:1905.02244v5, tables 1 and 2, figure 4).

use super::{Expansion, Problem, inverted, project, squeeze_and_excite};
use crate::op::Activation;
use crate::plan::PlanBuilder;

/// Whether a row has squeeze-and-excitation: the SE column of the paper's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqueezeAndExcitation {
    /// It has, squeezing to a quarter of the expanded width.
    Se,
    /// It has not.
    NoSe,
}

/// How the squeezed width becomes a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqueezeRounding {
    /// By the table's width rule, as all released code has it.
    ByTable,
    /// Towards zero, at least 1, as the tutorial has it.
    TowardsZero,
}

/// How the expanded width follows the width multiplier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpansionRule {
    /// The table's ratio of expansion to input, times the real input, rounded (TF-slim, Keras, timm).
    RatioOfInput,
    /// The table's expansion times the multiplier, rounded (torchvision and the tutorial).
    ScaledWidth,
}

/// An inverted residual with its own expansion width, squeeze-and-excitation and activation in each row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bneck {
    /// Side of the depthwise kernel, odd.
    pub k: u32,
    /// Expanded channels before scaling: the paper's "exp size".
    pub exp: u32,
    /// Output channels before scaling.
    pub c: u32,
    /// Whether squeeze-and-excitation stands behind the depthwise activation.
    pub se: SqueezeAndExcitation,
    /// Activations of expansion and depthwise convolution.
    pub act: Activation,
    /// Stride of the depthwise convolution.
    pub s: u32,
    /// How the squeezed width is rounded.
    pub se_round: SqueezeRounding,
    /// How the expanded width scales.
    pub exp_rule: ExpansionRule,
    /// Whether an expansion to the input's own width is a layer.
    pub expansion: Expansion,
}

impl Bneck {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: Bneck = Bneck {
        k: 3,
        exp: 1,
        c: 1,
        se: SqueezeAndExcitation::NoSe,
        act: Activation::Table,
        s: 1,
        se_round: SqueezeRounding::ByTable,
        exp_rule: ExpansionRule::RatioOfInput,
        expansion: Expansion::UnlessOne,
    };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        if self.exp == 0 {
            return Problem::new("exp", "an expansion needs at least 1 channel");
        }
        inverted(self.c, self.k, self.s)
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let shortcut = b.value();
        if self.exp != b.nominal_channels() || matches!(self.expansion, Expansion::Always) {
            let expanded = self.expanded(b);
            b.part("expand");
            b.conv(1, expanded, 1);
            b.norm();
            b.act(self.act);
        }
        b.part("depthwise");
        b.depthwise(self.k, self.s);
        b.norm();
        b.act(self.act);
        if matches!(self.se, SqueezeAndExcitation::Se) {
            let quarter = b.channels() as f64 / 4.0;
            let squeezed = match self.se_round {
                SqueezeRounding::ByTable => b.rounded(quarter),
                SqueezeRounding::TowardsZero if quarter < 1.0 => 1,
                SqueezeRounding::TowardsZero => quarter as u32,
            };
            squeeze_and_excite(b, squeezed, Activation::Relu, Activation::HardSigmoid);
        }
        let channels = b.scaled(self.c);
        project(b, channels, shortcut);
    }

    const fn expanded(&self, b: &PlanBuilder<'_>) -> u32 {
        match self.exp_rule {
            ExpansionRule::RatioOfInput => expanded_in_proportion(b, self.exp),
            ExpansionRule::ScaledWidth => b.scaled(self.exp),
        }
    }
}

/// The table's expansion to `exp` channels where the input has another width than in the table: in proportion, rounded.
pub const fn expanded_in_proportion(b: &PlanBuilder<'_>, exp: u32) -> u32 {
    b.rounded(exp as f64 * b.channels() as f64 / b.nominal_channels() as f64)
}
