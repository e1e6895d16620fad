//! The settings of a run, resolved to one set of values.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use zoo_core::weights::{TrainedWith, interpolation, padding};
use zoo_core::{Entry, ImageSize, InputSize, Options};

use crate::flip::Flip;
use crate::optimizer::{Decayed, Kind as OptimizerKind};
use crate::policy::Policy;
use crate::schedule::{Decay, Schedule};
use crate::{Given, SettingsError};
use zoo_host::paths;

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
    /// Size that images are resized to.
    pub input_size: ImageSize,
    /// Channels of the images in place of the table's: 1 for their luminance.
    pub in_channels: Option<u32>,
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
    /// Steps at which the run had ended before it was extended, each time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_from: Vec<u64>,
    /// Steps of warm-up; by default the largest power of two within an eighth of the steps.
    pub warmup_steps: Option<u64>,
    /// Images of one optimizer step.
    pub batch_size: usize,
    /// Images computed at once, whose gradients are summed up to those of a batch; by default all of it.
    pub micro_batch: Option<usize>,
    /// Learning rate after the warm-up.
    pub learning_rate: f64,
    /// The batch size that `learning_rate` is for; with another one it grows in proportion.
    pub learning_rate_batch: Option<usize>,
    /// How it falls.
    pub schedule: Decay,
    /// What the rate is multiplied with each `decay_epochs`, where the schedule is `exponential` or `step`.
    pub decay_rate: Option<f64>,
    /// Epochs of one decay.
    pub decay_epochs: Option<f64>,
    /// Which optimizer.
    #[serde(default, skip_serializing_if = "OptimizerKind::is_default")]
    pub optimizer: OptimizerKind,
    /// Momentum, Nesterov's with SGD; of AdamW and LAMB the share of the mean gradient that is kept.
    pub momentum: f64,
    /// Share of the mean square of the gradient that is kept; by default 0.9 with RMSprop, 0.999 with AdamW and LAMB.
    pub square_momentum: Option<f64>,
    /// Epsilon of the optimizer; by default 1e-3 with RMSprop, 1e-8 with AdamW, 1e-6 with LAMB.
    pub optimizer_eps: Option<f64>,
    /// Weight decay.
    pub weight_decay: f64,
    /// What it is applied to.
    #[serde(default, skip_serializing_if = "Decayed::is_default")]
    pub decayed: Decayed,
    /// Largest norm of all gradients together.
    pub clip_norm: Option<f64>,
    /// Largest size of an element of a gradient.
    pub clip_value: Option<f64>,
    /// Share of the averaged weights that is kept at each step; without it none are kept.
    pub ema_decay: Option<f64>,
    /// Share of the target given to all classes alike.
    pub label_smoothing: f64,
    /// Share of the new batch in running means and variances, in place of the table's.
    pub norm_momentum: Option<f64>,
    /// Shorter side that training images are resized to at first, growing to `input_size`.
    pub input_size_from: Option<u32>,
    /// Whether the test set is also seen mirrored, and the logits averaged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test_time_flip: bool,
    /// Pixels of padding before random crops.
    pub crop_padding: usize,
    /// Least and greatest share of its area that a random crop takes of an image file; by default 0.08 and 1.
    pub crop_scale: Option<[f64; 2]>,
    /// When an image is mirrored: `none`, `random` or `alternating`.
    pub flip: Flip,
    /// Operations on the bytes of images: `none`, `randaugment:N:M` or `trivialaugment`.
    #[serde(default, skip_serializing_if = "Policy::is_none")]
    pub augment: Policy,
    /// How far random brightness, contrast and saturation may be from 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub colour_jitter: [f64; 3],
    /// Probability that a rectangle of an image is erased.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub random_erasing: f64,
    /// α of the Beta distribution that shares of mixup are drawn from; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mixup: f64,
    /// The same of cutmix.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cutmix: f64,
    /// Seed of weights, order and augmentation.
    pub seed: u64,
    /// `cpu`, `cuda`, `cuda:N` or `mps`.
    pub device: String,
    /// Whether the training set lives on the device; by default on CUDA, where all changes to images are crops and flips.
    pub data_on_device: Option<bool>,
    /// Whether cuDNN tries its algorithms on each new shape and takes the fastest; by default it does. Algorithms round
    /// differently, so that two runs on CUDA may differ in their last bits.
    pub cudnn_autotune: Option<bool>,
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
    /// Epochs from one evaluation to the next; by default 1.
    pub evaluate_every: Option<u64>,
    /// Evaluations without a better one after which the run ends.
    pub patience: Option<u64>,
    /// So many of the best checkpoints are kept, beside the last and the best one.
    pub keep: Option<usize>,
    /// What is done where the loss is not a number.
    #[serde(default, skip_serializing_if = "OnNan::is_default")]
    pub on_nan: OnNan,
    /// Numbers that convolutions and matrix products are computed with.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
}

