//! Ranges of settings: what cannot be is refused before anything is built, in a sentence that names the flag.

use zoo_core::names::{LEAST_DEVIATION, MOST_OF_PIXELS, are_deviations, are_means, is_epsilon};

use crate::Settings;
use crate::SettingsError;
use crate::flip::Flip;
use crate::freeze::Freeze;
use crate::optimizer::Kind;
use crate::schedule::Decay;

/// Larger sides are taken for a slip of the finger.
const MOST_PIXELS: u32 = 16_384;

impl Settings {
    /// Refuses values out of range, naming the flag.
    ///
    /// # Errors
    /// The first setting that cannot be.
    pub fn check(&self, train_images: usize) -> Result<(), SettingsError> {
        self.check_values()?;
        first(self.data_rules(train_images))
    }

    /// The same as far as no data are needed for it.
    ///
    /// # Errors
    /// The first setting that cannot be.
    pub fn check_values(&self) -> Result<(), SettingsError> {
        let mut rules = self.length_rules();
        rules.extend(self.rate_rules());
        rules.extend(self.optimizer_rules());
        rules.extend(self.network_rules());
        rules.extend(self.fine_tuning_rules());
        rules.extend(self.image_rules());
        rules.extend(self.augmentation_rules());
        rules.extend(self.run_rules());
        first(rules)
    }

    fn data_rules(&self, train_images: usize) -> Vec<Rule> {
        vec![
            rule(
                train_images > 0,
                format!("{} has no training images: put a folder `train` beside `val`", self.data.dataset),
            ),
            rule(
                self.schedule.batch_size <= train_images,
                format!(
                    "--batch-size {} is larger than the training set of {train_images} images: choose a smaller batch \
                     or a larger --limit-train",
                    self.schedule.batch_size
                ),
            ),
        ]
    }

    fn length_rules(&self) -> Vec<Rule> {
        vec![
            rule(self.schedule.batch_size > 0, "--batch-size must be at least 1"),
            rule(
                self.schedule.micro_batch.is_none_or(|micro| (1..=self.schedule.batch_size).contains(&micro)),
                "--micro-batch must be 1 to the batch size",
            ),
            rule(
                self.schedule.epochs.is_finite() && self.schedule.epochs > 0.0 && self.schedule.epochs <= 1e6,
                format!("--epochs must be over 0 and at most 1,000,000, not {:?}", self.schedule.epochs),
            ),
            rule(self.schedule.steps != Some(0), "--steps must be at least 1"),
            rule(self.data.limit_train != Some(0), "--limit-train must be at least 1"),
            rule(self.data.limit_test != Some(0), "--limit-test must be at least 1"),
            rule(
                self.schedule.warmup_steps.zip(self.schedule.steps).is_none_or(|(warmup, steps)| warmup <= steps),
                "--warmup-steps is longer than --steps, so the learning rate would never be reached: shorten the \
                 warm-up",
            ),
        ]
    }

    fn rate_rules(&self) -> Vec<Rule> {
        let decays = matches!(self.schedule.schedule, Decay::Exponential | Decay::Step);
        vec![
            rule(
                positive(self.schedule.learning_rate),
                format!("--learning-rate must be a number over 0, not {}", self.schedule.learning_rate),
            ),
            rule(self.schedule.learning_rate_batch != Some(0), "learning_rate_batch must be at least 1"),
            rule(
                !decays || (self.schedule.decay_rate.is_some() && self.schedule.decay_epochs.is_some()),
                "--schedule exponential and step need --decay-rate and --decay-epochs",
            ),
            rule(
                decays || (self.schedule.decay_rate.is_none() && self.schedule.decay_epochs.is_none()),
                "--decay-rate and --decay-epochs go with --schedule exponential or step: leave them out, or choose one",
            ),
            rule(
                self.schedule.decay_rate.is_none_or(|rate| rate > 0.0 && rate <= 1.0),
                "--decay-rate must be over 0 and at most 1",
            ),
            rule(self.schedule.decay_epochs.is_none_or(positive), "--decay-epochs must be a number over 0"),
        ]
    }

