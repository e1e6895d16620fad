//! How a network is run and its images are prepared, with the reason for each choice.
//!
//! The order is the same for evaluation, prediction and fine-tuning: flags, then what the file (or the hub's table) says,
//! then the habit of whoever named the tensors, then the table's own values.

use serde_json::{Value, json};
use zoo_core::plan::Padding;
use zoo_core::weights::{Interpolation, Scheme, TrainedWith, interpolation_name, padding_name};
use zoo_core::{Entry, ImageSize};

use super::pretrained::Source;
use zoo_data::Preprocessing;
use zoo_data::preprocessing::for_channels;
use zoo_data::sets::is_small;

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag,
    /// The file's metadata, as ours have it.
    Metadata,
    /// What is known of the weights of the hub that were asked for.
    Hub,
    /// What is known of a file of that name.
    FileName,
    /// What is known of the network that the file names, or that the script which wrote it was told.
    Arch,
    /// The habit of whoever named the tensors.
    Names(Scheme),
    /// The images that it was trained on: small ones, seen whole.
    SmallImages,
    /// The table of the architecture, or the custom of the field.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Flag => f.write_str("flag"),
            Origin::Metadata => f.write_str("metadata"),
            Origin::Hub => f.write_str("hub"),
            Origin::FileName => f.write_str("file name"),
            Origin::Arch => f.write_str("arch in the file"),
            Origin::Names(scheme) => write!(f, "{scheme} names"),
            Origin::SmallImages => f.write_str("trained on whole small images"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// Everything settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolved {
    /// Where strided convolutions put their padding.
    pub padding: (Padding, Origin),
    /// Epsilon of every norm.
    pub bn_eps: (f64, Origin),
    /// Mean of each channel, pixels taken as 0 to 1.
    pub mean: ([f32; 3], Origin),
    /// Deviation of each channel, pixels taken as 0 to 1.
    pub std: ([f32; 3], Origin),
    /// Shorter side before the crop; nothing leaves images as they are.
    pub resize: (Option<u32>, Origin),
    /// Size of the central crop, the network's input.
    pub crop: (ImageSize, Origin),
    /// How images are resized.
    pub interpolation: (Interpolation, Origin),
}

impl Resolved {
    /// Settles every value for the variant `entry` with so many input channels, whose tensors are named by `scheme`; of what
    /// is `told` of the weights the first counts.
    pub fn new(
        entry: &Entry,
        scheme: Scheme,
        flags: &TrainedWith,
        told: &[(TrainedWith, Origin)],
        channels: u32,
    ) -> Resolved {
        let mut habit = habit_of(scheme, entry);
        let variant = entry.variant.options;
        let voices = |habit: TrainedWith| {
            let all = std::iter::once((*flags, Origin::Flag)).chain(told.iter().copied());
            all.chain([(habit, Origin::Names(scheme))]).collect::<Vec<_>>()
        };
        let crop = pick(&voices(habit), |said| said.crop, variant.input_size);
        // A resize of the habit belongs to the habit's crop.
        habit.resize = habit.resize.filter(|_| habit.crop == Some(crop.0));
        let voices = voices(habit);
        let customary = Preprocessing::of_imagenet(crop.0);
        let numbers = |(three, origin): ([f32; 3], Origin)| (for_channels(three, channels), origin);
        Resolved {
            padding: pick(&voices, |said| said.padding, variant.padding),
            bn_eps: pick(&voices, |said| said.bn_eps, entry.architecture.rules.norm.eps()),
            mean: numbers(pick(&voices, |said| said.mean, customary.mean)),
            std: numbers(pick(&voices, |said| said.std, customary.std)),
            resize: pick(&voices, |said| said.resize, customary.resize),
            crop,
            interpolation: pick(&voices, |said| said.interpolation, customary.interpolation),
        }
    }

    /// For a file that is run as it is, such as one of ONNX: how its images of size `crop` are prepared, by the flags, by what
    /// it says of itself, or by the custom of the field. Padding and epsilon are a part of the file.
    pub fn of_file(flags: &TrainedWith, said: &TrainedWith, crop: ImageSize, channels: u32) -> Resolved {
        let voices = [(*flags, Origin::Flag), (*said, Origin::Metadata)];
        let customary = Preprocessing::of_imagenet(crop);
        let numbers = |(three, origin): ([f32; 3], Origin)| (for_channels(three, channels), origin);
        Resolved {
            padding: pick(&voices, |said| said.padding, Padding::Symmetric),
            bn_eps: pick(&voices, |said| said.bn_eps, 1e-5),
            mean: numbers(pick(&voices, |said| said.mean, customary.mean)),
            std: numbers(pick(&voices, |said| said.std, customary.std)),
            resize: pick(&voices, |said| said.resize, customary.resize),
            crop: (crop, Origin::Metadata),
            interpolation: pick(&voices, |said| said.interpolation, customary.interpolation),
        }
    }