/// What is done where the loss is not a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNan {
    /// The run ends.
    #[default]
    Stop,
    /// It goes back to its last checkpoint and on with half the learning rate.
    Rollback,
}

impl OnNan {
    fn is_default(&self) -> bool {
        *self == OnNan::default()
    }
}

/// Numbers that convolutions and matrix products are computed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 32 bits, rounded to TensorFloat's 19 for matrix products on CUDA.
    Tf32,
    /// bfloat16 where libtorch's autocast allows it; weights and sums stay at 32 bits.
    Bf16,
}

impl Precision {
    fn is_default(&self) -> bool {
        *self == Precision::default()
    }

    /// The precision of that name.
    pub fn find(name: &str) -> Option<Precision> {
        [Precision::F32, Precision::Tf32, Precision::Bf16].into_iter().find(|precision| precision.name() == name)
    }

    /// As the column `dtype` of a row has it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Tf32 => "tf32",
            Precision::Bf16 => "bf16",
        }
    }
}

/// A size as settings say it: a number where it is the side of a square.
pub fn size_value(size: ImageSize) -> Value {
    size.side().map_or_else(|| Value::String(size.to_string()), |side| Value::Integer(side.into()))
}

impl Settings {
    /// The options that the network is planned with, and the name of the profile.
    ///
    /// # Errors
    /// Where the table has no such profile or no such axis.
    pub fn options(&self, entry: &Entry, classes: usize) -> Result<Options, SettingsError> {
        let variant = entry.variant.options;
        Ok(Options {
            width: self.width.unwrap_or(variant.width),
            depth: self.depth.unwrap_or(variant.depth),
            input_size: self.input_size,
            in_channels: self.in_channels.filter(|channels| *channels != entry.architecture.rules.input_channels),
            classes: u32::try_from(classes).unwrap_or(u32::MAX),
            profile: profile_index(entry, &self.profile).map_err(SettingsError)?,
            dropout: self.dropout.unwrap_or(variant.dropout),
            drop_path: self.drop_path.unwrap_or(variant.drop_path),
            padding: self.padding.as_deref().and_then(padding).unwrap_or(variant.padding),
            varied: variant.varied,
        })
    }

    /// Size of the input, with the channels where they are not the table's.
    pub fn input(&self) -> InputSize {
        InputSize { in_channels: self.in_channels, image: self.input_size }
    }

    /// Whether the data set is of small images in memory, which the shipped defaults are for.
    pub fn is_small_images(&self) -> bool {
        matches!(self.dataset.as_str(), "cifar10" | "synthetic")
    }

    /// Whether any norm of the backbone will use the statistics of batches.
    pub fn trains_norms(&self) -> bool {
        let frozen = self.freeze.as_deref() == Some("backbone") && self.unfreeze_every.is_none();
        !self.freeze_statistics && !frozen
    }

    /// What the settings say of how a network is run and images are prepared, as far as that was `given`.
    pub fn trained_with(&self, given: &Given) -> TrainedWith {
        TrainedWith {
            padding: self.padding.as_deref().and_then(padding),
            bn_eps: self.bn_eps,
            mean: self.mean,
            std: self.std,
            resize: self.resize.map(|side| Some(side).filter(|side| *side > 0)),
            crop: given.has("input_size").then_some(self.input_size),
            interpolation: self.interpolation.as_deref().and_then(interpolation),
        }
    }

    /// Whether images are changed at random other than by crops and flips.
    pub fn changes_images(&self) -> bool {
        let strengths = [self.random_erasing, self.mixup, self.cutmix];
        !self.augment.is_none() || strengths.iter().chain(&self.colour_jitter).any(|strength| *strength > 0.0)
    }

    /// Least and greatest share of an image file's area that a random crop takes.
    pub fn crop_scale(&self) -> [f64; 2] {
        self.crop_scale.unwrap_or([0.08, 1.0])
    }

    /// The schedule of a run of `steps`, `per_epoch` of which are an epoch.
    pub fn schedule(&self, steps: u64, per_epoch: u64) -> Schedule {
        let scale = self.learning_rate_batch.map_or(1.0, |batch| self.batch_size as f64 / batch as f64);
        Schedule {
            peak: self.learning_rate * scale,
            decay: self.schedule,
            warmup: self.warmup_steps.unwrap_or_else(|| self.schedule.warmup_for(steps)),
            steps,
            factor: self.decay_rate.unwrap_or(1.0),
            interval: self.decay_epochs.unwrap_or(1.0) * per_epoch as f64,
        }
    }

