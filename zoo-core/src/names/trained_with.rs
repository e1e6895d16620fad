//! What weights were trained with, and a network must be run with: padding, the norms' epsilon, and how images are
//! prepared. It is read from the file's metadata, or else taken from the library that named its tensors.

use std::collections::BTreeMap;

use super::Scheme;
use crate::Architecture;
use crate::plan::Padding;
use crate::plan::{ImageSize, MAX_MULTIPLIER, MAX_SIDE};

/// How an image is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Linear in both directions.
    Bilinear,
    /// Cubic in both directions (a = -0.5, as PIL's).
    Bicubic,
}

/// What is known of how weights were trained; what is not known is left to others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrainedWith {
    /// Where strided convolutions put their padding.
    pub padding: Option<Padding>,
    /// Epsilon of every norm.
    pub bn_eps: Option<f64>,
    /// Mean of each channel, pixels taken as 0 to 1.
    pub mean: Option<[f32; 3]>,
    /// Deviation of each channel, pixels taken as 0 to 1.
    pub std: Option<[f32; 3]>,
    /// Shorter side to resize to before the crop; `Some(None)` leaves images as they are.
    pub resize: Option<Option<u32>>,
    /// Size of the central crop: the network's input.
    pub crop: Option<ImageSize>,
    /// How images are resized.
    pub interpolation: Option<Interpolation>,
}

/// Metadata keys of our files.
const PADDING: &str = "zoo.padding";
const BN_EPS: &str = "zoo.bn_eps";
const MEAN: &str = "zoo.mean";
const STD: &str = "zoo.std";
const INPUT_SIZE: &str = "zoo.input_size";
const RESIZE: &str = "zoo.resize";
const INTERPOLATION: &str = "zoo.interpolation";

/// Mean of each channel over ImageNet's training images, as torchvision and timm use it.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Deviation of each channel over ImageNet's training images, as torchvision and timm use it.
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// The largest mean and deviation of pixels from 0 to 1 that anybody means; those of pixels from 0 to 255 begin at 50.
pub const MOST_OF_PIXELS: f32 = 10.0;
/// The smallest deviation.
pub const LEAST_DEVIATION: f32 = 1e-4;

impl TrainedWith {
    /// What the metadata of a file says.
    ///
    /// # Errors
    /// The key and value that make no sense.
    pub fn from_metadata(metadata: &BTreeMap<String, String>) -> Result<TrainedWith, String> {
        let value = |key: &str| metadata.get(key).map(String::as_str);
        fn parse<T>(key: &str, text: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
            text.map(|text| read(text).ok_or_else(|| format!("metadata {key} = `{text}`"))).transpose()
        }
        Ok(TrainedWith {
            padding: parse(PADDING, value(PADDING), padding)?,
            bn_eps: parse(BN_EPS, value(BN_EPS), epsilon)?,
            mean: parse(MEAN, value(MEAN), channels)?,
            std: parse(STD, value(STD), deviations)?,
            resize: parse(RESIZE, value(RESIZE), resize)?,
            crop: parse(INPUT_SIZE, value(INPUT_SIZE), |text| text.parse().ok())?,
            interpolation: parse(INTERPOLATION, value(INTERPOLATION), interpolation)?,
        })
    }

    /// As the metadata of a weights file.
    pub fn to_metadata(&self) -> BTreeMap<String, String> {
        let three = |numbers: [f32; 3]| numbers.map(|number| number.to_string()).join(",");
        let pairs = [
            (PADDING, self.padding.map(|padding| padding_name(padding).to_string())),
            (BN_EPS, self.bn_eps.map(|eps| eps.to_string())),
            (MEAN, self.mean.map(three)),
            (STD, self.std.map(three)),
            (RESIZE, self.resize.map(|side| side.map_or("none".into(), |side| side.to_string()))),
            (INPUT_SIZE, self.crop.map(|size| size.to_string())),
            (INTERPOLATION, self.interpolation.map(|how| interpolation_name(how).to_string())),
        ];
        pairs.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?))).collect()
    }

    /// What the library behind `scheme` trains the variant `model` of `architecture` with.
    pub fn habit_of(scheme: Scheme, architecture: &Architecture, model: &str) -> TrainedWith {
        match scheme.namings(architecture).next() {
            Some(naming) => (naming.habit)(model),
            None => TrainedWith { bn_eps: None, ..imagenet(Padding::Symmetric) },
        }
    }

    /// `self` where it says something, else `other`.
    #[must_use]
    pub fn or(self, other: TrainedWith) -> TrainedWith {
        TrainedWith {
            padding: self.padding.or(other.padding),
            bn_eps: self.bn_eps.or(other.bn_eps),
            mean: self.mean.or(other.mean),
            std: self.std.or(other.std),
            resize: self.resize.or(other.resize),
            crop: self.crop.or(other.crop),
            interpolation: self.interpolation.or(other.interpolation),
        }
    }
}

/// ImageNet's mean and deviation, bicubic, and the epsilon of TensorFlow's networks.
pub fn imagenet(padding: Padding) -> TrainedWith {
    TrainedWith {
        padding: Some(padding),
        bn_eps: Some(1e-3),
        mean: Some(IMAGENET_MEAN),
        std: Some(IMAGENET_STD),
        interpolation: Some(Interpolation::Bicubic),
        ..TrainedWith::default()
    }
}

