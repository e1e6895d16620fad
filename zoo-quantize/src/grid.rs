//! Eight bits for a real number: `real = scale · (number - zero point)`.
//!
//! Activations are bytes without a sign, one grid a tensor; weights are bytes with a sign around zero, one scale for each
//! output channel. Zero is always a point of the grid, as padding and ReLU give exact zeros.

/// What lies between two numbers, zero among them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least, at most zero.
    pub low: f32,
    /// The greatest, at least zero.
    pub high: f32,
}

/// The 256 numbers that an activation may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Distance of two neighbours.
    pub scale: f32,
    /// Which of them is zero.
    pub zero_point: u8,
}

/// The largest number of a byte.
pub(crate) const MOST: f32 = 255.0;
/// The scale of values that are all zero, or too small for any other: any would do.
const SCALE_OF_NOTHING: f32 = 1.0 / MOST;

impl Range {
    /// From the least to the greatest, and to zero where that lies outside.
    pub fn new(low: f32, high: f32) -> Range {
        Range { low: low.min(0.0), high: high.max(0.0) }
    }

    /// Both.
    #[must_use]
    pub fn union(self, other: Range) -> Range {
        Range { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// What of it lies between these.
    #[must_use]
    pub fn within(self, low: f32, high: f32) -> Range {
        Range::new(self.low.max(low), self.high.min(high))
    }
}

impl Grid {
    /// The finest one that reaches both ends, but for the half step by which zero is moved onto a point.
    pub fn of(range: Range) -> Grid {
        let scale = (f64::from(range.high) - f64::from(range.low)) / f64::from(MOST);
        let scale = scale as f32;
        if !scale.is_normal() {
            return Grid { scale: SCALE_OF_NOTHING, zero_point: 0 };
        }
        let zero = (f64::from(-range.low) / f64::from(scale)).round_ties_even();
        Grid { scale, zero_point: zero.clamp(0.0, f64::from(MOST)) as u8 }
    }

    /// The number of the point nearest to `real`.
    pub fn quantize(&self, real: f32) -> u8 {
        // Halves go to the even number, and the zero point is added behind that: ONNX's QuantizeLinear.
        let number = (real / self.scale).round_ties_even() + f32::from(self.zero_point);
        number.clamp(0.0, MOST) as u8
    }

    /// The point of that number.
    pub fn dequantize(&self, number: u8) -> f32 {
        (i32::from(number) - i32::from(self.zero_point)) as f32 * self.scale
    }

    /// Its two ends.
    pub fn range(&self) -> Range {
        Range { low: self.dequantize(0), high: self.dequantize(u8::MAX) }
    }
}

/// Weights with a scale for each output channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// A scale a channel.
    pub scales: Vec<f32>,
    /// The numbers, channel by channel.
    pub numbers: Vec<i8>,
}

/// A bias may be so many times its scale at most, well within 32 bits, so that sums of products have room beside it.
const MOST_OF_BIAS: f64 = (1u32 << 30) as f64;

impl Weights {
    /// The numbers nearest to `weights`, in so many `bits`, sign included. A channel's scale is wide enough for its bias, which
    /// engines hold in 32 bits by the scale of weights times that of the `input`.
    pub fn of(weights: &[f32], bias: Option<&[f32]>, bits: u32, input: f32, channels: usize) -> Weights {
        let most = ((1i32 << (bits - 1)) - 1) as f32;
        let each = weights.len() / channels.max(1);
        let mut scales = Vec::with_capacity(channels);
        let mut numbers = Vec::with_capacity(weights.len());
        for (channel, weights) in weights.chunks(each.max(1)).enumerate() {
            let widest = weights.iter().fold(0.0f32, |widest, weight| widest.max(weight.abs()));
            let least = bias
                .and_then(|bias| bias.get(channel))
                .map_or(0.0, |bias| (f64::from(bias.abs()) / (MOST_OF_BIAS * f64::from(input))) as f32);
            let scale = (widest / most).max(least);
            let scale = if scale.is_normal() { scale } else { SCALE_OF_NOTHING };
            scales.push(scale);
            numbers.extend(weights.iter().map(|weight| (weight / scale).round_ties_even().clamp(-most, most) as i8));
        }
        Weights { scales, numbers }
    }

