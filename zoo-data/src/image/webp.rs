//! WebP: the picture, or the first one of an animation. Transparency is dropped.

use std::io::{Cursor, ErrorKind};

use image_webp::{DecodingError, WebPDecoder};

use super::{BadImage, MOST_PIXELS, Rgb, Stored};

/// Reads what stands before the pixels.
pub fn header(bytes: &[u8]) -> Result<Stored, BadImage> {
    let mut decoder = open(bytes)?;
    let exif = decoder.exif_metadata().map_err(bad)?;
    Ok((decoder.dimensions(), exif))
}

/// Decodes the picture.
pub fn decode(bytes: &[u8], into: &mut Rgb) -> Result<(), BadImage> {
    let mut decoder = open(bytes)?;
    let (width, height) = decoder.dimensions();
    if !decoder.has_alpha() {
        return decoder.read_image(into.reset(width, height)).map_err(bad);
    }
    let mut samples = vec![0; 4 * width as usize * height as usize];
    decoder.read_image(&mut samples).map_err(bad)?;
    let pixels = into.reset(width, height).chunks_exact_mut(3);
    pixels.zip(samples.chunks_exact(4)).for_each(|(pixel, sample)| pixel.copy_from_slice(&sample[..3]));
    Ok(())
}

fn open(bytes: &[u8]) -> Result<WebPDecoder<Cursor<&[u8]>>, BadImage> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(bad)?;
    decoder.set_memory_limit(4 * MOST_PIXELS as usize);
    Ok(decoder)
}

fn bad(error: DecodingError) -> BadImage {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => BadImage::Cut,
        error => BadImage::Damaged(error.to_string()),
    }
}