/// `same` or `symmetric`.
pub fn padding(text: &str) -> Option<Padding> {
    match text {
        "same" => Some(Padding::Same),
        "symmetric" => Some(Padding::Symmetric),
        _ => None,
    }
}

/// The word for a padding on the command line and in files.
pub const fn padding_name(padding: Padding) -> &'static str {
    match padding {
        Padding::Same => "same",
        Padding::Symmetric => "symmetric",
    }
}

/// `bilinear` or `bicubic`.
pub fn interpolation(text: &str) -> Option<Interpolation> {
    match text {
        "bilinear" => Some(Interpolation::Bilinear),
        "bicubic" => Some(Interpolation::Bicubic),
        _ => None,
    }
}

/// The word for an interpolation on the command line and in files.
pub const fn interpolation_name(interpolation: Interpolation) -> &'static str {
    match interpolation {
        Interpolation::Bilinear => "bilinear",
        Interpolation::Bicubic => "bicubic",
    }
}

/// The mean of each channel: three numbers with commas between. Pixels are taken as 0 to 1, so that a mean of theirs over
/// [`MOST_OF_PIXELS`] is one of pixels from 0 to 255, or nonsense.
pub fn channels(text: &str) -> Option<[f32; 3]> {
    let numbers: Vec<f32> = text.split(',').map(|number| number.trim().parse().ok()).collect::<Option<_>>()?;
    let numbers: [f32; 3] = numbers.try_into().ok()?;
    are_means(&numbers).then_some(numbers)
}

/// The deviation of each channel: three numbers with commas between.
pub fn deviations(text: &str) -> Option<[f32; 3]> {
    channels(text).filter(are_deviations)
}

/// The norms' epsilon.
pub fn epsilon(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|eps| is_epsilon(*eps))
}

/// A side in pixels.
fn side(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|side| (1..=MAX_SIDE).contains(side))
}

/// A side in pixels, or `none` for images as they are.
pub fn resize(text: &str) -> Option<Option<u32>> {
    if text == "none" { Some(None) } else { side(text).map(Some) }
}

/// A width or depth multiplier.
pub fn multiplier(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|multiplier| *multiplier > 0.0 && *multiplier <= MAX_MULTIPLIER)
}

/// Whether a network can be run with that epsilon.
pub fn is_epsilon(eps: f64) -> bool {
    eps > 0.0 && eps < 1.0
}

/// Whether three numbers can be means of pixels from 0 to 1.
pub fn are_means(numbers: &[f32; 3]) -> bool {
    numbers.iter().all(|number| number.abs() <= MOST_OF_PIXELS)
}

/// Whether three numbers can be deviations of pixels from 0 to 1. Networks that want pixels from 0 to 255 have 1/255.
pub fn are_deviations(numbers: &[f32; 3]) -> bool {
    numbers.iter().all(|number| (LEAST_DEVIATION..=MOST_OF_PIXELS).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_reads_back_as_written() -> Result<(), String> {
        let known = TrainedWith {
            resize: Some(None),
            crop: Some(ImageSize { height: 160, width: 320 }),
            ..imagenet(Padding::Same)
        };
        assert_eq!(TrainedWith::from_metadata(&known.to_metadata())?, known);
        assert_eq!(TrainedWith::from_metadata(&BTreeMap::new())?, TrainedWith::default());
        Ok(())
    }

    #[test]
    fn nonsense_is_named() {
        let cases = [
            (PADDING, "valid"),
            (BN_EPS, "0"),
            (BN_EPS, "-1e-5"),
            (BN_EPS, "inf"),
            (BN_EPS, "NaN"),
            (BN_EPS, "1"),
            (MEAN, "0.5,0.5"),
            (MEAN, "nan,0,0"),
            (MEAN, "inf,0,0"),
            (MEAN, "123.7,116.3,103.5"),
            (STD, "a,b,c"),
            (STD, "0,0,0"),
            (STD, "0.2,-0.2,0.2"),
            (STD, "0.2,nan,0.2"),
            (STD, "1e-30,1,1"),
            (STD, "58.4,57.1,57.4"),
            (INPUT_SIZE, "-1"),
            (INPUT_SIZE, "0"),
            (INPUT_SIZE, "65536"),
            (RESIZE, "0"),
            (RESIZE, "99999999"),
            (INTERPOLATION, "nearest"),
        ];
        for (key, value) in cases {
            let metadata = BTreeMap::from([(key.to_string(), value.to_string())]);
            let error = TrainedWith::from_metadata(&metadata).unwrap_err();
            assert!(error.contains(key) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn multipliers_are_numbers_in_range() {
        for text in ["0", "-1", "nan", "inf", "1e9", "one"] {
            assert_eq!(multiplier(text), None, "{text}");
        }
        assert_eq!(multiplier("0.35"), Some(0.35));
    }

    #[test]
    fn what_is_known_better_goes_first() {
        let file = TrainedWith { bn_eps: Some(1e-4), ..TrainedWith::default() };
        let both = file.or(TrainedWith::habit_of(Scheme::Torchvision, &crate::arch::MOBILENET_V2, "mobilenet-v2"));
        assert_eq!(
            (both.bn_eps, both.padding, both.crop),
            (Some(1e-4), Some(Padding::Symmetric), Some(ImageSize::square(224)))
        );
    }
}
