//! What a run is told: defaults, then a TOML file, then flags, resolved to one set of values.
//!
//! Owns names, ranges and layers of the settings. The resolved ones are written beside the results and are themselves a
//! file for `--config`, which repeats the run.

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Table;
use zoo_core::weights::{interpolation, padding};
use zoo_core::{Entry, Options};

use super::TrainError;
use super::keys::keys_of;
use super::schedule::{Decay, Schedule, warmup_for};

/// The shipped defaults.
pub const DEFAULTS: &str = include_str!("../../../configs/cifar10.toml");

/// The settings of one run. Optional ones are filled in as the run resolves them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Variant's name.
    #[serde(default)]
    pub model: String,
    /// Width multiplier in place of the variant's.
    pub width: Option<f64>,
    /// Depth multiplier in place of the variant's.
    pub depth: Option<f64>,
    /// `cifar10`, `synthetic`, `imagenette`, `imagenet:PATH` or `folder:PATH`.
    pub dataset: String,
    /// A file that lists the classes to take, in place of all there are.
    pub subset: Option<String>,
    /// Whether files that cannot be decoded are done without.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad: bool,
    /// Side in pixels that images are resized to.
    pub input_size: u32,
    /// The table's profile.
    pub profile: String,
    /// Dropout in place of the variant's.
    pub dropout: Option<f64>,
    /// Drop-path in place of the variant's.
    pub drop_path: Option<f64>,
    /// File of weights to start from.
    pub weights: Option<String>,
    /// Tag of weights on the Hugging Face hub to start from; empty for the usual ones.
    pub pretrained: Option<String>,
    /// Whether weights may fit in part.
    #[serde(default)]
    pub allow_partial: bool,
    /// Padding of strided convolutions, `same` or `symmetric`, in place of what the weights or the table say.
    pub padding: Option<String>,
    /// Epsilon of the norms, in place of what the weights or the table say.
    pub bn_eps: Option<f64>,
    /// Mean of each channel, in place of what the weights or the data set say.
    pub mean: Option<[f32; 3]>,
    /// Deviation of each channel, in place of what the weights or the data set say.
    pub std: Option<[f32; 3]>,
    /// Shorter side that image files are resized to for evaluation; 0 leaves them as they are.
    pub resize: Option<u32>,
    /// How image files are resized for evaluation, `bilinear` or `bicubic`.
    pub interpolation: Option<String>,
    /// What is left as it is: `none`, `backbone` or `stages:N`.
    pub freeze: Option<String>,
    /// Epochs after which another stage is freed, from the last one on.
    pub unfreeze_every: Option<f64>,
    /// Learning rate of the backbone as a share of the classifier's.
    pub backbone_lr_scale: Option<f64>,
    /// Whether norms use running statistics in training, and leave them as they are.
    #[serde(default)]
    pub freeze_statistics: bool,
    /// Whether the features of a frozen backbone are computed once.
    #[serde(default)]
    pub cache_features: bool,
    /// Passes over the training set, where `steps` is not given.
    pub epochs: f64,
    /// Optimizer steps of the run.
    pub steps: Option<u64>,
    /// Steps of warm-up; by default the largest power of two within an eighth of the steps.
    pub warmup_steps: Option<u64>,
    /// Images a step.
    pub batch_size: usize,
    /// Learning rate after the warm-up.
    pub learning_rate: f64,
    /// How it falls.
    pub schedule: Decay,
    /// Momentum, Nesterov's.
    pub momentum: f64,
    /// Weight decay, not on norms and biases.
    pub weight_decay: f64,
    /// Share of the target given to all classes alike.
    pub label_smoothing: f64,
    /// Share of the new batch in running means and variances, in place of the table's.
    pub norm_momentum: Option<f64>,
    /// Pixels of padding before random crops.
    pub crop_padding: usize,
    /// Least and greatest share of its area that a random crop takes of an image file; by default 0.08 and 1.
    pub crop_scale: Option<[f64; 2]>,
    /// Whether every second image is mirrored.
    pub flip: bool,
    /// Seed of weights, order and augmentation.
    pub seed: u64,
    /// `cpu`, `cuda`, `cuda:N` or `mps`.
    pub device: String,
    /// Threads that prepare batches.
    pub workers: usize,
    /// Threads of libtorch; by default one for every processor.
    pub threads: Option<i32>,
    /// Only so many training images.
    pub limit_train: Option<usize>,
    /// Only so many test images.
    pub limit_test: Option<usize>,
    /// A checkpoint every so many steps, beside those at the end of each epoch.
    pub checkpoint_every: Option<u64>,
}