    /// Epochs from one evaluation to the next.
    pub fn evaluate_every(&self) -> u64 {
        self.evaluate_every.unwrap_or(1)
    }

    /// The settings as a TOML file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// The same with all paths absolute, so that they lead to the same files from anywhere.
    pub fn with_absolute_paths(&self) -> Settings {
        let absolute = |path: &str| {
            let path = paths::expand(path);
            std::path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned()
        };
        let dataset = match self.dataset.split_once(':') {
            Some((kind, path)) if !path.is_empty() => format!("{kind}:{}", absolute(path)),
            _ => self.dataset.clone(),
        };
        Settings {
            dataset,
            subset: self.subset.as_deref().map(absolute),
            weights: self.weights.as_deref().map(absolute),
            ..self.clone()
        }
    }

    /// The settings in which this differs from `other`, each as one says it, but for those that change no result.
    pub fn differences(&self, other: &Settings) -> Vec<String> {
        let tables = [self, other].map(|settings| Table::try_from(settings.essential().with_absolute_paths()));
        let [Ok(own), Ok(others)] = tables else { return Vec::new() };
        let keys: std::collections::BTreeSet<&String> = own.keys().chain(others.keys()).collect();
        let said = |value: Option<&Value>| value.map_or("nothing".to_string(), Value::to_string);
        keys.into_iter()
            .filter(|key| own.get(*key) != others.get(*key))
            .map(|key| format!("{key} = {}, not {}", said(own.get(key)), said(others.get(key))))
            .collect()
    }

    /// Eight digits that tell apart runs whose results may differ: of everything but the number of threads and workers,
    /// where it runs, and steps that a budget was turned into.
    pub fn hash(&self) -> String {
        use md5::Digest;
        md5::Md5::digest(self.essential().to_toml()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    fn essential(&self) -> Settings {
        Settings {
            workers: 1,
            threads: None,
            checkpoint_every: None,
            keep: None,
            device: String::new(),
            data_on_device: None,
            cudnn_autotune: None,
            ..self.clone()
        }
    }

    /// What runs share that a curve may join: the hash of the settings without the network, the batch, the numbers that are
    /// computed with, the seed and the length, which are columns of their own.
    pub fn recipe_hash(&self) -> String {
        let recipe = Settings {
            model: String::new(),
            width: None,
            depth: None,
            input_size: ImageSize::square(0),
            in_channels: None,
            profile: String::new(),
            seed: 0,
            epochs: 0.0,
            steps: None,
            batch_size: 0,
            micro_batch: None,
            precision: Precision::F32,
            ..self.clone()
        };
        recipe.hash()
    }
}

/// Whether something is switched off: written down, it would change the hash of runs that know nothing of it.
fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The index of a profile, or a sentence that lists those there are.
pub fn profile_index(entry: &Entry, name: &str) -> Result<u32, String> {
    entry.architecture.profile(name).ok_or_else(|| {
        let profiles = entry.architecture.profiles.join(", ");
        format!("{} has no profile `{name}`: choose one of {profiles} with --profile", entry.variant.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_kept_lead_to_the_same_files_from_anywhere() {
        let of = |text: &str| Settings::layered(None, text.parse().unwrap()).unwrap().0;
        let here = std::env::current_dir().unwrap();
        let kept = of("dataset = 'folder:my/pictures'\nsubset = 'some.txt'\nweights = '/a/b'").with_absolute_paths();
        assert_eq!(kept.dataset, format!("folder:{}", here.join("my/pictures").display()));
        assert_eq!(kept.subset, Some(here.join("some.txt").display().to_string()));
        assert_eq!(kept.weights.as_deref(), Some("/a/b"));
        assert_eq!(of("").with_absolute_paths().dataset, "cifar10");
        assert_eq!(of("weights = 'x'").differences(&of("weights = 'x'").with_absolute_paths()), Vec::<String>::new());
        let differences = of("learning_rate = 0.1\nthreads = 2").differences(&of("width = 0.5\nthreads = 3"));
        assert_eq!(differences, ["learning_rate = 0.1, not 0.05", "width = nothing, not 0.5"]);
    }

    #[test]
    fn runs_of_a_curve_share_a_recipe() {
        let of = |text: &str| Settings::layered(None, text.parse().unwrap()).unwrap().0.recipe_hash();
        let one = of("model = 'mobilenet-v2'\nwidth = 0.5\nepochs = 4\nbatch_size = 64");
        let other = of("model = 'mobilenet-v1'\nseed = 3\nsteps = 10\nmicro_batch = 32\nprecision = 'bf16'");
        assert_eq!(one, other);
        assert_ne!(one, of("model = 'mobilenet-v1'\nlearning_rate = 0.1"));
        assert_ne!(one, of("model = 'mobilenet-v2'\ntest_time_flip = true"));
    }
}
