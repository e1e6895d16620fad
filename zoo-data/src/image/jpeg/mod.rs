//! JPEG: the header, read by us, and the picture, by libjpeg: what PIL reads it with, so that training, evaluation and
//! Python see the same pixels.

mod header;
mod libjpeg;
mod scans;

pub use header::Header;
pub use libjpeg::has_assembly;

use super::{BadImage, Rgb};

/// Whether `bytes` begin as a JPEG does.
pub fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff])
}

/// Decodes the picture's first `rows` rows, or all of its rows where there are not so many.
pub fn decode(bytes: &[u8], header: &Header, rows: u32, into: &mut Rgb) -> Result<(), BadImage> {
    libjpeg::decode(bytes, header, rows, into).map(|_| ())
}

/// Whether the picture is whole: every scan, and data for every block of it.
pub fn check(bytes: &[u8], header: &Header) -> Result<(), BadImage> {
    if let Some(problem) = &header.unfinished {
        return Err(BadImage::Damaged(problem.clone()));
    }
    match libjpeg::decode(bytes, header, header.height, &mut Rgb::default())? {
        Some(warning) => Err(BadImage::Damaged(warning)),
        None => Ok(()),
    }
}
