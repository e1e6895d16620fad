//! From bytes to numbers: pixels as 0 to 1, less their mean, over their deviation, by channel.

/// How images are normalised.
#[derive(Clone, Debug)]
pub struct Normalisation {
    table: [[f32; 256]; 3],
    scale: [f32; PERIOD],
    shift: [f32; PERIOD],
}

/// Channels innermost repeat every 3 numbers, and vectors every 8.
const PERIOD: usize = 24;

impl Normalisation {
    /// From the mean and the deviation of each channel, pixels taken as 0 to 1.
    pub fn new(mean: [f32; 3], deviation: [f32; 3]) -> Normalisation {
        let number = |channel: usize, byte: usize| (byte as f32 / 255.0 - mean[channel]) / deviation[channel];
        Normalisation {
            table: std::array::from_fn(|channel| std::array::from_fn(|byte| number(channel, byte))),
            scale: std::array::from_fn(|place| 1.0 / (255.0 * deviation[place % 3])),
            shift: std::array::from_fn(|place| -mean[place % 3] / deviation[place % 3]),
        }
    }

    /// One byte of a channel.
    pub fn number(&self, channel: usize, byte: u8) -> f32 {
        self.table[channel][usize::from(byte)]
    }

    /// Many bytes with the channels innermost. It may differ from [`number`](Self::number) by a rounding.
    pub fn numbers(&self, bytes: &[u8], into: &mut [f32]) {
        let (bytes, rest) = bytes.as_chunks::<PERIOD>();
        let (numbers, rest_numbers) = into.as_chunks_mut::<PERIOD>();
        for (numbers, bytes) in numbers.iter_mut().zip(bytes) {
            for place in 0..PERIOD {
                numbers[place] = f32::from(bytes[place]) * self.scale[place] + self.shift[place];
            }
        }
        for (place, (number, byte)) in rest_numbers.iter_mut().zip(rest).enumerate() {
            *number = f32::from(*byte) * self.scale[place] + self.shift[place];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_numbers_are_those_of_one_at_a_time() {
        let normalisation = Normalisation::new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        let bytes: Vec<u8> = (0..=255).flat_map(|byte| [byte, 255 - byte, byte ^ 0x55]).collect();
        for length in [bytes.len(), 3, 27] {
            let mut numbers = vec![f32::NAN; length];
            normalisation.numbers(&bytes[..length], &mut numbers);
            for (place, number) in numbers.iter().enumerate() {
                let expected = normalisation.number(place % 3, bytes[place]);
                assert!((number - expected).abs() < 1e-6, "{place}: {number} and {expected}");
            }
        }
        assert!((normalisation.number(0, 255) - (1.0 - 0.485) / 0.229).abs() < 1e-6);
    }
}
