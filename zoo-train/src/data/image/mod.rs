//! Pictures: from the bytes of a JPEG or PNG file to upright RGB pixels.
//!
//! Owns what a picture is, which formats are read and what can be wrong with a file. The decoders are the crates
//! `zune-jpeg` and `png`. What becomes of colours follows PIL's `convert("RGB")`, as other image classifiers are fed by
//! it: grey is repeated, transparency is dropped, 16 bits become the upper 8, and a rotation that the camera noted in EXIF
//! is carried out (which torchvision's `ImageFolder` does not do).

mod jpeg;
mod orientation;
mod png;
pub mod resize;

use std::io;

use orientation::Orientation;

/// More pixels are taken for an attack or a mistake, as by PIL.
const MOST_PIXELS: u64 = 178_956_970;

/// What is wrong with an image file, as the rest of a sentence that begins with its path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadImage {
    /// The operating system does not give it out.
    #[error("cannot be read ({0})")]
    Unreadable(io::Error),
    /// It has no bytes.
    #[error("is empty")]
    Empty,
    /// It begins as neither format does.
    #[error("is neither a JPEG nor a PNG file")]
    Unknown,
    /// It ends before its image does.
    #[error("is cut short")]
    Cut,
    /// Its decoder gave up, with these words.
    #[error("is damaged ({0})")]
    Damaged(String),
    /// It would take more memory than any photograph.
    #[error("has {width} x {height} pixels, more than 178,956,970")]
    TooLarge {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
}

/// A picture in RGB, a byte a channel, channels innermost, row by row. It has at least one pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    pixels: Vec<u8>,
    width: u32,
    height: u32,
}

impl Default for Rgb {
    /// One black pixel.
    fn default() -> Rgb {
        Rgb { pixels: vec![0; 3], width: 1, height: 1 }
    }
}

impl Rgb {
    /// From its pixels, or `None` where there are not just as many as that, or none.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Option<Rgb> {
        let bytes = (width as usize).checked_mul(height as usize)?.checked_mul(3)?;
        (bytes > 0 && pixels.len() == bytes).then_some(Rgb { pixels, width, height })
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The `height x width x 3` bytes.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Becomes a picture of that size, of any contents, and hands out its pixels.
    fn reset(&mut self, width: u32, height: u32) -> &mut [u8] {
        (self.width, self.height) = (width.max(1), height.max(1));
        self.pixels.resize(3 * self.width as usize * self.height as usize, 0);
        &mut self.pixels
    }
}

/// An image file in memory whose header has been read.
#[derive(Debug)]
pub struct Encoded<'a> {
    bytes: &'a mut [u8],
    format: Format,
    stored: (u32, u32),
    orientation: Orientation,
}

#[derive(Debug)]
enum Format {
    Jpeg(jpeg::Header),
    Png,
}

impl<'a> Encoded<'a> {
    /// Reads the header. The bytes are borrowed for writing, as a partial decoding changes a header field.
    ///
    /// # Errors
    ///
    /// Where it is no JPEG or PNG, ends within its header, or is too large.
    pub fn new(bytes: &'a mut [u8]) -> Result<Encoded<'a>, BadImage> {
        let (format, stored, exif) = if jpeg::is_one(bytes) {
            let header = jpeg::Header::read(bytes)?;
            let exif = header.exif(bytes).map(<[u8]>::to_vec);
            let stored = (header.width, header.height);
            (Format::Jpeg(header), stored, exif)
        } else if png::is_one(bytes) {
            let (stored, exif) = png::header(bytes)?;
            (Format::Png, stored, exif)
        } else if bytes.is_empty() {
            return Err(BadImage::Empty);
        } else {
            return Err(BadImage::Unknown);
        };
        let (width, height) = stored;
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(BadImage::TooLarge { width, height });
        }
        let orientation = exif.map_or_else(Orientation::default, Orientation::of_exif);
        Ok(Encoded { bytes, format, stored, orientation })
    }

    /// Width and height of the upright picture.
    pub fn size(&self) -> (u32, u32) {
        self.orientation.upright(self.stored)
    }

    /// Decodes the upright picture, or of a high one not much more than its first `rows` rows.
    ///
    /// # Errors
    ///
    /// Where the decoder gives up. `into` is then any picture.
    pub fn decode(self, rows: u32, into: &mut Rgb) -> Result<(), BadImage> {
        if self.orientation.is_upright() {
            return self.decode_stored(rows, into);
        }
        let orientation = self.orientation;
        let mut stored = Rgb::default();
        self.decode_stored(u32::MAX, &mut stored)?;
        orientation.apply(&stored, into);
        Ok(())
    }

    fn decode_stored(self, rows: u32, into: &mut Rgb) -> Result<(), BadImage> {
        match self.format {
            Format::Jpeg(header) => jpeg::decode(self.bytes, &header, rows, into),
            Format::Png => png::decode(self.bytes, into),
        }
    }
}

/// Decodes the bytes of a file in one go.
///
/// # Errors
///
/// As [`Encoded::new`] and [`Encoded::decode`].
pub fn decode(bytes: &mut [u8]) -> Result<Rgb, BadImage> {
    let mut picture = Rgb::default();
    Encoded::new(bytes)?.decode(u32::MAX, &mut picture)?;
    Ok(picture)
}

#[cfg(test)]
mod tests;