    /// For the images of a data set, as it is named: small ones are seen whole.
    #[must_use]
    pub fn for_dataset(self, dataset: &str) -> Resolved {
        if is_small(dataset) { self } else { self.for_pictures() }
    }

    /// For pictures of any size. Networks of small data sets saw each image whole, and have no resize to say of it; the
    /// middle of a photograph in its full size would be nothing like it, so that its shorter side becomes the crop.
    #[must_use]
    pub fn for_pictures(self) -> Resolved {
        match self.resize {
            (Some(_), _) | (None, Origin::Flag) => self,
            (None, _) => Resolved { resize: (Some(self.crop.0.shorter()), Origin::SmallImages), ..self },
        }
    }

    /// The values alone, as a file of ours would say them.
    pub fn trained_with(&self) -> TrainedWith {
        TrainedWith {
            padding: Some(self.padding.0),
            bn_eps: Some(self.bn_eps.0),
            ..Preprocessing::from(self).trained_with()
        }
    }

    /// Values and origins for `--format json`.
    pub fn to_json(&self) -> Value {
        json!({
            "padding": padding_name(self.padding.0),
            "bn_eps": self.bn_eps.0,
            "mean": self.mean.0,
            "std": self.std.0,
            "resize": self.resize.0,
            "crop": self.crop.0,
            "interpolation": interpolation_name(self.interpolation.0),
            "why": {
                "padding": self.padding.1.to_string(),
                "bn_eps": self.bn_eps.1.to_string(),
                "mean": self.mean.1.to_string(),
                "std": self.std.1.to_string(),
                "resize": self.resize.1.to_string(),
                "crop": self.crop.1.to_string(),
                "interpolation": self.interpolation.1.to_string(),
            },
        })
    }
}

/// What the first of the `voices` says that says something.
fn pick<T>(voices: &[(TrainedWith, Origin)], of: impl Fn(&TrainedWith) -> Option<T>, default: T) -> (T, Origin) {
    let said = voices.iter().find_map(|(said, origin)| Some((of(said)?, *origin)));
    said.unwrap_or((default, Origin::Default))
}

/// The habit of whoever named the tensors: timm's is in the table of its weights, those that it usually gives.
fn habit_of(scheme: Scheme, entry: &Entry) -> TrainedWith {
    let habit = TrainedWith::habit_of(scheme, entry.architecture, entry.variant.name);
    match Source::find(entry.variant.name, None) {
        Ok(usual) if scheme == Scheme::Timm => usual.trained_with().or(habit),
        _ => habit,
    }
}

impl Resolved {
    /// How images are prepared, in one line, each value with its origin in brackets.
    pub fn of_images(&self) -> String {
        let three = |numbers: [f32; 3]| numbers.map(|number| format!("{number:.4}")).join(" ");
        let resize = self.resize.0.map_or("none".to_string(), |side| side.to_string());
        format!(
            "resize {resize} ({}), {} ({}), crop {} ({}), mean {} ({}), std {} ({})",
            self.resize.1,
            interpolation_name(self.interpolation.0),
            self.interpolation.1,
            self.crop.0,
            self.crop.1,
            three(self.mean.0),
            self.mean.1,
            three(self.std.0),
            self.std.1,
        )
    }
}

impl std::fmt::Display for Resolved {
    /// One line, each value with its origin in brackets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (padding, eps) = (padding_name(self.padding.0), self.bn_eps.0);
        let images = self.of_images();
        write!(f, "{images}, padding {padding} ({}), norm eps {eps:e} ({})", self.padding.1, self.bn_eps.1)
    }
}

impl From<&Resolved> for Preprocessing {
    fn from(resolved: &Resolved) -> Preprocessing {
        Preprocessing {
            mean: resolved.mean.0,
            std: resolved.std.0,
            resize: resolved.resize.0,
            crop: resolved.crop.0,
            interpolation: resolved.interpolation.0,
        }
    }
}
