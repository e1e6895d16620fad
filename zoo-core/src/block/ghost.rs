//! The bottleneck of GhostNet (Han et al. 2020, arXiv:1911.11907, figures 2 and 3).

use super::{Presence, Problem, SqueezeAndExcitation, inverted, squeeze_and_excite};
use crate::op::Activation;
use crate::plan::{PlanBuilder, Value};

/// A ghost module to the expanded width, a depthwise convolution where the map shrinks, squeeze-and-excitation, a linear
/// ghost module, and a shortcut, which is a depthwise and a pointwise convolution where the shapes differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GhostBottleneck {
    /// Side of the kernels of depthwise convolution and shortcut, odd. Ghost modules have 3 x 3 kernels.
    pub k: u32,
    /// Expanded channels before scaling: the paper's "#exp".
    pub exp: u32,
    /// Output channels before scaling.
    pub c: u32,
    /// Whether squeeze-and-excitation to a quarter stands between the ghost modules.
    pub se: SqueezeAndExcitation,
    /// Whether the depthwise convolution stands between the ghost modules: with every stride, and also where a profile takes
    /// the stride away, so that the same weights fit.
    pub dw: Presence,
    /// Stride of the depthwise convolution and of the shortcut.
    pub s: u32,
    /// Activation of the first ghost module.
    pub act: Activation,
}

impl GhostBottleneck {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: GhostBottleneck = GhostBottleneck {
        k: 3,
        exp: 1,
        c: 1,
        se: SqueezeAndExcitation::NoSe,
        dw: Presence::Without,
        s: 1,
        act: Activation::Table,
    };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        if self.exp == 0 {
            return Problem::new("exp", "an expansion needs at least 1 channel");
        }
        if self.s > 1 && matches!(self.dw, Presence::Without) {
            return Problem::new("dw", "a stride needs the depthwise convolution: `With`");
        }
        inverted(self.c, self.k, self.s)
    }

    /// Emits the block.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let (input, channels) = (b.value(), b.scaled(self.c));
        ghost(b, ["ghost1.primary", "ghost1.cheap", "ghost1"], b.scaled(self.exp), Some(self.act));
        if matches!(self.dw, Presence::With) {
            b.part("depthwise");
            b.depthwise(self.k, self.s);
            b.norm();
        }
        if matches!(self.se, SqueezeAndExcitation::Se) {
            let squeezed = b.rounded(b.channels() as f64 / 4.0);
            squeeze_and_excite(b, squeezed, Activation::Relu, Activation::HardSigmoid);
        }
        ghost(b, ["ghost2.primary", "ghost2.cheap", "ghost2"], channels, None);
        let output = b.value();
        let shortcut = self.shortcut(b, input, channels);
        b.resume(output);
        b.part("");
        b.add(shortcut);
    }

    const fn shortcut(&self, b: &mut PlanBuilder<'_>, input: Value, channels: u32) -> Value {
        if self.s == 1 && input.shape.c == channels && matches!(self.dw, Presence::Without) {
            return input;
        }
        b.resume(input);
        b.part("shortcut.depthwise");
        b.depthwise(self.k, self.s);
        b.norm();
        b.part("shortcut.project");
        b.conv(1, channels, 1);
        b.norm();
        b.value()
    }
}

/// A ghost module: half of the channels by a pointwise convolution, the other half from these by a depthwise one. Of an odd
/// number the last channel is cut off.
const fn ghost(b: &mut PlanBuilder<'_>, parts: [&'static str; 3], channels: u32, act: Option<Activation>) {
    let half = channels.div_ceil(2);
    b.part(parts[0]);
    b.conv(1, half, 1);
    b.norm();
    if let Some(act) = act {
        b.act(act);
    }
    let primary = b.value();
    b.part(parts[1]);
    b.depthwise(3, 1);
    b.norm();
    if let Some(act) = act {
        b.act(act);
    }
    let cheap = b.value();
    b.part(parts[2]);
    b.concat(&[primary, cheap]);
    if 2 * half > channels {
        b.narrow(0, channels);
    }
}
