//! A training image in memory: where it comes from, and how it gets from there into a batch.

/// A training image of a batch: which one, and how it is augmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its number in the training set.
    pub index: usize,
    /// Rows and columns that the crop is moved by, within the padding.
    pub shift: (isize, isize),
    /// Whether it is mirrored.
    pub mirrored: bool,
}

/// Writes an image shifted by (down, right) pixels, black where nothing is, perhaps mirrored, with the channels innermost
/// and each byte as what `number` makes of it and its channel.
pub(super) fn place<T>(
    image: &[u8],
    side: usize,
    shift: (isize, isize),
    mirrored: bool,
    number: impl Fn(usize, u8) -> T,
    into: &mut [T],
) {
    let plane = side * side;
    for (y, row) in into.chunks_exact_mut(3 * side).enumerate() {
        let from_y = y.checked_add_signed(shift.0).filter(|y| *y < side);
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let x = if mirrored { side - 1 - x } else { x };
            let from = from_y.zip(x.checked_add_signed(shift.1).filter(|x| *x < side));
            for (channel, value) in pixel.iter_mut().enumerate() {
                let byte = from.map_or(0, |(y, x)| image[channel * plane + y * side + x]);
                *value = number(channel, byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_image_is_black_where_nothing_was() {
        let number = |_: usize, byte: u8| f32::from(byte) / 255.0;
        let image: Vec<u8> = [[255u8, 0, 0, 0], [0, 255, 0, 0], [0, 0, 0, 51]].concat();
        let mut out = [9.0; 12];
        place(&image, 2, (0, 0), false, number, &mut out);
        assert_eq!(out, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.2]);
        place(&image, 2, (0, 0), true, number, &mut out);
        assert_eq!(out[..6], [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        place(&image, 2, (1, 1), false, number, &mut out);
        assert_eq!(out, [0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