    fn optimizer_rules(&self) -> Vec<Rule> {
        vec![
            rule((0.0..1.0).contains(&self.optimizer.momentum), "momentum must be at least 0 and under 1"),
            rule(
                self.optimizer.square_momentum.is_none_or(|share| (0.0..1.0).contains(&share)),
                "square_momentum must be at least 0 and under 1",
            ),
            rule(self.optimizer.optimizer_eps.is_none_or(positive), "optimizer_eps must be a number over 0"),
            rule(
                self.optimizer.optimizer != Kind::Sgd
                    || (self.optimizer.square_momentum.is_none() && self.optimizer.optimizer_eps.is_none()),
                "square_momentum and optimizer_eps are not for SGD: leave them out, or choose another --optimizer",
            ),
            rule(
                self.optimizer.weight_decay.is_finite() && self.optimizer.weight_decay >= 0.0,
                "--weight-decay must be a number of at least 0",
            ),
            rule(self.optimizer.clip_norm.is_none_or(positive), "--clip-norm must be a number over 0"),
            rule(self.optimizer.clip_value.is_none_or(positive), "--clip-value must be a number over 0"),
            rule(
                self.optimizer.ema_decay.is_none_or(|decay| decay > 0.0 && decay < 1.0),
                "--ema-decay must be over 0 and under 1",
            ),
            rule(
                (0.0..1.0).contains(&self.augment.label_smoothing),
                "--label-smoothing must be at least 0 and under 1",
            ),
        ]
    }

    fn network_rules(&self) -> Vec<Rule> {
        vec![
            rule(
                self.network.norm_momentum.is_none_or(|momentum| momentum > 0.0 && momentum <= 1.0),
                "norm_momentum must be over 0 and at most 1",
            ),
            rule(
                self.network.width.is_none_or(positive),
                format!("--width must be a number over 0, not {}", self.network.width.unwrap_or_default()),
            ),
            rule(
                self.network.depth.is_none_or(positive),
                format!("--depth must be a number over 0, not {}", self.network.depth.unwrap_or_default()),
            ),
            rule(
                self.network.dropout.is_none_or(|rate| (0.0..1.0).contains(&rate)),
                "--dropout must be at least 0 and under 1",
            ),
            rule(
                self.network.drop_path.is_none_or(|rate| (0.0..1.0).contains(&rate)),
                "--drop-path must be at least 0 and under 1",
            ),
            rule(self.network.bn_eps.is_none_or(is_epsilon), "--bn-eps must be over 0 and under 1"),
            rule(
                self.schedule
                    .input_size_from
                    .is_none_or(|from| (8..=self.network.input_size.shorter()).contains(&from)),
                format!(
                    "--input-size-from must be at least 8 and at most the shorter side of --input-size {}",
                    self.network.input_size
                ),
            ),
            rule(
                self.schedule.input_size_from.is_none() || !self.network.cache_features,
                "--input-size-from changes the features: leave it or --cache-features out",
            ),
        ]
    }

    fn fine_tuning_rules(&self) -> Vec<Rule> {
        vec![
            rule(
                self.network.weights.is_none() || self.network.pretrained.is_none(),
                "give --weights or --pretrained, not both",
            ),
            rule(
                self.network.unfreeze_every.is_none_or(positive),
                "--unfreeze-every must be a number of epochs over 0",
            ),
            rule(
                self.network.backbone_lr_scale.is_none_or(|scale| (0.0..=1.0).contains(&scale)),
                "--backbone-lr-scale must be 0 to 1",
            ),
            rule(
                self.network.weights.is_some() || self.network.pretrained.is_some() || !self.is_frozen(),
                "--freeze without weights would freeze random ones: give --weights FILE or --pretrained",
            ),
            rule(
                self.network.unfreeze_every.is_none() || self.is_frozen(),
                "--unfreeze-every unfreezes what --freeze froze: give --freeze backbone or stages:N, or leave it out",
            ),
            rule(
                !self.network.allow_partial || self.network.weights.is_some() || self.network.pretrained.is_some(),
                "--allow-partial is for weights: give --weights FILE or --pretrained, or leave it out",
            ),
            rule(
                !self.network.cache_features
                    || (self.network.freeze == Some(Freeze::Backbone) && self.network.unfreeze_every.is_none()),
                "--cache-features needs --freeze backbone, and no --unfreeze-every: otherwise the features change",
            ),
            rule(
                !self.network.cache_features || (self.augment.flip == Flip::None && self.augment.crop_padding == 0),
                "--cache-features needs images that are the same each time: set flip = \"none\" and crop_padding = 0 in a \
                 --config file, as configs/finetune-probe.toml does",
            ),
        ]
    }

