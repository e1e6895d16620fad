//! JPEG: what is needed of the header before `zune-jpeg` decodes the rest.
//!
//! The walk over the markers follows ITU-T T.81, Annex B. It finds the size, so that a crop can be chosen first; the
//! place of the height, so that rows below the crop need not be decoded; EXIF; and whether the file has an end.

use std::ops::Range;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

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

/// What the markers before the image say.
#[derive(Debug, Clone)]
pub struct Header {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Where the two bytes of the height are.
    height_at: usize,
    /// Whether the rows come one after the other in a single scan.
    in_order: bool,
    /// The TIFF structure of an EXIF segment.
    exif: Option<Range<usize>>,
}

impl Header {
    /// Reads the markers up to the first scan, and looks for the end of the file.
    pub fn read(bytes: &[u8]) -> Result<Header, BadImage> {
        let mut frame: Option<Frame> = None;
        let mut exif = None;
        let mut at = 2;
        loop {
            let (marker, segment) = next_segment(bytes, &mut at).ok_or(BadImage::Cut)?;
            let content = &bytes[segment.clone()];
            match marker {
                // SOF0 to SOF15, which share their numbers with DHT, JPG and DAC.
                0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&marker) => {
                    frame = Some(Frame::read(marker, content, segment.start).ok_or(BadImage::Cut)?);
                }
                0xe1 if exif.is_none() && content.starts_with(b"Exif\0\0") => {
                    exif = Some(segment.start + 6..segment.end)
                }
                0xda => {
                    let frame = frame.ok_or_else(|| BadImage::Damaged("there is no frame before the scan".into()))?;
                    return frame.finish(content.first().copied(), &bytes[segment.end..], exif);
                }
                0xd9 => return Err(BadImage::Damaged("there is no image before the end".into())),
                _ => {}
            }
        }
    }

    /// The TIFF structure with EXIF fields.
    pub fn exif<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        bytes.get(self.exif.clone()?)
    }
}

/// A frame header.
struct Frame {
    width: u32,
    height: u32,
    height_at: usize,
    sequential: bool,
    components: u8,
}

impl Frame {
    fn read(marker: u8, content: &[u8], start: usize) -> Option<Frame> {
        let number = |at: usize| Some(u32::from(u16::from_be_bytes([*content.get(at)?, *content.get(at + 1)?])));
        let components = *content.get(5)?;
        let sequential = matches!(marker, 0xc0 | 0xc1);
        Some(Frame { width: number(3)?, height: number(1)?, height_at: start + 1, sequential, components })
    }

    fn finish(self, scanned: Option<u8>, data: &[u8], exif: Option<Range<usize>>) -> Result<Header, BadImage> {
        let Frame { width, height, height_at, sequential, components } = self;
        if width == 0 || height == 0 {
            return Err(BadImage::Damaged(format!("it has {width} x {height} pixels")));
        }
        // Within the data of a scan 0xff is always followed by another byte, so this can be nothing but the end.
        if !data.windows(2).rev().any(|pair| pair == [0xff, 0xd9]) {
            return Err(BadImage::Cut);
        }
        let in_order = sequential && scanned == Some(components);
        Ok(Header { width, height, height_at, in_order, exif })
    }
}

/// The next marker with the range of its segment, which is empty for a marker without one; `at` moves behind it.
fn next_segment(bytes: &[u8], at: &mut usize) -> Option<(u8, Range<usize>)> {
    loop {
        // Bytes that belong to no segment are passed over, as libjpeg does.
        *at += bytes.get(*at..)?.iter().position(|byte| *byte == 0xff)?;
        *at += bytes[*at..].iter().position(|byte| *byte != 0xff)?;
        let marker = bytes[*at];
        *at += 1;
        match marker {
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            0xd9 => return Some((marker, *at..*at)),
            _ => {
                let length = usize::from(u16::from_be_bytes([*bytes.get(*at)?, *bytes.get(*at + 1)?]));
                let segment = *at + 2..*at + length.max(2);
                *at = segment.end;
                return bytes.get(segment.clone()).map(|_| (marker, segment));
            }
        }
    }
}

/// Decodes the picture, or not much more than its first `rows` rows where the file allows it.
pub fn decode(bytes: &mut [u8], header: &Header, rows: u32, into: &mut Rgb) -> Result<(), BadImage> {
    let enough = rows.saturating_add(MARGIN);
    if header.in_order && enough < header.height {
        // Told that the picture is so high, the decoder stops there.
        let height = u16::try_from(enough).unwrap_or(u16::MAX).to_be_bytes();
        bytes[header.height_at..header.height_at + 2].copy_from_slice(&height);
    }
    let damaged = |error: zune_jpeg::errors::DecodeErrors| BadImage::Damaged(one_line(&error));
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_max_width(LONGEST)
        .set_max_height(LONGEST)
        .set_strict_mode(false);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&*bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| BadImage::Damaged("it has no size".into()))?;
    let pixels = into.reset(width as u32, height as u32);
    decoder.decode_into(pixels).map_err(damaged)
}

fn one_line(error: &zune_jpeg::errors::DecodeErrors) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
