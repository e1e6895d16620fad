//! The words that a table may use without importing them; names of the caller's own scope go before these.

pub use crate::block::{
    BasicBlock, Bneck, Bottleneck, Conv, ConvNext, ConvPair, Expansion, ExpansionRule, FusedMBConv, GhostBottleneck,
    InvertedResidual, MBConv, MaxPool, Patchify, Presence, Separable, ShuffleUnit, SqueezeAndExcitation, SqueezeOf,
    SqueezeRounding, UniversalInvertedBottleneck,
};
pub use crate::names::{lukemelas, separable, timm, tonylins, torchvision};
pub use crate::op::Activation;
pub use crate::plan::PlanBuilder;
pub use Activation::{Gelu, HardSigmoid, HardSwish, Relu, Relu6, Sigmoid, Silu};
pub use Expansion::{Always, UnlessOne};
pub use ExpansionRule::{RatioOfInput, ScaledWidth};
pub use Presence::{With, Without};
pub use SqueezeAndExcitation::{NoSe, Se};
pub use SqueezeOf::{Expanded, Input};
pub use SqueezeRounding::{ByTable, TowardsZero};