    fn image_rules(&self) -> Vec<Rule> {
        let crop_scale = self.crop_scale();
        vec![
            rule(
                self.data.mean.is_none_or(|mean| are_means(&mean)),
                format!("mean must be three numbers, for pixels from 0 to 1, none over {MOST_OF_PIXELS}"),
            ),
            rule(
                self.data.std.is_none_or(|std| are_deviations(&std)),
                format!("std must be three numbers from {LEAST_DEVIATION} to {MOST_OF_PIXELS}, for pixels from 0 to 1"),
            ),
            rule(self.data.resize.is_none_or(|side| side <= MOST_PIXELS), "resize must be at most 16,384 pixels"),
            rule(self.augment.crop_padding <= 1024, "crop_padding must be at most 1024 pixels"),
            rule(
                crop_scale.is_sorted() && crop_scale[0] > 0.0 && crop_scale[1] <= 1.0,
                "crop_scale must be two fractions over 0 and at most 1, the smaller one first",
            ),
        ]
    }

    fn augmentation_rules(&self) -> Vec<Rule> {
        let alpha = |alpha: f64| alpha == 0.0 || (0.01..=100.0).contains(&alpha);
        vec![
            rule(
                self.augment.colour_jitter.iter().all(|strength| (0.0..=10.0).contains(strength)),
                "--colour-jitter must be three numbers from 0 to 10",
            ),
            rule(
                (0.0..=1.0).contains(&self.augment.random_erasing),
                format!("--random-erasing must be a probability, 0 to 1, not {}", self.augment.random_erasing),
            ),
            // Beyond these, shares are 0 or 1, or all one half.
            rule(
                alpha(self.augment.mixup),
                format!("--mixup must be 0 for none, or 0.01 to 100, not {}", self.augment.mixup),
            ),
            rule(
                alpha(self.augment.cutmix),
                format!("--cutmix must be 0 for none, or 0.01 to 100, not {}", self.augment.cutmix),
            ),
            rule(
                !self.network.cache_features || !self.changes_images(),
                "--cache-features needs images that are the same each time: leave out --augment, --colour-jitter, \
                 --random-erasing, --mixup and --cutmix",
            ),
        ]
    }

    fn run_rules(&self) -> Vec<Rule> {
        vec![
            rule((1..=64).contains(&self.run.workers), "--workers must be 1 to 64"),
            rule(self.run.threads.is_none_or(|n| (1..=1024).contains(&n)), "--threads must be 1 to 1024"),
            rule(self.run.checkpoint_every != Some(0), "--checkpoint-every must be at least 1"),
            rule(self.run.evaluate_every != Some(0), "--evaluate-every must be at least 1"),
            rule(self.run.patience != Some(0), "--patience must be at least 1"),
            // TOML, in which it is kept, has no larger integers.
            rule(i64::try_from(self.run.seed).is_ok(), format!("--seed must be at most {}", i64::MAX)),
        ]
    }
}

/// Whether something holds, and what is said where it does not.
type Rule = (bool, String);

fn rule(holds: bool, message: impl Into<String>) -> Rule {
    (holds, message.into())
}

