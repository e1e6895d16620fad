//! JPEG: the header, and one of two decoders.
//!
//! libjpeg has PIL's pixels by construction, and decodes whatever is evaluated. Training, which decodes every image anew in
//! each epoch, has `zune-jpeg` for the one form of nearly every file ([`Header::common`]): it takes half of the time, and is
//! within 3 grey levels, but for the right and lower edge of pictures whose colours are stored at half the resolution, which
//! it smooths with what lies beyond (up to 13 levels in photographs). Of the other forms it reads some wrongly without a word
//! (scans of single components, colours finer than light, files in which application segments disagree).

mod header;
mod libjpeg;
mod scans;

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

pub use header::Header;

use super::{BadImage, Rgb};

/// Rows decoded below those that are wanted: the smoothing of colours looks at one more row of blocks, which is decoded
/// as a whole if any of it is.
const MARGIN: u32 = 2;
/// The largest side that the format can state.
const LONGEST: usize = 65_535;

/// Whether `bytes` begin as a JPEG does.
pub fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff])
}

/// Decodes the picture: PIL's pixels.
pub fn decode(bytes: &[u8], header: &Header, into: &mut Rgb) -> Result<(), BadImage> {
    libjpeg::decode(bytes, header, into).map(|_| ())
}

/// Decodes not much more than the picture's first `rows` rows where the file allows it, and quickly.
pub fn decode_rows(bytes: &mut [u8], header: &Header, rows: u32, into: &mut Rgb) -> Result<(), BadImage> {
    if !header.common {
        return decode(bytes, header, into);
    }
    let height = rows.saturating_add(MARGIN).min(header.height);
    // Told that the picture is so high, the decoder stops there.
    let stated = header.height_at..header.height_at + 2;
    bytes[stated.clone()].copy_from_slice(&(height as u16).to_be_bytes());
    // What it gives up on, libjpeg may still read: tables that are left out, bytes between segments.
    fast(bytes, into).or_else(|_| {
        bytes[stated].copy_from_slice(&(header.height as u16).to_be_bytes());
        decode(bytes, header, into)
    })
}

/// Whether the picture is whole: every scan, and data for every block of it.
pub fn check(bytes: &[u8], header: &Header) -> Result<(), BadImage> {
    if let Some(problem) = &header.unfinished {
        return Err(BadImage::Damaged(problem.clone()));
    }
    match libjpeg::decode(bytes, header, &mut Rgb::default())? {
        Some(warning) => Err(BadImage::Damaged(warning)),
        None => Ok(()),
    }
}

fn fast(bytes: &[u8], into: &mut Rgb) -> Result<(), DecodeErrors> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_max_width(LONGEST)
        .set_max_height(LONGEST)
        .set_strict_mode(false);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers()?;
    let (width, height) = decoder.dimensions().ok_or(DecodeErrors::FormatStatic("it has no size"))?;
    decoder.decode_into(into.reset(width as u32, height as u32))
}
