//! PNG: every bit depth and colour type to RGB in 8 bits.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Reader, Transformations};

use super::{BadImage, MOST_PIXELS, Rgb};

/// Whether `bytes` begin as a PNG does.
pub fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n")
}

/// Width and height, and the TIFF structure with EXIF fields.
type Header = ((u32, u32), Option<Vec<u8>>);

/// Reads what stands before the pixels.
pub fn header(bytes: &[u8]) -> Result<Header, BadImage> {
    let reader = open(bytes)?;
    let info = reader.info();
    Ok(((info.width, info.height), info.exif_metadata.as_ref().map(|exif| exif.to_vec())))
}

/// Decodes the picture; of an animation the first one.
pub fn decode(bytes: &[u8], into: &mut Rgb) -> Result<(), BadImage> {
    let mut reader = open(bytes)?;
    let (width, height) = (reader.info().width, reader.info().height);
    let (color, depth) = reader.output_color_type();
    let size = reader.output_buffer_size().ok_or(BadImage::TooLarge { width, height })?;
    if depth != BitDepth::Eight {
        return Err(BadImage::Damaged(format!("its samples have {} bits", depth as u8)));
    }
    if color == ColorType::Rgb {
        let pixels = into.reset(width, height);
        return reader.next_frame(pixels).map(|_| ()).map_err(bad);
    }
    let mut samples = vec![0; size];
    reader.next_frame(&mut samples).map_err(bad)?;
    let pixels = into.reset(width, height).chunks_exact_mut(3);
    match color {
        ColorType::Grayscale => pixels.zip(&samples).for_each(|(pixel, grey)| pixel.fill(*grey)),
        ColorType::GrayscaleAlpha => {
            pixels.zip(samples.chunks_exact(2)).for_each(|(pixel, sample)| pixel.fill(sample[0]));
        }
        _ => pixels.zip(samples.chunks_exact(4)).for_each(|(pixel, sample)| pixel.copy_from_slice(&sample[..3])),
    }
    Ok(())
}

fn open(bytes: &[u8]) -> Result<Reader<Cursor<&[u8]>>, BadImage> {
    // The pixels themselves are ours; the decoder's own buffers need a row or two, and long texts are no image.
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MOST_PIXELS as usize });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.read_info().map_err(bad)
}

fn bad(error: DecodingError) -> BadImage {
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => BadImage::Cut,
        error => BadImage::Damaged(error.to_string()),
    }
}
