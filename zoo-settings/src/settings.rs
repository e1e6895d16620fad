//! What the settings mean together: the network's options, the schedule, and by what two runs are told apart.

use std::collections::BTreeMap;

use toml::{Table, Value};
use zoo_core::names::TrainedWith;
use zoo_core::{Entry, ImageSize, InputSize, Options, Overrides};
use zoo_host::paths;

use crate::choices::Precision;
use crate::freeze::Freeze;
use crate::layers::flatten;
use crate::schedule::Schedule;
use crate::{Data, Given, LearningSchedule, Network, Run, Settings, SettingsError};

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
        let given = Overrides {
            width: self.network.width,
            depth: self.network.depth,
            profile: Some(&self.network.profile),
            input: Some(self.input()),
            classes: Some(u32::try_from(classes).unwrap_or(u32::MAX)),
            dropout: self.network.dropout,
            drop_path: self.network.drop_path,
            padding: self.network.padding,
        };
        given.over(entry).map_err(|error| SettingsError(error.to_string()))
    }

    /// Size of the input, with the channels where they are not the table's.
    pub fn input(&self) -> InputSize {
        InputSize { in_channels: self.network.in_channels, image: self.network.input_size }
    }

    /// Whether part of the network is frozen at first.
    pub fn is_frozen(&self) -> bool {
        self.network.freeze.is_some_and(|freeze| freeze != Freeze::None)
    }

    /// Whether any norm of the backbone will use the statistics of batches.
    pub fn trains_norms(&self) -> bool {
        let frozen = self.network.freeze == Some(Freeze::Backbone) && self.network.unfreeze_every.is_none();
        !self.network.freeze_statistics && !frozen
    }

    /// What the settings say of how a network is run and images are prepared, as far as that was `given`.
    pub fn trained_with(&self, given: &Given) -> TrainedWith {
        TrainedWith {
            padding: self.network.padding,
            bn_eps: self.network.bn_eps,
            mean: self.data.mean,
            std: self.data.std,
            resize: self.data.resize.map(|side| Some(side).filter(|side| *side > 0)),
            crop: given.has("input_size").then_some(self.network.input_size),
            interpolation: self.data.interpolation,
        }
    }

    /// Whether images are changed at random other than by crops and flips.
    pub fn changes_images(&self) -> bool {
        let strengths = [self.augment.random_erasing, self.augment.mixup, self.augment.cutmix];
        !self.augment.augment.is_none()
            || strengths.iter().chain(&self.augment.colour_jitter).any(|strength| *strength > 0.0)
    }

    /// Least and greatest share of an image file's area that a random crop takes.
    pub fn crop_scale(&self) -> [f64; 2] {
        self.augment.crop_scale.unwrap_or([0.08, 1.0])
    }

    /// The schedule of a run of `steps`, `per_epoch` of which are an epoch.
    pub fn schedule(&self, steps: u64, per_epoch: u64) -> Schedule {
        let scale =
            self.schedule.learning_rate_batch.map_or(1.0, |batch| self.schedule.batch_size as f64 / batch as f64);
        Schedule {
            peak: self.schedule.learning_rate * scale,
            decay: self.schedule.schedule,
            warmup: self.schedule.warmup_steps.unwrap_or_else(|| self.schedule.schedule.warmup_for(steps)),
            steps,
            factor: self.schedule.decay_rate.unwrap_or(1.0),
            interval: self.schedule.decay_epochs.unwrap_or(1.0) * per_epoch as f64,
        }
    }

    /// Epochs from one evaluation to the next.
    pub fn evaluate_every(&self) -> u64 {
        self.run.evaluate_every.unwrap_or(1)
    }

    /// The settings by their keys, without sections.
    pub fn to_flat(&self) -> Table {
        Table::try_from(self).map(flatten).unwrap_or_default()
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
        let dataset = match self.data.dataset.split_once(':') {
            Some((kind, path)) if !path.is_empty() => format!("{kind}:{}", absolute(path)),
            _ => self.data.dataset.clone(),
        };
        Settings {
            data: Data { dataset, subset: self.data.subset.as_deref().map(absolute), ..self.data.clone() },
            network: Network { weights: self.network.weights.as_deref().map(absolute), ..self.network.clone() },
            ..self.clone()
        }
    }

    /// The settings in which this differs from `other`, each as one says it, but for those that change no result.
    pub fn differences(&self, other: &Settings) -> Vec<String> {
        let [own, others] = [self, other].map(|settings| settings.essential().with_absolute_paths().to_flat());
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
        md5::Md5::digest(self.essential().lines()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    fn essential(&self) -> Settings {
        let run = Run {
            workers: 1,
            threads: None,
            checkpoint_every: None,
            keep: None,
            device: String::new(),
            data_on_device: None,
            cudnn_autotune: None,
            ..self.run.clone()
        };
        Settings { run, ..self.clone() }
    }

    /// What runs share that a curve may join: the hash of the settings without the network, the batch, the numbers that are
    /// computed with, the seed and the length, which are columns of their own.
    pub fn recipe_hash(&self) -> String {
        let network = Network {
            model: String::new(),
            width: None,
            depth: None,
            input_size: ImageSize::square(0),
            in_channels: None,
            profile: String::new(),
            ..self.network.clone()
        };
        let schedule =
            LearningSchedule { epochs: 0.0, steps: None, batch_size: 0, micro_batch: None, ..self.schedule.clone() };
        let run = Run { seed: 0, precision: Precision::F32, ..self.run.clone() };
        Settings { network, schedule, run, ..self.clone() }.hash()
    }

    /// The settings as lines `key = value`, in the order of [`HASHED`].
    fn lines(&self) -> String {
        let sections = [
            toml::to_string(&self.network),
            toml::to_string(&self.data),
            toml::to_string(&self.optimizer),
            toml::to_string(&self.schedule),
            toml::to_string(&self.augment),
            toml::to_string(&self.run),
        ];
        let sections: Vec<String> = sections.into_iter().map(Result::unwrap_or_default).collect();
        let mut lines: BTreeMap<&str, String> = BTreeMap::new();
        let mut last = "";
        for line in sections.iter().flat_map(|section| section.split_inclusive('\n')) {
            let key = line.split_once(" = ").map(|(key, _)| key).filter(|key| HASHED.contains(key));
            // A line without a key goes on with a text of several lines.
            last = key.unwrap_or(last);
            lines.entry(last).or_default().push_str(line);
        }
        HASHED.iter().filter_map(|key| lines.remove(key)).collect()
    }
}

/// The order in which settings are hashed. It is that in which they came to be, so that the hashes of rows that are there
/// stay what they are; a new setting goes to the end.
const HASHED: [&str; 72] = [
    "model",
    "width",
    "depth",
    "dataset",
    "subset",
    "skip_bad",
    "input_size",
    "in_channels",
    "profile",
    "dropout",
    "drop_path",
    "weights",
    "pretrained",
    "allow_partial",
    "padding",
    "bn_eps",
    "mean",
    "std",
    "resize",
    "interpolation",
    "freeze",
    "unfreeze_every",
    "backbone_lr_scale",
    "freeze_statistics",
    "cache_features",
    "epochs",
    "steps",
    "extended_from",
    "warmup_steps",
    "batch_size",
    "micro_batch",
    "learning_rate",
    "learning_rate_batch",
    "schedule",
    "decay_rate",
    "decay_epochs",
    "optimizer",
    "momentum",
    "square_momentum",
    "optimizer_eps",
    "weight_decay",
    "decayed",
    "clip_norm",
    "clip_value",
    "ema_decay",
    "label_smoothing",
    "norm_momentum",
    "input_size_from",
    "test_time_flip",
    "crop_padding",
    "crop_scale",
    "flip",
    "augment",
    "colour_jitter",
    "random_erasing",
    "mixup",
    "cutmix",
    "seed",
    "device",
    "data_on_device",
    "cudnn_autotune",
    "workers",
    "threads",
    "limit_train",
    "limit_test",
    "checkpoint_every",
    "evaluate_every",
    "patience",
    "keep",
    "on_nan",
    "precision",
    "sync_batch_norm",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_kept_lead_to_the_same_files_from_anywhere() {
        let of = |text: &str| Settings::layered(None, text.parse().unwrap()).unwrap().0;
        let here = std::env::current_dir().unwrap();
        let kept = of("dataset = 'folder:my/pictures'\nsubset = 'some.txt'\nweights = '/a/b'").with_absolute_paths();
        assert_eq!(kept.data.dataset, format!("folder:{}", here.join("my/pictures").display()));
        assert_eq!(kept.data.subset, Some(here.join("some.txt").display().to_string()));
        assert_eq!(kept.network.weights.as_deref(), Some("/a/b"));
        assert_eq!(of("").with_absolute_paths().data.dataset, "cifar10");
        assert_eq!(of("weights = 'x'").differences(&of("weights = 'x'").with_absolute_paths()), Vec::<String>::new());
        let differences = of("learning_rate = 0.1\nthreads = 2").differences(&of("width = 0.5\nthreads = 3"));
        assert_eq!(differences, ["learning_rate = 0.1, not 0.05", "width = nothing, not 0.5"]);
    }

    /// A setting that is not among them would be hashed with the one before it, or not at all.
    #[test]
    fn every_setting_is_hashed() {
        let mut keys: Vec<&str> = crate::SETTINGS.iter().map(|setting| setting.key).collect();
        let mut hashed = HASHED.to_vec();
        keys.sort_unstable();
        hashed.sort_unstable();
        assert_eq!(hashed, keys);
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
