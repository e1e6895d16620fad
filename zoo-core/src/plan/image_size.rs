//! Size of a network's input: height and width in pixels, and channels where they are not the table's.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Size of an image in pixels. It is written `224` where it is square, else `HEIGHTxWIDTH`, as in `160x320`.
///
/// ```
/// use zoo_core::ImageSize;
/// let wide: ImageSize = "160x320".parse()?;
/// assert_eq!(wide, ImageSize { height: 160, width: 320 });
/// assert_eq!((wide.to_string(), ImageSize::square(224).to_string()), ("160x320".into(), "224".into()));
/// # Ok::<(), zoo_core::plan::ImageSizeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageSize {
    /// Height in pixels.
    pub height: u32,
    /// Width in pixels.
    pub width: u32,
}

/// Size of an image, and its channels where they are not the table's. It is written as the image's size, or
/// `CHANNELSxHEIGHTxWIDTH`, as in `1x28x28`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InputSize {
    /// Channels, where they are not the table's.
    pub in_channels: Option<u32>,
    /// Height and width.
    pub image: ImageSize,
}

/// A text that is not an image size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an image size; expected pixels such as 224, or {others}, each from 1 to {MAX_SIDE}")]
pub struct ImageSizeError {
    text: String,
    others: &'static str,
}

const IMAGE: &str = "HEIGHTxWIDTH such as 160x320";
const INPUT: &str = "HEIGHTxWIDTH such as 160x320, with channels before it as in 1x160x320";

/// What stands between the numbers.
const BY: [char; 3] = ['x', 'X', '×'];

/// The largest height and width.
pub(crate) const MAX_SIDE: u32 = 65_535;

impl ImageSize {
    /// A square image.
    pub const fn square(side: u32) -> ImageSize {
        ImageSize { height: side, width: side }
    }

    /// The side, where the image is square.
    pub const fn side(self) -> Option<u32> {
        if self.height == self.width { Some(self.height) } else { None }
    }

    /// The shorter of height and width.
    pub fn shorter(self) -> u32 {
        self.height.min(self.width)
    }

    /// Number of pixels.
    pub fn pixels(self) -> usize {
        self.height as usize * self.width as usize
    }

    /// Side of the square with as many pixels: what a size is ordered and plotted by.
    pub fn mean_side(self) -> f64 {
        match self.side() {
            Some(side) => side.into(),
            None => (f64::from(self.height) * f64::from(self.width)).sqrt(),
        }
    }

    /// The size times `share`, rounded to whole pixels, at least one.
    #[must_use]
    pub fn times(self, share: f64) -> ImageSize {
        let scaled = |side: u32| ((f64::from(side) * share).round() as u32).max(1);
        ImageSize { height: scaled(self.height), width: scaled(self.width) }
    }

    /// Whether both sides can be planned.
    pub const fn is_valid(self) -> bool {
        1 <= self.height && self.height <= MAX_SIDE && 1 <= self.width && self.width <= MAX_SIDE
    }
}

impl From<u32> for ImageSize {
    fn from(side: u32) -> ImageSize {
        ImageSize::square(side)
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.side() {
            Some(side) => fmt::Display::fmt(&side, f),
            None => f.pad(&format!("{}x{}", self.height, self.width)),
        }
    }
}

impl FromStr for ImageSize {
    type Err = ImageSizeError;

    fn from_str(text: &str) -> Result<ImageSize, ImageSizeError> {
        let side = |text: &str| text.trim().parse::<u32>().ok();
        let size = match text.split_once(BY) {
            Some((height, width)) => side(height).zip(side(width)).map(|(height, width)| ImageSize { height, width }),
            None => side(text).map(ImageSize::square),
        };
        size.filter(|size| size.is_valid()).ok_or_else(|| ImageSizeError { text: text.trim().into(), others: IMAGE })
    }
}