    /// The numbers of a bias, by the scales of the weights and of the input.
    pub fn bias(&self, bias: &[f32], input: f32) -> (Vec<f32>, Vec<i32>) {
        let scales: Vec<f32> = self.scales.iter().map(|scale| scale * input).collect();
        let number = |(bias, scale): (&f32, &f32)| (f64::from(*bias) / f64::from(*scale)).round_ties_even() as i32;
        let numbers = bias.iter().zip(&scales).map(number).collect();
        (scales, numbers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_of_nothing_has_a_grid() {
        for range in [Range::new(0.0, 0.0), Range::new(0.0, f32::MIN_POSITIVE / 4.0)] {
            let grid = Grid::of(range);
            assert_eq!((grid.quantize(0.0), grid.dequantize(grid.zero_point)), (0, 0.0));
        }
    }

    #[test]
    fn halves_go_to_the_even_number() {
        let grid = Grid { scale: 1.0, zero_point: 3 };
        assert_eq!([0.5, 1.5, 2.5, -0.5, -1.5].map(|real| grid.quantize(real)), [3, 5, 5, 3, 1]);
        assert_eq!((grid.quantize(1e9), grid.quantize(-1e9)), (255, 0));
    }

    #[test]
    fn a_channel_of_zeros_and_a_large_bias_fit() {
        let (weights, bias) = ([0.0, 0.0, 0.5, -1.0], [1e6, 0.1]);
        let quantised = Weights::of(&weights, Some(&bias), 8, 1e-4, 2);
        let (scales, numbers) = quantised.bias(&bias, 1e-4);
        for channel in 0..2 {
            let real = numbers[channel] as f32 * scales[channel];
            assert!((real - bias[channel]).abs() <= bias[channel] * 1e-5 + scales[channel], "{real}");
        }
        assert_eq!(quantised.numbers, [0, 0, 64, -127]);
    }

    proptest! {
        #[test]
        fn what_lies_in_the_range_comes_back_within_half_a_step(low in -1e3f32..0.0, high in 0.0f32..1e3, at in 0.0f32..1.0) {
            let range = Range::new(low, high);
            let grid = Grid::of(range);
            prop_assert_eq!(grid.dequantize(grid.zero_point), 0.0);
            let real = low + at * (high - low);
            let back = grid.dequantize(grid.quantize(real));
            // Moving zero onto a point shifts the ends by half a step.
            prop_assert!((back - real).abs() <= grid.scale * 1.001, "{} became {} by {:?}", real, back, grid);
            let inside = real >= grid.range().low && real <= grid.range().high;
            prop_assert!(!inside || (back - real).abs() <= grid.scale * 0.501);
        }

        #[test]
        fn points_come_back_as_they_are(low in -1e3f32..0.0, high in 1e-3f32..1e3, number: u8) {
            let grid = Grid::of(Range::new(low, high));
            prop_assert_eq!(grid.quantize(grid.dequantize(number)), number);
        }

        #[test]
        fn weights_come_back_within_half_a_step(weights in prop::collection::vec(-4f32..4.0, 12), bits in 7u32..=8) {
            let quantised = Weights::of(&weights, None, bits, 1.0, 3);
            let most = (1 << (bits - 1)) - 1;
            for (index, weight) in weights.iter().enumerate() {
                let (number, scale) = (quantised.numbers[index], quantised.scales[index / 4]);
                prop_assert!(i32::from(number).abs() <= most);
                prop_assert!((f32::from(number) * scale - weight).abs() <= scale * 0.501);
            }
        }
    }
}
