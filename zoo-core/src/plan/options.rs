//! What a user may choose on top of a table, and what a table says once for all its variants.

use super::{DepthRounding, ImageSize, Init, InputSize, Norm, Padding, PlanError, WidthRounding};
use crate::op::{Activation, Shape};

/// Everything that turns a table into one network. A variant is a named set of these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Width multiplier α, over 0 and at most 64.
    pub width: f64,
    /// Depth multiplier, over 0 and at most 64.
    pub depth: f64,
    /// Height and width of the input in pixels, 1 to 65,535 each. A resolution multiplier is an input size.
    pub input_size: ImageSize,
    /// Channels of the input where they are not the table's, 1 to 65,535.
    pub in_channels: Option<u32>,
    /// Number of classes, 1 to 1,000,000.
    pub classes: u32,
    /// Index into the table's profiles; 0 is `native`, the paper's strides.
    pub profile: u32,
    /// Probability of dropping a feature before the classifier, 0 to below 1.
    pub dropout: f64,
    /// Drop-path rate that the last block would reach, growing linearly over the scaled block count; 0 to below 1.
    pub drop_path: f64,
    /// Where strided convolutions put their padding.
    pub padding: Padding,
    /// What the variant has in the table's cells: the columns of `vary` in that order.
    // A literal: rustc 1.95 has an internal error where closures capture it and the length is a named constant.
    pub varied: [u32; 12],
}

impl Options {
    /// Width and depth 1, 224 px, the table's channels, 1000 classes, native strides, nothing dropped, symmetric padding.
    pub const DEFAULT: Options = Options {
        width: 1.0,
        depth: 1.0,
        input_size: ImageSize::square(224),
        in_channels: None,
        classes: 1000,
        profile: 0,
        dropout: 0.0,
        drop_path: 0.0,
        padding: Padding::Symmetric,
        varied: [0; 12],
    };

    /// Height, width and channels as tables and commands say them.
    pub const fn input(&self) -> InputSize {
        InputSize { in_channels: self.in_channels, image: self.input_size }
    }

    /// These with the image of `input`, on top of a table that says `rules`.
    #[must_use]
    pub fn with_input(self, input: InputSize, rules: &Rules) -> Options {
        let in_channels = input.in_channels.filter(|channels| *channels != rules.input_channels);
        Options { input_size: input.image, in_channels, ..self }
    }

    /// Shape of one input image of a network whose table says `rules`.
    pub const fn image(&self, rules: &Rules) -> Shape {
        let c = match self.in_channels {
            Some(channels) => channels,
            None => rules.input_channels,
        };
        Shape { c, h: self.input_size.height, w: self.input_size.width }
    }

    /// The first option that is out of range, if any.
    pub(crate) const fn check(&self) -> Option<PlanError> {
        // Written as "not inside", so that NaN is outside.
        if !(self.width > 0.0 && self.width <= MAX_MULTIPLIER) {
            return Some(PlanError::Width(self.width));
        }
        if !(self.depth > 0.0 && self.depth <= MAX_MULTIPLIER) {
            return Some(PlanError::Depth(self.depth));
        }
        if !self.input_size.is_valid() {
            return Some(PlanError::InputSize(self.input_size));
        }
        if let Some(channels) = self.in_channels
            && (channels == 0 || channels > MAX_IN_CHANNELS)
        {
            return Some(PlanError::InChannels(channels));
        }
        if self.classes == 0 || self.classes > MAX_CLASSES {
            return Some(PlanError::Classes(self.classes));
        }
        if !(self.dropout >= 0.0 && self.dropout < 1.0) {
            return Some(PlanError::Dropout(self.dropout));
        }
        if !(self.drop_path >= 0.0 && self.drop_path < 1.0) {
            return Some(PlanError::DropPath(self.drop_path));
        }
        None
    }
}

pub(crate) const MAX_MULTIPLIER: f64 = 64.0;
pub(crate) const MAX_IN_CHANNELS: u32 = 65_535;
pub(crate) const MAX_CLASSES: u32 = 1_000_000;

/// What a table says once: the words `round`, `input`, `norm`, `act` and `init`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Rounding of scaled widths.
    pub width_rounding: WidthRounding,
    /// Rounding of scaled repeats.
    pub depth_rounding: DepthRounding,
    /// Channels of the input image, where the options say no others.
    pub input_channels: u32,
    /// The norm that a row means when it names none.
    pub norm: Norm,
    /// The activation that a row means when it names none.
    pub activation: Activation,
    /// How weights start.
    pub init: Init,
}
