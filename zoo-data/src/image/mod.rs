//! Pictures: from the bytes of an image file to upright RGB pixels.
//!
//! Owns what a picture is, which formats are read and what can be wrong with a file. The decoders are the crates
//! `mozjpeg-sys`, `png`, `image-webp` and `gif`. What becomes of colours follows PIL's `convert("RGB")`, as other image
//! classifiers are fed by it: grey is repeated, and transparency is dropped. In two things it does not: 16 bits become the
//! upper 8 also in grey, where PIL makes all from 255 on white, and a rotation that the camera noted in EXIF is carried
//! out (which torchvision's `ImageFolder` does not do).

mod bmp;
mod format;
mod gif;
pub mod jpeg;
mod orientation;
mod png;
pub mod resize;
mod webp;

use std::io::{self, Read};
use std::path::Path;

use zoo_core::regular_file;

pub use format::{ENOUGH, Format};
use orientation::Orientation;

/// Longer files are no images: 1 GiB.
const LONGEST: u64 = 1 << 30;
/// More pixels are taken for an attack or a mistake, as by PIL.
const MOST_PIXELS: u64 = 178_956_970;

/// What is wrong with an image file, as the rest of a sentence that begins with its path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadImage {
    /// The operating system does not give it out.
    #[error("cannot be read ({0})")]
    Unreadable(io::Error),
    /// It has more bytes than any image.
    #[error("is larger than 1 GiB, the limit for an image file")]
    TooLong,
    /// It has no bytes.
    #[error("is empty")]
    Empty,
    /// It begins as no format does.
    #[error("is not a JPEG, PNG, WebP, GIF or BMP file")]
    Unknown,
    /// It is an image, of a format or a form that is not read, with these words.
    #[error("is {0}, which is not supported")]
    NotRead(String),
    /// It ends before its image does.
    #[error("is cut short")]
    Cut,
    /// Its decoder gave up, with these words.
    #[error("is damaged ({0})")]
    Damaged(String),
    /// It would take more memory than any photograph.
    #[error("has {width} x {height} pixels, over the limit of 178,956,970")]
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
    bytes: &'a [u8],
    form: Form,
    stored: (u32, u32),
    orientation: Orientation,
}

/// Width and height as they are stored, and the TIFF structure with EXIF fields.
type Stored = ((u32, u32), Option<Vec<u8>>);

#[derive(Debug)]
enum Form {
    Jpeg(jpeg::Header),
    Png,
    WebP,
    Gif,
    Bmp,
}

impl<'a> Encoded<'a> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// Where its format is not read, and where it ends within its header or is too large.
    pub fn new(bytes: &'a [u8]) -> Result<Encoded<'a>, BadImage> {
        let with = |form, (stored, exif): Stored| (form, stored, exif);
        let (form, stored, exif) = match Format::of(bytes)? {
            Format::Jpeg => {
                let header = jpeg::Header::read(bytes)?;
                let stored = ((header.width, header.height), header.exif(bytes).map(<[u8]>::to_vec));
                with(Form::Jpeg(header), stored)
            }
            Format::Png => with(Form::Png, png::header(bytes)?),
            Format::WebP => with(Form::WebP, webp::header(bytes)?),
            Format::Gif => with(Form::Gif, gif::header(bytes)?),
            Format::Bmp => with(Form::Bmp, bmp::header(bytes)?),
        };
        let (width, height) = stored;
        if width == 0 || height == 0 {
            return Err(BadImage::Damaged(format!("it has {width} x {height} pixels")));
        }
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(BadImage::TooLarge { width, height });
        }
        let orientation = exif.map_or_else(Orientation::default, Orientation::of_exif);
        Ok(Encoded { bytes, form, stored, orientation })
    }

    /// Width and height of the upright picture.
    pub fn size(&self) -> (u32, u32) {
        self.orientation.upright(self.stored)
    }

    /// Decodes the upright picture: PIL's pixels.
    ///
    /// # Errors
    ///
    /// Where the decoder gives up. `into` is then any picture.
    pub fn decode(self, into: &mut Rgb) -> Result<(), BadImage> {
        self.decode_rows(u32::MAX, into)
    }

    /// Decodes at least the upright picture's first `rows` rows, and of most JPEGs no others: all that a crop needs.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_rows(self, rows: u32, into: &mut Rgb) -> Result<(), BadImage> {
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
        match self.form {
            Form::Jpeg(header) => jpeg::decode(self.bytes, &header, rows, into),
            Form::Png => png::decode(self.bytes, into),
            Form::WebP => webp::decode(self.bytes, into),
            Form::Gif => gif::decode(self.bytes, into),
            Form::Bmp => bmp::decode(self.bytes, into),
        }
    }

    /// Proves that the file is whole, where [`decode`](Self::decode) takes what a decoder can make of it, as PIL does:
    /// checksums, every scan, data for every pixel, and the end.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn check(self) -> Result<(), BadImage> {
        match self.form {
            Form::Jpeg(header) => jpeg::check(self.bytes, &header),
            Form::Png => png::check(self.bytes),
            Form::WebP => webp::decode(self.bytes, &mut Rgb::default()),
            Form::Gif => gif::decode(self.bytes, &mut Rgb::default()),
            Form::Bmp => bmp::decode(self.bytes, &mut Rgb::default()),
        }
    }
}

/// Reads the file at `path` into `buffer`.
///
/// # Errors
///
/// Where it cannot be read, is not a regular file, or is longer than any image.
pub fn read(path: &Path, buffer: &mut Vec<u8>) -> Result<(), BadImage> {
    buffer.clear();
    let read = regular_file::open(path).and_then(|(file, length)| {
        // Known lengths spare the buffer its growing step by step.
        buffer.reserve(length.min(LONGEST) as usize + 1);
        file.take(LONGEST + 1).read_to_end(buffer)
    });
    match read.map_err(BadImage::Unreadable)? as u64 > LONGEST {
        true => Err(BadImage::TooLong),
        false => Ok(()),
    }
}

/// Decodes the bytes of a file in one go.
///
/// # Errors
///
/// As [`Encoded::new`] and [`Encoded::decode`].
pub fn decode(bytes: &[u8]) -> Result<Rgb, BadImage> {
    let mut picture = Rgb::default();
    Encoded::new(bytes)?.decode(&mut picture)?;
    Ok(picture)
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
