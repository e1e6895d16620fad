//! The rotation that a camera notes in EXIF instead of carrying it out.

use super::Rgb;

/// The value of EXIF's tag Orientation, 1 to 8 (CIPA DC-008, 4.6.5): where the first row and the first column belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(u8);

impl Default for Orientation {
    fn default() -> Orientation {
        Orientation(1)
    }
}

impl Orientation {
    /// From the TIFF structure with EXIF fields. Whatever cannot be read counts as upright.
    pub fn of_exif(tiff: Vec<u8>) -> Orientation {
        let value = || {
            let fields = exif::Reader::new().read_raw(tiff).ok()?;
            fields.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?.value.get_uint(0)
        };
        value()
            .filter(|value| (1..=8).contains(value))
            .map_or_else(Orientation::default, |value| Orientation(value as u8))
    }

    /// Whether nothing has to be done.
    pub fn is_upright(self) -> bool {
        self.0 == 1
    }

    /// Width and height of the upright picture from those of the stored one.
    pub fn upright(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.0 < 5 { (width, height) } else { (height, width) }
    }

    /// Turns a stored picture upright, as PIL's `ImageOps.exif_transpose` does.
    pub fn apply(self, stored: &Rgb, into: &mut Rgb) {
        let (width, height) = (stored.width as usize, stored.height as usize);
        let (upright_width, upright_height) = self.upright((stored.width, stored.height));
        // The last column and row, from which mirrored ones count.
        let (right, bottom) = (width - 1, height - 1);
        let rows = into.reset(upright_width, upright_height).chunks_exact_mut(3 * upright_width as usize);
        for (y, row) in rows.enumerate() {
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let (column, line) = match self.0 {
                    2 => (right - x, y),
                    3 => (right - x, bottom - y),
                    4 => (x, bottom - y),
                    5 => (y, x),
                    6 => (y, bottom - x),
                    7 => (right - y, bottom - x),
                    8 => (right - y, x),
                    _ => (x, y),
                };
                let from = 3 * (line * width + column);
                pixel.copy_from_slice(&stored.pixels[from..from + 3]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose pixels are the digits given, row by row.
    fn picture(width: u32, digits: &[u8]) -> Rgb {
        let pixels = digits.iter().flat_map(|digit| [*digit; 3]).collect();
        Rgb::new(width, digits.len() as u32 / width, pixels).unwrap()
    }

    /// The stored rows are 123 and 456; the upright ones are those of PIL's transpositions.
    #[test]
    fn eight_orientations() {
        let stored = picture(3, &[1, 2, 3, 4, 5, 6]);
        let expected: [(u32, [u8; 6]); 8] = [
            (3, [1, 2, 3, 4, 5, 6]), // as it is
            (3, [3, 2, 1, 6, 5, 4]), // FLIP_LEFT_RIGHT
            (3, [6, 5, 4, 3, 2, 1]), // ROTATE_180
            (3, [4, 5, 6, 1, 2, 3]), // FLIP_TOP_BOTTOM
            (2, [1, 4, 2, 5, 3, 6]), // TRANSPOSE
            (2, [4, 1, 5, 2, 6, 3]), // ROTATE_270, clockwise by a quarter
            (2, [6, 3, 5, 2, 4, 1]), // TRANSVERSE
            (2, [3, 6, 2, 5, 1, 4]), // ROTATE_90
        ];
        for (value, (width, digits)) in (1..).zip(expected) {
            let mut upright = Rgb::default();
            Orientation(value).apply(&stored, &mut upright);
            assert_eq!(upright, picture(width, &digits), "orientation {value}");
            assert_eq!(Orientation(value).upright((3, 2)), (width, 6 / width));
        }
    }

    #[test]
    fn exif_is_read_in_both_byte_orders_and_rubbish_is_upright() {
        let little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0";
        assert_eq!(Orientation::of_exif(little.to_vec()), Orientation(6));
        assert_eq!(Orientation::of_exif(big.to_vec()), Orientation(8));
        for length in 0..little.len() - 4 {
            let cut = Orientation::of_exif(little[..length].to_vec());
            assert!(cut == Orientation(1) || cut == Orientation(6), "{length} bytes");
        }
        let mut wrong = little.to_vec();
        wrong[18] = 9;
        assert!(Orientation::of_exif(wrong).is_upright());
    }
}
