//! BMP as nearly all are: uncompressed, with a palette or with a byte a channel.

use super::{BadImage, Rgb, Stored};

/// Bytes of the file header, behind which the header of the picture stands.
const FILE_HEADER: usize = 14;

/// Reads what stands before the pixels.
pub fn header(bytes: &[u8]) -> Result<Stored, BadImage> {
    let layout = Layout::read(bytes)?;
    Ok(((layout.width, layout.height), None))
}

/// Decodes the picture.
pub fn decode(bytes: &[u8], into: &mut Rgb) -> Result<(), BadImage> {
    let layout = Layout::read(bytes)?;
    let stride = (layout.width as usize * usize::from(layout.bits)).div_ceil(32) * 4;
    let rows = bytes.get(layout.pixels..).and_then(|rest| rest.get(..stride * layout.height as usize));
    let rows = rows.ok_or(BadImage::Cut)?.chunks_exact(stride);
    let picture = into.reset(layout.width, layout.height).chunks_exact_mut(3 * layout.width as usize);
    match layout.from_above {
        true => picture.zip(rows).for_each(|(to, row)| layout.row(row, to)),
        false => picture.rev().zip(rows).for_each(|(to, row)| layout.row(row, to)),
    }
    Ok(())
}

/// Where what is.
struct Layout<'a> {
    width: u32,
    height: u32,
    /// Whether the first row is the upper one.
    from_above: bool,
    /// Bits of a pixel: 1, 4 or 8 with a palette, 24 or 32 without.
    bits: u16,
    /// Blue, green, red, and a byte that says nothing.
    palette: &'a [u8],
    /// Where the pixels begin.
    pixels: usize,
}

impl<'a> Layout<'a> {
    fn read(bytes: &'a [u8]) -> Result<Layout<'a>, BadImage> {
        let number = |at: usize| -> Result<u32, BadImage> {
            let four = bytes.get(at..at + 4).and_then(|four| four.first_chunk()).ok_or(BadImage::Cut)?;
            Ok(u32::from_le_bytes(*four))
        };
        let size = number(FILE_HEADER)? as usize;
        if size < 40 {
            return Err(BadImage::NotRead("a BMP file of OS/2".into()));
        }
        let (width, height) = (number(18)? as i32, number(22)? as i32);
        let bits = (number(28)? & 0xffff) as u16;
        let compression = number(30)?;
        if compression != 0 || ![1, 4, 8, 24, 32].contains(&bits) {
            let how = if compression == 0 { "" } else { "compressed " };
            return Err(BadImage::NotRead(format!("a {how}BMP file of {bits} bits per pixel")));
        }
        if width <= 0 || height == 0 {
            return Err(BadImage::Damaged(format!("it has {width} x {height} pixels")));
        }
        let colours = match (bits, number(46)? as usize) {
            (24 | 32, _) => 0,
            (_, 0) => 1 << bits,
            (_, some) => some.min(1 << bits),
        };
        let palette = bytes.get(FILE_HEADER + size..).and_then(|rest| rest.get(..4 * colours)).ok_or(BadImage::Cut)?;
        let pixels = number(10)? as usize;
        Ok(Layout { width: width as u32, height: height.unsigned_abs(), from_above: height < 0, bits, palette, pixels })
    }

    fn row(&self, row: &[u8], to: &mut [u8]) {
        let swapped = |from: &[u8], pixel: &mut [u8]| pixel.copy_from_slice(&[from[2], from[1], from[0]]);
        let pixels = to.chunks_exact_mut(3);
        match self.bits {
            24 => pixels.zip(row.chunks_exact(3)).for_each(|(pixel, from)| swapped(from, pixel)),
            32 => pixels.zip(row.chunks_exact(4)).for_each(|(pixel, from)| swapped(from, pixel)),
            bits => {
                let in_a_byte = 8 / usize::from(bits);
                for (x, pixel) in pixels.enumerate() {
                    let shift = 8 - usize::from(bits) * (x % in_a_byte + 1);
                    let index = usize::from(row[x / in_a_byte] >> shift) & ((1 << bits) - 1);
                    // An index beyond the palette is black.
                    swapped(self.palette.get(4 * index..4 * index + 3).unwrap_or(&[0; 3]), pixel);
                }
            }
        }
    }
}
