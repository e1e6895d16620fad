//! How a table scales: rounding of widths and depths, and which layers escape the width multiplier.
//!
//! Owns the arithmetic that decides whether a parameter count matches the paper. Every rule is a word of the table; no
//! architecture is named here.

use crate::op::{BatchNorm, LayerNorm};

/// How a scaled channel count becomes a whole number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WidthRounding {
    /// `divisible(8)`: to the nearest multiple, half up, and one multiple more where that would lose over 10 %.
    /// Source: `make_divisible` of TF-slim, torchvision and timm; `round_filters` of the EfficientNet authors.
    Divisible(u32),
    /// `trunc` or `trunc(min 8)`: towards zero, but never below the minimum. Source: TF-slim's MobileNetV1
    /// (`max(int(d * a), 8)`), and with a minimum of 1 the tutorial's `int()`.
    Truncated(u32),
}

/// How a scaled number of repeats becomes a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepthRounding {
    /// `ceil`: up. Source: `round_repeats` of the EfficientNet authors.
    Up,
    /// `trunc`: towards zero, but at least one. The tutorial's `int()`.
    Truncated,
}

/// Whether a stem, head or top convolution follows the width multiplier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    /// Scaled like every other width (nothing is said in the table).
    Scaled,
    /// `fixed`: never scaled (EfficientNet-Lite's stem and head, timm's MobileNetV3 classifier).
    Fixed,
    /// `fixed_below(a)`: not scaled for multipliers under `a` (timm's MobileNetV3 stem, a = 0.75).
    FixedBelow(f64),
    /// `floor`: scaled up, but never below its own width (MobileNetV2's last convolution, paper section 4).
    Floor,
}

/// Where a strided convolution puts its padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// `(k - 1) / 2` on every side, as PyTorch does.
    Symmetric,
    /// TensorFlow's SAME: only what the stride needs, the odd pixel at the bottom and right.
    Same,
}

/// How weights start: `init conv: fan_out, linear: normal(0.01)`, or one word for both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Init {
    /// Those of convolutions.
    pub conv: Draw,
    /// Those of linear layers.
    pub linear: Draw,
}

impl Init {
    /// Of tables that say none: `conv: fan_out, linear: fan_out(min 1000)`. With few classes U(±1/√classes) is so wide that
    /// training starts far above the loss of a guess (4 to 9 instead of 2.3 for ten), which a short run never recovers.
    pub const DEFAULT: Init = Init { conv: Draw::FanOut(1), linear: Draw::FanOut(1000) };
}

/// What weights are drawn from. Biases start at 0, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Draw {
    /// `fan_out` or `fan_out(min n)`: convolutions from N(0, 2 / fan) with fan = k² · c_out / groups, linear layers from
    /// U(±1/√fan) with fan = outputs, and no fan below the minimum. Source: `conv_kernel_initializer` and
    /// `dense_kernel_initializer` of the EfficientNet authors; timm's `_init_weight_goog`.
    FanOut(u32),
    /// `fan_in`: weights and biases from U(±1/√fan) with fan = k² · c_in / groups. Source: PyTorch's layers, where a network
    /// does not initialise them.
    FanIn,
    /// `normal(std)`.
    Normal(f64),
    /// `truncated_normal(std)`: a normal cut at two deviations. Source: TF-slim's MobileNets, std 0.09.
    TruncatedNormal(f64),
}

/// The norm that a row means when it names none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// Batch normalisation.
    BatchNorm(BatchNorm),
    /// Layer normalisation over the channels of each pixel.
    LayerNorm(LayerNorm),
}

impl Norm {
    /// What is added to the variance.
    pub const fn eps(&self) -> f64 {
        match self {
            Norm::BatchNorm(norm) => norm.eps,
            Norm::LayerNorm(norm) => norm.eps,
        }
    }

    /// Share of a new batch in the running statistics; 0 where there are none.
    pub const fn momentum(&self) -> f64 {
        match self {
            Norm::BatchNorm(norm) => norm.momentum,
            Norm::LayerNorm(_) => 0.0,
        }
    }
}

impl WidthRounding {
    /// Rounds a scaled channel count; the answer is at least 1. Not-a-number gives 1, so check options first.
    ///
    /// ```
    /// use zoo_core::WidthRounding;
    /// assert_eq!(WidthRounding::Divisible(8).round(18.0), 24); // 16 would lose over 10 %
    /// assert_eq!(WidthRounding::Truncated(8).round(5.6), 8);
    /// ```
    pub const fn round(self, channels: f64) -> u32 {
        match self {
            WidthRounding::Divisible(divisor) => {
                let step = if divisor == 0 { 1 } else { divisor };
                let mut rounded = ((channels + step as f64 / 2.0) as u32) / step * step;
                if rounded < step {
                    rounded = step;
                }
                if (rounded as f64) < 0.9 * channels { rounded.saturating_add(step) } else { rounded }
            }
            WidthRounding::Truncated(minimum) => {
                let whole = channels as u32;
                let least = if minimum == 0 { 1 } else { minimum };
                if whole < least { least } else { whole }
            }
        }
    }
}

impl DepthRounding {
    /// Rounds a scaled number of repeats; the answer is at least 1.
    pub const fn round(self, repeats: f64) -> u32 {
        let whole = match self {
            DepthRounding::Up => repeats.ceil() as u32,
            DepthRounding::Truncated => repeats as u32,
        };
        if whole == 0 { 1 } else { whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_percent_rule_fires_where_the_papers_say() {
        let round = |v| WidthRounding::Divisible(8).round(v);
        assert_eq!(round(24.0 * 0.75), 24);
        assert_eq!(round(32.0 * 0.35), 16);
        assert_eq!(round(192.0 * 1.2), 232);
        assert_eq!(round(112.0 * 1.2), 136);
        assert_eq!(round(1.0), 8);
    }

    #[test]
    fn depth_rounds_up_or_truncates() {
        assert_eq!(DepthRounding::Up.round(1.1), 2);
        assert_eq!(DepthRounding::Truncated.round(2.2), 2);
        assert_eq!(DepthRounding::Truncated.round(0.4), 1);
    }
}
