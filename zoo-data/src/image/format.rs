//! Which format a file has, told by its first bytes and never by its name.

use super::{BadImage, jpeg, png};

/// As many bytes as it takes to tell.
pub const ENOUGH: usize = 32;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JPEG, in most of its forms.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
    /// GIF.
    Gif,
    /// BMP.
    Bmp,
}

impl Format {
    /// From the beginning of a file.
    ///
    /// # Errors
    ///
    /// Where it is empty, is known and not read, or is no image.
    pub fn of(bytes: &[u8]) -> Result<Format, BadImage> {
        match bytes {
            [] => Err(BadImage::Empty),
            _ if jpeg::is_one(bytes) => Ok(Format::Jpeg),
            _ if png::is_one(bytes) => Ok(Format::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Format::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Format::Gif),
            // Texts may begin with these letters; few go on with the size of a header or with a number.
            [b'B', b'M', ..] if matches!(bytes.get(14..18), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) => {
                Ok(Format::Bmp)
            }
            _ => Err(not_read(bytes).map_or(BadImage::Unknown, |name| BadImage::NotRead(name.to_string()))),
        }
    }
}

/// What an image is that is known and not read.
fn not_read(bytes: &[u8]) -> Option<&'static str> {
    let signatures: [(&[u8], &str); 11] = [
        (b"II*\0", "a TIFF file"),
        (b"MM\0*", "a TIFF file"),
        (b"II+\0", "a TIFF file"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 file"),
        (b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL file"),
        (b"\xff\x0a", "a JPEG XL file"),
        (b"8BPS", "a Photoshop file"),
        (b"\x76\x2f\x31\x01", "an OpenEXR file"),
        (b"qoif", "a QOI file"),
        (b"DDS ", "a DDS file"),
    ];
    if let (Some(b"ftyp"), Some(brand)) = (bytes.get(4..8), bytes.get(8..12)) {
        return match brand {
            b"avif" | b"avis" => Some("an AVIF file"),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => Some("an HEIF file"),
            _ => None,
        };
    }
    if let [b'P', b'1'..=b'6', b' ' | b'\t' | b'\r' | b'\n', b'0'..=b'9' | b'#', ..] = bytes {
        return Some("a PNM file");
    }
    signatures.iter().find(|(signature, _)| bytes.starts_with(signature)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> String {
        Format::of(bytes).map_or_else(|bad| bad.to_string(), |format| format!("{format:?}"))
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let bmp = [b"BM".as_slice(), &[0; 12], &[40, 0, 0, 0], &[0; 8]].concat();
        let read: [(&[u8], &str); 5] = [
            (b"\xff\xd8\xff\xe0", "Jpeg"),
            (b"\x89PNG\r\n\x1a\n", "Png"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
            (b"GIF89a", "Gif"),
            (&bmp, "Bmp"),
        ];
        for (bytes, format) in read {
            assert_eq!(of(bytes), format);
        }
        let others: [(&[u8], &str); 9] = [
            (b"", "is empty"),
            (b"II*\0\x08", "is a TIFF file, which is not supported"),
            (b"P6\n24 20", "is a PNM file, which is not supported"),
            (b"\0\0\0\x1cftypavif\0", "is an AVIF file, which is not supported"),
            (b"\0\0\0\x1cftypheic\0", "is an HEIF file, which is not supported"),
            (b"\0\0\0\x0cJXL \r\n\x87\n", "is a JPEG XL file, which is not supported"),
            (b"BMW and other cars, in a text", "is not a JPEG, PNG, WebP, GIF or BMP file"),
            (b"P5 is a processor", "is not a JPEG, PNG, WebP, GIF or BMP file"),
            (b"\0\0\0\x1cftypisom\0", "is not a JPEG, PNG, WebP, GIF or BMP file"),
        ];
        for (bytes, problem) in others {
            assert_eq!(of(bytes), problem);
        }
    }
}