impl fmt::Display for InputSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImageSize { height, width } = self.image;
        match self.in_channels {
            Some(channels) => f.pad(&format!("{channels}x{height}x{width}")),
            None => fmt::Display::fmt(&self.image, f),
        }
    }
}

impl FromStr for InputSize {
    type Err = ImageSizeError;

    fn from_str(text: &str) -> Result<InputSize, ImageSizeError> {
        let fail = || ImageSizeError { text: text.trim().into(), others: INPUT };
        if text.matches(BY).count() < 2 {
            return text.parse::<ImageSize>().map(InputSize::from).map_err(|_| fail());
        }
        let (channels, image) = text.split_once(BY).ok_or_else(fail)?;
        let channels = channels.trim().parse().ok().filter(|channels| (1..=MAX_SIDE).contains(channels));
        let image = image.parse().map_err(|_| fail())?;
        Ok(InputSize { in_channels: Some(channels.ok_or_else(fail)?), image })
    }
}

impl From<u32> for InputSize {
    fn from(side: u32) -> InputSize {
        ImageSize::square(side).into()
    }
}

impl From<ImageSize> for InputSize {
    fn from(image: ImageSize) -> InputSize {
        InputSize { in_channels: None, image }
    }
}

/// A number where it is the side of a square, else text.
impl Serialize for ImageSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        InputSize::from(*self).serialize(serializer)
    }
}

impl Serialize for InputSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.in_channels, self.image.side()) {
            (None, Some(side)) => serializer.serialize_u32(side),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for ImageSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ImageSize, D::Error> {
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for InputSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<InputSize, D::Error> {
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// Reads a number or text.
struct Visitor<T>(PhantomData<T>);

impl<T: FromStr<Err = ImageSizeError>> serde::de::Visitor<'_> for Visitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pixels such as 224, or \"160x320\" (height by width)")
    }

    fn visit_u64<E: serde::de::Error>(self, side: u64) -> Result<T, E> {
        self.visit_str(&side.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, side: i64) -> Result<T, E> {
        self.visit_str(&side.to_string())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_back_as_written() -> Result<(), ImageSizeError> {
        for (text, height, width) in [("224", 224, 224), ("160x320", 160, 320), ("1x65535", 1, 65_535)] {
            let size: ImageSize = text.parse()?;
            assert_eq!((size, size.to_string().as_str()), (ImageSize { height, width }, text));
            let json = serde_json::to_string(&size).unwrap();
            assert_eq!(serde_json::from_str::<ImageSize>(&json).unwrap(), size);
        }
        assert_eq!("160 x 320".parse::<ImageSize>()?, "160x320".parse()?);
        assert_eq!("96x96".parse::<ImageSize>()?.to_string(), "96");
        for (text, in_channels, side) in [("224", None, 224), ("1x28x28", Some(1), 28)] {
            let size: InputSize = text.parse()?;
            assert_eq!((size, size.to_string().as_str()), (InputSize { in_channels, image: side.into() }, text));
            let json = serde_json::to_string(&size).unwrap();
            assert_eq!(serde_json::from_str::<InputSize>(&json).unwrap(), size);
        }
        Ok(())
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "0", "-1", "65536", "224x", "x224", "1x2x3", "2.5", "160x0", "many"] {
            let error = text.parse::<ImageSize>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("160x320"), "{error}");
            assert!(text == "1x2x3" || text.parse::<InputSize>().is_err(), "{text}");
        }
        for text in ["0x28x28", "1x28x28x28", "x28x28", "1x0x28"] {
            assert!(text.parse::<InputSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn shares_round_and_never_vanish() {
        let wide = ImageSize { height: 160, width: 320 };
        assert_eq!(wide.times(0.5), ImageSize { height: 80, width: 160 });
        assert_eq!(wide.times(0.001), ImageSize::square(1));
        assert_eq!((wide.shorter(), wide.pixels()), (160, 51_200));
        assert!((wide.mean_side() - 226.27).abs() < 0.01);
    }
}
