//! Architectures as tables.
//!
//! [`network!`] turns the table of a paper into an [`Architecture`]; [`Plan`] is the flat list of operations that it
//! stands for, and everything else reads the plan: counts, drawings, and (with the feature `torch`, on by default) the
//! tch modules. The command line, data and training are in the crate zoo-train.

// What the expansion of a table calls this crate, whatever name its user gave it.
#[doc(hidden)]
pub extern crate self as __zoo;

pub mod arch;
mod architecture;
pub mod block;
pub mod compare;
pub mod draw;
#[cfg(feature = "torch")]
pub mod model;
pub mod names;
#[cfg(feature = "torch")]
pub mod onnx;
pub mod op;
mod outline;
mod overrides;
pub mod plan;
pub mod prelude;
mod registry;
pub mod regular_file;
#[cfg(test)]
mod sample;
pub mod summary;
#[cfg(feature = "torch")]
pub mod weights;
pub mod whole_file;

pub use architecture::{About, Architecture, Axes, Claim, Variant};
pub use compare::Comparison;
pub use draw::draw;
pub use op::{Activation, BatchNorm, Convolution, Cost, LayerNorm, Op, OpKind, Place, Pooling, Shape, Window};
pub use overrides::{Overrides, UnknownProfile};
pub use plan::{
    DepthRounding, Draw, ImageSize, Init, InputSize, Norm, Options, Padding, Plan, PlanBuilder, PlanError, Rules,
    Scaling, Value, WidthRounding,
};
pub use registry::{Entry, Registry, UnknownModel, nearest};
pub use summary::{Named, Summary};
#[doc(hidden)]
pub use zoo_macros::network as __network;

// A procedural macro does not know under which name a crate depends on this one; `$crate` does.
#[doc = include_str!("network.md")]
#[macro_export]
macro_rules! network {
    ($($table:tt)*) => { $crate::__network! { $crate $($table)* } };
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
