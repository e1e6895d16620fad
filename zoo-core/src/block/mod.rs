//! Blocks: what a row of a table means, one file a block.
//!
//! A block is a struct whose fields are the columns of its rows, with a constant `DEFAULT` and an inherent
//! `const fn plan(&self, &mut PlanBuilder)` that emits operations, and a `const fn check(&self) -> Option<Problem>` that says
//! which of its fields no network can have. Fields are `u32`, `f64` or enums. Any such type
//! works in a table, also one of another crate; these are the ones that the papers here use.

mod basic;
mod bneck;
mod bottleneck;
mod conv;
mod conv_pair;
mod convnext;
mod fused_mbconv;
mod ghost;
mod inverted_residual;
mod max_pool;
mod mbconv;
mod problem;
mod separable;
mod shuffle_unit;
mod universal_inverted_bottleneck;

pub use basic::BasicBlock;
pub use bneck::{Bneck, ExpansionRule, SqueezeAndExcitation, SqueezeRounding, expanded_in_proportion};
pub use bottleneck::Bottleneck;
pub use conv::{Conv, Presence};
pub use conv_pair::ConvPair;
pub use convnext::{ConvNext, Patchify};
pub use fused_mbconv::FusedMBConv;
pub use ghost::GhostBottleneck;
pub use inverted_residual::{Expansion, InvertedResidual, expand};
pub use max_pool::MaxPool;
pub use mbconv::{MBConv, SqueezeOf};
pub use problem::{Problem, inverted, problem_beside, problem_of};
pub use separable::Separable;
pub use shuffle_unit::ShuffleUnit;
pub use universal_inverted_bottleneck::UniversalInvertedBottleneck;

use crate::op::Activation;
use crate::plan::{PlanBuilder, Value};

/// A squeeze-and-excitation gate: pool, reduce to `squeezed` channels, expand again, multiply (Hu et al. 2018,
/// arXiv:1709.01507, figure 2), with 1 x 1 convolutions and biases as all mobile networks do.
pub const fn squeeze_and_excite(b: &mut PlanBuilder<'_>, squeezed: u32, inner: Activation, gate: Activation) {
    let features = b.value();
    let channels = b.channels();
    b.part("se");
    b.pool();
    b.part("se.reduce");
    b.conv_with_bias(1, squeezed, 1);
    b.act(inner);
    b.part("se.expand");
    b.conv_with_bias(1, channels, 1);
    b.act(gate);
    b.part("se");
    b.scale(features);
}

/// The linear projection that ends an inverted residual, and the residual where stride and widths allow it.
pub const fn project(b: &mut PlanBuilder<'_>, channels: u32, shortcut: Value) {
    project_alone(b, channels);
    if b.value().shape.equals(shortcut.shape) {
        b.part("");
        b.add(shortcut);
    }
}

/// The linear projection without a residual.
pub const fn project_alone(b: &mut PlanBuilder<'_>, channels: u32) {
    b.part("project");
    b.conv(1, channels, 1);
    b.norm();
}

/// The shortcut of a residual block: what comes in, or where its width or map is another than the block's, a projection of
/// it (He et al. 2015, arXiv:1512.03385, section 3.3, option B). The next operation reads what came in.
pub const fn shortcut(b: &mut PlanBuilder<'_>, channels: u32, stride: u32) -> Value {
    let input = b.value();
    if stride == 1 && input.shape.c == channels {
        return input;
    }
    b.part("shortcut");
    b.conv(1, channels, stride);
    b.norm();
    let projected = b.value();
    b.resume(input);
    projected
}

/// What is wrong with width and stride of a residual block.
pub const fn problems_of_residual(c: u32, s: u32) -> Option<Problem> {
    match Problem::of_width(c) {
        None => Problem::of_stride(s),
        problem => problem,
    }
}
