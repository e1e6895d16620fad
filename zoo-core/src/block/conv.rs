//! A plain convolution with norm and activation: stems, heads and the wide layer of MobileNetV3's classifier.

use super::Problem;
use crate::op::{Activation, Convolution};
use crate::plan::{PlanBuilder, Scaling};

/// Whether a layer has a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It has.
    With,
    /// It has not.
    Without,
}

/// Convolution, norm, activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv {
    /// Side of the kernel, odd.
    pub k: u32,
    /// Output channels before scaling.
    pub c: u32,
    /// Stride.
    pub s: u32,
    /// Whether a norm follows.
    pub norm: Presence,
    /// Whether the convolution has a bias.
    pub bias: Presence,
    /// The activation behind it.
    pub act: Activation,
    /// How the width follows the multiplier: the word behind the braces.
    pub scaling: Scaling,
}

impl Conv {
    /// Values of the fields that a table leaves out.
    pub const DEFAULT: Conv = Conv {
        k: 1,
        c: 0,
        s: 1,
        norm: Presence::With,
        bias: Presence::Without,
        act: Activation::Table,
        scaling: Scaling::Scaled,
    };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        if self.k == 0 || self.k > 255 {
            return Problem::new("k", "the kernel size must be 1 to 255");
        }
        if self.s == 0 || self.s > 4 {
            return Problem::new("s", "the stride must be 1 to 4");
        }
        if self.c == 0 { Problem::new("c", "this layer has no width: add `c: 32`") } else { None }
    }

    /// Emits the layer.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let channels = b.scaled_unless(self.c, self.scaling);
        let bias = matches!(self.bias, Presence::With);
        b.convolution(Convolution { channels, kernel: self.k, stride: self.s, bias, ..Convolution::DEFAULT });
        if matches!(self.norm, Presence::With) {
            b.norm();
        }
        b.act(self.act);
    }
}