/// The keys that a file or a flag gave, in place of a default.
#[derive(Clone, Debug, Default)]
pub struct Given(std::collections::BTreeSet<String>);

impl Given {
    /// Whether `key` was given.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains(key)
    }
}

impl Settings {
    /// Lays `file` (path and text) and `flags` over the defaults, and tells which keys these gave.
    ///
    /// # Errors
    /// Where the file is not TOML, has an unknown key or a value of another type: file, line and key are named.
    pub fn layered(file: Option<(&Path, &str)>, flags: Table) -> Result<(Settings, Given), TrainError> {
        let mut given = Given::default();
        let mut merged: Table = DEFAULTS.parse().map_err(|error| in_file(Path::new("defaults"), DEFAULTS, &error))?;
        if let Some((path, text)) = file {
            let layer: Table = text.parse().map_err(|error| in_file(path, text, &error))?;
            for (key, value) in layer {
                check_key(path, text, &key)?;
                given.0.insert(key.clone());
                let mut trial = merged.clone();
                trial.insert(key.clone(), value);
                merged = Settings::deserialize(trial.clone()).map(|_| trial).map_err(|error| {
                    let line = line_of(text, &key);
                    setting(format!("{}:{line}: `{key}`: {}", path.display(), error.message()))
                })?;
            }
        }
        given.0.extend(flags.keys().cloned());
        merged.extend(flags);
        let settings = Settings::deserialize(merged).map_err(|error| setting(error.message().to_string()))?;
        Ok((settings, given))
    }

    /// The options that the network is planned with, and the name of the profile.
    ///
    /// # Errors
    /// Where the table has no such profile or no such axis.
    pub fn options(&self, entry: &Entry, classes: usize) -> Result<Options, TrainError> {
        let variant = entry.variant.options;
        Ok(Options {
            width: self.width.unwrap_or(variant.width),
            depth: self.depth.unwrap_or(variant.depth),
            input_size: self.input_size,
            classes: u32::try_from(classes).unwrap_or(u32::MAX),
            profile: profile_index(entry, &self.profile).map_err(setting)?,
            dropout: self.dropout.unwrap_or(variant.dropout),
            drop_path: self.drop_path.unwrap_or(variant.drop_path),
            padding: self.padding.as_deref().and_then(padding).unwrap_or(variant.padding),
        })
    }

