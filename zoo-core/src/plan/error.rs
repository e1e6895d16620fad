//! Why a set of options gives no network.

use crate::op::MAX_INPUTS;

use super::ImageSize;
use super::image_size::MAX_SIDE;
use super::options::{MAX_CLASSES, MAX_IN_CHANNELS, MAX_MULTIPLIER};

/// An option that is out of range, or a network too large to describe. Each message names the option and its range.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The width multiplier is not a number in range.
    #[error("width multiplier {0} is out of range: give a number over 0 and at most {MAX_MULTIPLIER}")]
    Width(f64),
    /// The depth multiplier is not a number in range.
    #[error("depth multiplier {0} is out of range: give a number over 0 and at most {MAX_MULTIPLIER}")]
    Depth(f64),
    /// The input size is not in range.
    #[error("input size {0} is out of range: give 1 to {MAX_SIDE} pixels")]
    InputSize(ImageSize),
    /// The number of input channels is not in range.
    #[error("{0} input channels are out of range: give 1 to {MAX_IN_CHANNELS}")]
    InChannels(u32),
    /// The number of classes is not in range.
    #[error("{0} classes are out of range: give 1 to {MAX_CLASSES}")]
    Classes(u32),
    /// The dropout probability is not in range.
    #[error("dropout {0} is out of range: give 0 or more, and less than 1")]
    Dropout(f64),
    /// The drop-path rate is not in range.
    #[error("drop-path {0} is out of range: give 0 or more, and less than 1")]
    DropPath(f64),
    /// A layer would have no channels, or be wider than a plan can describe.
    #[error("a layer would have {0} channels; expected 1 to {MAX_CHANNELS}: choose another width multiplier")]
    Channels(u64),
    /// The network would have more operations than a plan can describe.
    #[error("the network would have over {MAX_OPS} operations: choose a smaller depth multiplier")]
    Operations,
    /// A parameter or MAC count does not fit 64 bits.
    #[error("the network's counts do not fit in 64 bits: choose a smaller width or input size")]
    Count,
    /// A residual or a gate joins tensors of different shapes: a mistake in a block's `plan`.
    #[error("a block adds or scales tensors of different shapes: its plan() must compare channels and stride first")]
    ShapeMismatch,
    /// Two layers of a block have one name, and so would their weights: a mistake in a block's `plan`.
    #[error("a block has two layers named `{part}` of the same kind: its plan() must name each with part()")]
    DuplicateLayer {
        /// The name that is used twice.
        part: &'static str,
    },
    /// A kernel or stride of 0, padding as wide as the kernel, or indivisible groups: a mistake in a block's `plan`.
    #[error(
        "a block asks for a convolution or pooling that does not exist: kernels are 1 to 255, strides at least 1, padding is \
         narrower than the kernel, groups divide both channel counts"
    )]
    Convolution,
    /// Maps of different sizes side by side: a mistake in a block's `plan`.
    #[error("a block concatenates feature maps of different sizes: its plan() must give every branch the same strides")]
    Concat,
    /// Two to eight values are concatenated at once.
    #[error("a block concatenates {0} values: give 2 to {MAX_INPUTS}, and join more in two steps")]
    Inputs(usize),
    /// A value of another network, or of another pass: a mistake in a block's `plan`.
    #[error("a block reads a value of another network: its plan() must take values from the builder that it is given")]
    ForeignValue,
    /// Channels that do not exist: a mistake in a block's `plan`.
    #[error("a block takes {channels} channels starting at {from}, but there are only {of}")]
    Narrow {
        /// The first channel.
        from: u32,
        /// How many.
        channels: u32,
        /// Channels that exist.
        of: u32,
    },
    /// A split into parts of different widths: a mistake in a block's `plan`.
    #[error("a block splits {channels} channels into {parts} equal parts")]
    Split {
        /// Parts.
        parts: u32,
        /// Channels that exist.
        channels: u32,
    },
    /// A shuffle of groups that do not divide the channels: a mistake in a block's `plan`.
    #[error("a block shuffles {channels} channels in {groups} groups, which do not divide them")]
    Shuffle {
        /// Groups.
        groups: u32,
        /// Channels that exist.
        channels: u32,
    },
    /// The map has become smaller than a kernel without padding.
    #[error("a feature map is smaller than the {kernel} x {kernel} kernel that reads it: choose a larger input size")]
    SmallMap {
        /// Side of the kernel.
        kernel: u32,
    },
    /// A linear layer reads a map: a mistake in the table's `top`.
    #[error(
        "a linear layer reads a feature map of more than one pixel: the table's top must have `pool` before `linear`"
    )]
    LinearWithoutPool,
}

pub(crate) const MAX_CHANNELS: u32 = 1_000_000;
pub(crate) const MAX_OPS: usize = 100_000;

impl PlanError {
    /// A sentence without figures, for the compiler to print when a claim's options give no network.
    pub const fn summary(&self) -> &'static str {
        match self {
            PlanError::Width(_) => "the width multiplier is out of range",
            PlanError::Depth(_) => "the depth multiplier is out of range",
            PlanError::InputSize(_) => "the input size is out of range",
            PlanError::InChannels(_) => "the number of input channels is out of range",
            PlanError::Classes(_) => "the number of classes is out of range",
            PlanError::Dropout(_) => "the dropout probability is out of range",
            PlanError::DropPath(_) => "the drop-path rate is out of range",
            PlanError::Channels(_) => "a layer has no channels, or too many",
            PlanError::Operations => "the network has too many operations",
            PlanError::Count => "the network's counts do not fit in 64 bits",
            PlanError::ShapeMismatch => "a block adds or scales tensors of different shapes",
            PlanError::DuplicateLayer { .. } => "a block has two layers with the same name",
            PlanError::Convolution => "a block asks for a convolution or pooling that does not exist",
            PlanError::Concat => "a block concatenates feature maps of different sizes",
            PlanError::Inputs(_) => "a block concatenates fewer than 2 or more than 8 values",
            PlanError::ForeignValue => "a block reads a value of another network",
            PlanError::Narrow { .. } => "a block takes channels that do not exist",
            PlanError::Split { .. } => "a block splits channels that do not divide into equal parts",
            PlanError::Shuffle { .. } => "a block shuffles channels in groups that do not divide them",
            PlanError::SmallMap { .. } => "a feature map is smaller than the kernel that reads it",
            PlanError::LinearWithoutPool => "a linear layer reads a feature map, without `pool` before it",
        }
    }
}
