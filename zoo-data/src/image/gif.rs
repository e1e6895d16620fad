//! GIF: the first picture.

use std::io::{Cursor, ErrorKind};
use std::num::NonZeroU64;

use ::gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, MemoryLimit};

use super::{BadImage, MOST_PIXELS, Rgb, Stored};

/// Reads what stands before the pixels: the screen, or the first picture where that is larger, as in PIL.
pub fn header(bytes: &[u8]) -> Result<Stored, BadImage> {
    let mut decoder = open(bytes)?;
    let screen = (decoder.width(), decoder.height());
    let frame = decoder.next_frame_info().map_err(bad)?.ok_or(BadImage::Cut)?;
    let side = |screen: u16, from: u16, length: u16| u32::from(screen).max(u32::from(from) + u32::from(length));
    Ok(((side(screen.0, frame.left, frame.width), side(screen.1, frame.top, frame.height)), None))
}

/// Decodes the picture.
pub fn decode(bytes: &[u8], into: &mut Rgb) -> Result<(), BadImage> {
    let ((width, height), _) = header(bytes)?;
    let mut decoder = open(bytes)?;
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().map_err(bad)?.ok_or(BadImage::Cut)?;
    let without = || BadImage::NotRead("a GIF file without a colour table".into());
    let palette = frame.palette.as_ref().or(global.as_ref()).ok_or_else(without)?;
    // An index beyond the palette is black.
    let colour =
        |index: u8| palette.get(3 * usize::from(index)..).and_then(|rest| rest.first_chunk()).unwrap_or(&[0; 3]);
    let pixels = into.reset(width, height);
    // Around a picture smaller than the screen PIL has what is transparent, or the first colour.
    pixels.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(colour(frame.transparent.unwrap_or(0))));
    let rows = pixels.chunks_exact_mut(3 * width as usize).skip(usize::from(frame.top));
    for (row, indices) in rows.zip(frame.buffer.chunks_exact(usize::from(frame.width).max(1))) {
        let row = row.chunks_exact_mut(3).skip(usize::from(frame.left));
        row.zip(indices).for_each(|(pixel, index)| pixel.copy_from_slice(colour(*index)));
    }
    Ok(())
}

fn open(bytes: &[u8]) -> Result<Decoder<Cursor<&[u8]>>, BadImage> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Bytes(NonZeroU64::new(MOST_PIXELS).unwrap_or(NonZeroU64::MIN)));
    options.read_info(Cursor::new(bytes)).map_err(bad)
}

fn bad(error: DecodingError) -> BadImage {
    match error {
        DecodingError::UnexpectedEof => BadImage::Cut,
        DecodingError::Io(error) if error.kind() == ErrorKind::UnexpectedEof => BadImage::Cut,
        error => BadImage::Damaged(error.to_string()),
    }
}