/// Refuses by the first rule that does not hold.
fn first(rules: Vec<Rule>) -> Result<(), SettingsError> {
    match rules.into_iter().find(|(holds, _)| !holds) {
        Some((_, message)) => Err(SettingsError(message)),
        None => Ok(()),
    }
}

fn positive(number: f64) -> bool {
    number.is_finite() && number > 0.0
}

#[cfg(test)]
mod tests {

    use super::*;

    fn layered(text: &str) -> Result<Settings, String> {
        let layers = Settings::layered(None, text.parse().unwrap());
        layers.map(|(settings, _)| settings).map_err(|error| error.to_string())
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
        let mut seed = layered("")?;
        seed.run.seed = u64::MAX;
        assert!(seed.check(1000).is_err_and(|error| error.to_string().contains("--seed")));
        assert!(refused("micro_batch = 129", "--micro-batch"));
        assert!(refused("schedule = \"step\"\ndecay_rate = 0.9", "--decay-epochs"));
        assert!(refused("decay_rate = 0.9", "--schedule"));
        assert!(refused("ema_decay = 1.0", "--ema-decay"));
        assert!(refused("optimizer_eps = 1e-3", "SGD"));
        assert!(refused("input_size_from = 33", "--input-size-from"));
        assert!(refused("colour_jitter = [0.4, -0.1, 0]", "--colour-jitter"));
        assert!(refused("random_erasing = 1.01", "--random-erasing"));
        assert!(refused("mixup = 1e-9", "--mixup"));
        assert!(refused("cutmix = nan", "--cutmix"));
        let probe = "freeze = \"backbone\"\nweights = \"a\"\ncache_features = true\nflip = false\ncrop_padding = 0\n";
        assert!(layered(probe)?.check(1000).is_ok());
        for more in ["augment = \"trivialaugment\"", "colour_jitter = [0, 0, 0.1]", "random_erasing = 0.1", "mixup = 1"]
        {
            assert!(refused(&format!("{probe}{more}"), "--cache-features"));
        }
        assert!(layered("")?.check(1000).is_ok());
        Ok(())
    }

    #[test]
    fn settings_that_need_each_other_are_refused_alone() {
        let refused = |text: &str| layered(text).unwrap().check(1000).map_err(|error| error.to_string()).unwrap_err();
        assert!(refused("unfreeze_every = 1").contains("--freeze"));
        assert!(refused("weights = 'a'\nunfreeze_every = 1\nfreeze = 'none'").contains("--unfreeze-every"));
        assert!(refused("allow_partial = true").contains("--weights"));
        assert!(refused("steps = 10\nwarmup_steps = 11").contains("--warmup-steps"));
    }

    #[test]
    fn no_number_is_out_of_range_on_any_road() {
        // Every setting that is a number, at values that none of them may have.
        let scalars = [
            "width",
            "depth",
            "dropout",
            "drop_path",
            "bn_eps",
            "unfreeze_every",
            "backbone_lr_scale",
            "epochs",
            "learning_rate",
            "decay_rate",
            "decay_epochs",
            "momentum",
            "square_momentum",
            "optimizer_eps",
            "weight_decay",
            "clip_norm",
            "clip_value",
            "ema_decay",
            "label_smoothing",
            "norm_momentum",
            "random_erasing",
            "mixup",
            "cutmix",
        ];
        let triples = ["mean", "std", "colour_jitter"];
        let wrong = ["nan", "inf", "-inf", "-1.0"];
        for (key, value) in scalars.iter().flat_map(|key| wrong.map(|value| (*key, value))) {
            let by_file = layered(&format!("{key} = {value}")).unwrap().check(1000);
            let by_flag = Settings::layered(None, format!("{key} = {value}").parse().unwrap()).unwrap().0.check(1000);
            assert!(by_file.is_err() && by_flag.is_err(), "{key} = {value}");
        }
        for (key, value) in triples.iter().flat_map(|key| ["nan", "inf"].map(|value| (*key, value))) {
            assert!(layered(&format!("{key} = [0.5, {value}, 0.5]")).unwrap().check(1000).is_err(), "{key} = {value}");
        }
    }
}
