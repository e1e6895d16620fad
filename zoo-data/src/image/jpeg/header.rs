//! What the markers of a JPEG say before anything is decoded (ITU-T T.81, Annex B; T.872 for colours).
//!
//! The walk finds the size, so that a crop can be chosen first; EXIF; and whether the file has an end and every scan.

use std::ops::Range;

use super::scans::Scans;
use crate::image::BadImage;

/// What the markers before the image say, and which scans follow.
#[derive(Debug, Clone)]
pub struct Header {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Whether four inks are stored, and not light.
    pub inks: bool,
    /// Of a progressive file, why it is not whole although every component is there.
    pub unfinished: Option<String>,
    /// The TIFF structure of an EXIF segment.
    exif: Option<Range<usize>>,
}

impl Header {
    /// Reads the markers up to the first scan, and looks for the end of the file; of files with several scans it walks
    /// over all of them.
    pub fn read(bytes: &[u8]) -> Result<Header, BadImage> {
        let mut exif = None;
        let mut frame: Option<Frame> = None;
        let mut at = 2;
        loop {
            let (marker, segment) = next_segment(bytes, &mut at).ok_or(BadImage::Cut)?;
            let content = &bytes[segment.clone()];
            match marker {
                // SOF0 to SOF15, which share their numbers with DHT, JPG and DAC; DHP; SOF55 of JPEG-LS.
                0xc0..=0xcf | 0xde | 0xf7 if ![0xc4, 0xc8, 0xcc].contains(&marker) => match frame {
                    None => frame = Some(Frame::read(marker, content)?),
                    Some(_) => return Err(damaged("it has two frames")),
                },
                0xe1 if exif.is_none() && content.starts_with(b"Exif\0\0") => {
                    exif = Some(segment.start + 6..segment.end);
                }
                0xda => {
                    let frame = frame.ok_or_else(|| damaged("there is no frame before the scan"))?;
                    return frame.finish(bytes, segment, exif);
                }
                0xd9 => return Err(damaged("there is no image before the end")),
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
    progressive: bool,
    /// The numbers of its components, by which scans name them.
    components: Vec<u8>,
}

impl Frame {
    fn read(marker: u8, content: &[u8]) -> Result<Frame, BadImage> {
        let not_read = |what: &str| Err(BadImage::NotRead(what.to_string()));
        match marker {
            0xc0..=0xc2 => {}
            0xc3 => return not_read("a lossless JPEG"),
            0xc9..=0xcb => return not_read("an arithmetic-coded JPEG"),
            0xf7 => return not_read("a JPEG-LS file"),
            _ => return not_read("a hierarchical JPEG"),
        }
        let [precision, high, low, wide, narrow, count, components @ ..] = content else { return Err(BadImage::Cut) };
        if *precision != 8 {
            return not_read(&format!("a JPEG of {precision} bits per sample"));
        }
        let count = usize::from(*count);
        let components: Vec<&[u8]> = components.chunks_exact(3).take(count).collect();
        if components.len() < count || count == 0 {
            return Err(damaged("its frame header is too short"));
        }
        if ![1, 3, 4].contains(&count) {
            return not_read(&format!("a JPEG of {count} components"));
        }
        let factors = 1..=4;
        if !components.iter().all(|one| factors.contains(&(one[1] >> 4)) && factors.contains(&(one[1] & 15))) {
            return Err(damaged("its sampling factors are not 1 to 4"));
        }
        let side = |high: &u8, low: &u8| u32::from(u16::from_be_bytes([*high, *low]));
        let (width, height) = (side(wide, narrow), side(high, low));
        if height == 0 && width > 0 {
            return not_read("a JPEG that stores its height after the image data (DNL)");
        }
        if width == 0 {
            return Err(damaged(&format!("it has {width} x {height} pixels")));
        }
        let components = components.iter().map(|one| one[0]).collect();
        Ok(Frame { width, height, progressive: marker == 0xc2, components })
    }

    fn finish(self, bytes: &[u8], scan: Range<usize>, exif: Option<Range<usize>>) -> Result<Header, BadImage> {
        let single = !self.progressive && bytes[scan.clone()].first().copied() == Some(self.components.len() as u8);
        let unfinished = if single {
            // Within the data of a scan 0xff is always followed by another byte, so this can be nothing but the end.
            match bytes[scan.end..].windows(2).rev().any(|pair| pair == [0xff, 0xd9]) {
                true => None,
                false => return Err(BadImage::Cut),
            }
        } else {
            let scans = Scans::walk(bytes, scan, &self.components, self.progressive)?;
            scans.unfinished()
        };
        Ok(Header { width: self.width, height: self.height, inks: self.components.len() == 4, unfinished, exif })
    }
}

pub(super) fn damaged(words: &str) -> BadImage {
    BadImage::Damaged(words.to_string())
}

/// The next marker with the range of its segment, which is empty for a marker without one; `at` moves behind it.
pub(super) fn next_segment(bytes: &[u8], at: &mut usize) -> Option<(u8, Range<usize>)> {
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