    /// Refuses values out of range, naming the flag.
    ///
    /// # Errors
    /// The first setting that cannot be.
    pub fn check(&self, train_images: usize) -> Result<(), TrainError> {
        let rules = [
            (self.batch_size > 0, "--batch-size must be at least 1".to_string()),
            (
                train_images > 0 || self.limit_train == Some(0),
                format!("{} has no training images: put a folder `train` beside `val`", self.dataset),
            ),
            (
                self.batch_size <= train_images,
                format!(
                    "--batch-size {} is larger than the training set of {train_images} images: choose a smaller batch \
                     or a larger --limit-train",
                    self.batch_size
                ),
            ),
            (
                self.epochs.is_finite() && self.epochs > 0.0 && self.epochs <= 1e6,
                format!("--epochs must be over 0 and at most 1,000,000, not {}", self.epochs),
            ),
            (self.steps != Some(0), "--steps must be at least 1".into()),
            (
                self.learning_rate.is_finite() && self.learning_rate > 0.0,
                format!("--learning-rate must be a number over 0, not {}", self.learning_rate),
            ),
            ((0.0..1.0).contains(&self.momentum), "momentum must be at least 0 and under 1".into()),
            (
                self.weight_decay.is_finite() && self.weight_decay >= 0.0,
                "--weight-decay must be a number of at least 0".into(),
            ),
            ((0.0..1.0).contains(&self.label_smoothing), "--label-smoothing must be at least 0 and under 1".into()),
            (
                self.norm_momentum.is_none_or(|momentum| momentum > 0.0 && momentum <= 1.0),
                "norm_momentum must be over 0 and at most 1".into(),
            ),
            (
                self.weights.is_none() || self.pretrained.is_none(),
                "give --weights or --pretrained, not both".into(),
            ),
            (
                self.padding.as_deref().is_none_or(|name| padding(name).is_some()),
                "--padding must be same or symmetric".into(),
            ),
            (
                self.interpolation.as_deref().is_none_or(|name| interpolation(name).is_some()),
                "interpolation must be bilinear or bicubic".into(),
            ),
            (self.bn_eps.is_none_or(|eps| eps > 0.0 && eps < 1.0), "--bn-eps must be over 0 and under 1".into()),
            (
                self.std.is_none_or(|std| std.iter().all(|number| number.is_finite() && *number > 0.0)),
                "std must be three numbers over 0".into(),
            ),
            (
                self.unfreeze_every.is_none_or(|epochs| epochs.is_finite() && epochs > 0.0),
                "--unfreeze-every must be a number of epochs over 0".into(),
            ),
            (
                self.backbone_lr_scale.is_none_or(|scale| (0.0..=1.0).contains(&scale)),
                "--backbone-lr-scale must be 0 to 1".into(),
            ),
            (
                self.weights.is_some() || self.pretrained.is_some() || self.freeze.as_deref().is_none_or(|f| f == "none"),
                "--freeze without weights would keep random ones: give --weights FILE or --pretrained".into(),
            ),
            (
                !self.cache_features || (self.freeze.as_deref() == Some("backbone") && self.unfreeze_every.is_none()),
                "--cache-features needs --freeze backbone, and no --unfreeze-every: other features change".into(),
            ),
            (
                !self.cache_features || (!self.flip && self.crop_padding == 0),
                "--cache-features needs images that are the same each time: set flip = false and crop_padding = 0 in a \
                 --config file, as configs/finetune-probe.toml does"
                    .into(),
            ),
            (self.crop_padding <= 1024, "crop_padding must be at most 1024 pixels".into()),
            (
                self.crop_scale().is_sorted() && self.crop_scale()[0] > 0.0 && self.crop_scale()[1] <= 1.0,
                "crop_scale must be two shares over 0 and at most 1, the smaller one first".into(),
            ),
            ((1..=64).contains(&self.workers), "--workers must be 1 to 64".into()),
            (self.threads.is_none_or(|n| (1..=1024).contains(&n)), "--threads must be 1 to 1024".into()),
            (self.limit_test != Some(0), "--limit-test must be at least 1".into()),
            (self.checkpoint_every != Some(0), "--checkpoint-every must be at least 1".into()),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, message)) => Err(setting(message)),
            None => Ok(()),
        }
    }

    /// Least and greatest share of an image file's area that a random crop takes.
    pub fn crop_scale(&self) -> [f64; 2] {
        self.crop_scale.unwrap_or([0.08, 1.0])
    }

    /// The schedule of a run of `steps`.
    pub fn schedule(&self, steps: u64) -> Schedule {
        let warmup = self.warmup_steps.unwrap_or_else(|| warmup_for(steps));
        Schedule { peak: self.learning_rate, decay: self.schedule, warmup, steps }
    }

    /// The settings as a TOML file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// Eight digits that tell apart runs whose results may differ: of everything but the number of threads and workers,
    /// where it runs, and steps that a budget was turned into.
    pub fn hash(&self) -> String {
        use md5::Digest;
        let essential =
            Settings { workers: 1, threads: None, checkpoint_every: None, device: String::new(), ..self.clone() };
        md5::Md5::digest(essential.to_toml()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The index of a profile, or a sentence that lists those there are.
pub fn profile_index(entry: &Entry, name: &str) -> Result<u32, String> {
    entry.architecture.profile(name).ok_or_else(|| {
        let profiles = entry.architecture.profiles.join(", ");
        format!("{} has no profile `{name}`: choose one of {profiles} with --profile", entry.variant.name)
    })
}

fn setting(message: String) -> TrainError {
    TrainError::Setting(message)
}

fn check_key(path: &Path, text: &str, key: &str) -> Result<(), TrainError> {
    let known = keys_of::<Settings>();
    if known.contains(&key) {
        return Ok(());
    }
    let nearest = known.iter().map(|name| (strsim::osa_distance(key, name), name)).min();
    let hint = match nearest {
        Some((distance, name)) if distance <= 1 + key.len() / 3 => format!(", did you mean `{name}`?"),
        _ => format!("; known keys are {}", known.join(", ")),
    };
    Err(setting(format!("{}:{}: unknown key `{key}`{hint}", path.display(), line_of(text, key))))
}

fn line_of(text: &str, key: &str) -> usize {
    let names = |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    text.lines().position(|line| names(line) || line.trim() == format!("[{key}]")).map_or(1, |index| index + 1)
}

fn in_file(path: &Path, text: &str, error: &toml::de::Error) -> TrainError {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    setting(format!("{}:{line}: {}", path.display(), error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layered(text: &str) -> Result<Settings, String> {
        let layers = Settings::layered(Some((Path::new("my.toml"), text)), Table::new());
        layers.map(|(settings, _)| settings).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_replaces_what_it_names_and_flags_replace_both() -> Result<(), Box<dyn std::error::Error>> {
        let settings = layered("epochs = 3\nmodel = \"mobilenet-v2\"\n")?;
        assert_eq!((settings.epochs, settings.batch_size), (3.0, 128));
        let flags = "epochs = 5".parse()?;
        let (settings, given) = Settings::layered(Some((Path::new("my.toml"), "epochs = 3\nflip = true")), flags)?;
        assert_eq!(settings.epochs, 5.0);
        assert!(given.has("epochs") && given.has("flip") && !given.has("momentum"));
        Ok(())
    }

    #[test]
    fn an_unknown_key_is_named_with_file_and_line() {
        let error = layered("# a comment\nlerning_rate = 0.1\n").unwrap_err();
        assert_eq!(error, "my.toml:2: unknown key `lerning_rate`, did you mean `learning_rate`?");
    }

    #[test]
    fn a_value_of_another_type_is_named_with_file_and_line() {
        let error = layered("epochs = 3\nbatch_size = \"many\"\n").unwrap_err();
        assert!(error.starts_with("my.toml:2: `batch_size`: invalid type"), "{error}");
        let error = layered("epochs = 3\n\nbatch_size = \n").unwrap_err();
        assert!(error.starts_with("my.toml:3: "), "{error}");
    }

    #[test]
    fn resolved_settings_are_a_file_that_gives_themselves() -> Result<(), Box<dyn std::error::Error>> {
        let mut settings = layered("model = \"mobilenet-v2\"")?;
        settings.steps = Some(77);
        settings.width = Some(0.35);
        assert_eq!(layered(&settings.to_toml())?, settings);
        Ok(())
    }

    #[test]
    fn values_out_of_range_name_their_flag() -> Result<(), Box<dyn std::error::Error>> {
        let refused = |text: &str, flag: &str| {
            let error = layered(text).map(|settings| settings.check(1000).map_err(|error| error.to_string()));
            matches!(error, Ok(Err(message)) if message.contains(flag))
        };
        assert!(refused("batch_size = 0", "--batch-size"));
        assert!(refused("batch_size = 1001", "larger than the training set of 1000"));
        assert!(refused("epochs = 0", "--epochs"));
        assert!(refused("epochs = nan", "--epochs"));
        assert!(refused("learning_rate = -1", "--learning-rate"));
        assert!(refused("threads = 0", "--threads"));
        assert!(layered("")?.check(1000).is_ok());
        Ok(())
    }
}
