//! PNG: every bit depth and colour type to RGB in 8 bits.

use std::io::Cursor;

use flate2::Crc;
use png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Limits, Reader, Transformations};

use super::{BadImage, MOST_PIXELS, Rgb, Stored};

/// How every PNG begins.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The chunk that ends a file.
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// Whether `bytes` begin as a PNG does.
pub fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

/// Reads what stands before the pixels.
pub fn header(bytes: &[u8]) -> Result<Stored, BadImage> {
    let reader = open(bytes)?;
    let info = reader.info();
    Ok(((info.width, info.height), info.exif_metadata.as_ref().map(|exif| exif.to_vec())))
}

/// Decodes the picture; of an animation the first one. The last chunk may be missing, as it may for PIL.
pub fn decode(bytes: &[u8], into: &mut Rgb) -> Result<(), BadImage> {
    match decode_ended(bytes, into) {
        Err(BadImage::Cut) => decode_ended(&[bytes, END].concat(), into).map_err(|_| BadImage::Cut),
        decoded => decoded,
    }
}

fn decode_ended(bytes: &[u8], into: &mut Rgb) -> Result<(), BadImage> {
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

/// Whether every checksum is right, and everything is there up to the end.
pub fn check(bytes: &[u8]) -> Result<(), BadImage> {
    let mut at = SIGNATURE.len();
    loop {
        let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let length = number(at).ok_or(BadImage::Cut)? as usize;
        let covered = bytes.get(at + 4..at + 8 + length).ok_or(BadImage::Cut)?;
        let stored = number(at + 8 + length).ok_or(BadImage::Cut)?;
        let mut sum = Crc::new();
        sum.update(covered);
        let name = &covered[..4];
        if sum.sum() != stored {
            return Err(BadImage::Damaged(format!("the checksum of {} is wrong", name.escape_ascii())));
        }
        at += 12 + length;
        if name == b"IEND" {
            break;
        }
    }
    let mut options = DecodeOptions::default();
    // That of the pixels before they were compressed.
    options.set_ignore_adler32(false);
    let mut reader = open_with(bytes, options)?;
    let size = reader.output_buffer_size().ok_or(BadImage::Cut)?;
    reader.next_frame(&mut vec![0; size]).map_err(bad)?;
    reader.finish().map_err(bad)
}

fn open(bytes: &[u8]) -> Result<Reader<Cursor<&[u8]>>, BadImage> {
    open_with(bytes, DecodeOptions::default())
}

fn open_with(bytes: &[u8], options: DecodeOptions) -> Result<Reader<Cursor<&[u8]>>, BadImage> {
    // The pixels themselves are ours; the decoder's own buffers need a row or two, and long texts are no image.
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(Limits { bytes: MOST_PIXELS as usize });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let reader = decoder.read_info().map_err(bad)?;
    // The decoder takes a palette of whole colours, 256 at most, for granted.
    let palette = reader.info().palette.as_ref().filter(|_| reader.info().color_type == ColorType::Indexed);
    match palette.map(|palette| palette.len()).filter(|length| length % 3 != 0 || *length > 3 * 256) {
        Some(length) => Err(BadImage::Damaged(format!("its palette has {length} bytes"))),
        None => Ok(reader),
    }
}

fn bad(error: DecodingError) -> BadImage {
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => BadImage::Cut,
        error => BadImage::Damaged(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of one pixel with this palette.
    fn indexed(palette: &[u8]) -> Vec<u8> {
        let chunk = |name: &[u8], data: &[u8]| {
            let body = [name, data].concat();
            let mut sum = Crc::new();
            sum.update(&body);
            [&(data.len() as u32).to_be_bytes(), &body[..], &sum.sum().to_be_bytes()].concat()
        };
        // One stored block: the filter of the row, and the pixel.
        let pixels = [0x78, 1, 1, 2, 0, 0xfd, 0xff, 0, 0, 0, 2, 0, 1];
        let header = [0, 0, 0, 1, 0, 0, 0, 1, 8, 3, 0, 0, 0];
        let parts = [chunk(b"IHDR", &header), chunk(b"PLTE", palette), chunk(b"IDAT", &pixels), chunk(b"IEND", &[])];
        [SIGNATURE, &parts.concat()].concat()
    }

    #[test]
    fn a_palette_that_is_no_whole_number_of_colours_is_damage() {
        let mut picture = Rgb::default();
        decode(&indexed(&[7, 8, 9]), &mut picture).unwrap();
        check(&indexed(&[7, 8, 9])).unwrap();
        for length in [1, 2, 4, 769, 771] {
            let bytes = indexed(&vec![1; length]);
            for found in [decode(&bytes, &mut picture), check(&bytes)] {
                assert!(matches!(found, Err(BadImage::Damaged(_))), "{length}: {found:?}");
            }
        }
    }
}
