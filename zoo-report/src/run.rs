//! A training run as a report reads it: what it came to, how it was trained, and what keeps it from standing beside others.

use zoo_core::summary::grouped;

use super::rows::Environment;
use zoo_results::accuracy;

use zoo_data::sets;

/// A training run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Folder of the run.
    pub run: String,
    /// Trainable parameters.
    pub params: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Passes over the training set.
    pub epochs: f64,
    /// Optimizer steps.
    pub steps: u64,
    /// Accuracy in percent.
    pub top1: Option<f64>,
    /// That of the average of the weights, where one is kept.
    pub top1_ema: Option<f64>,
    /// `done`, or why not.
    pub status: String,
    /// Name of the data set.
    pub dataset: String,
    /// Seed of the run.
    pub seed: Option<u64>,
    /// Number of classes.
    pub classes: Option<u32>,
    /// Of how much of its data it is.
    pub part: Part,
    /// How it was trained.
    pub recipe: Recipe,
    /// Hash of all settings.
    pub config_hash: String,
    /// What makes it again; older rows have none.
    pub command: String,
    /// Machine and software.
    pub environment: Environment,
}

/// What makes a run another thing than training from nothing, in one schedule, on all of a data set. Older tables do not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Training images, where they were limited.
    pub limit_train: Option<u64>,
    /// Test images, where they were limited.
    pub limit_test: Option<u64>,
    /// The images that were evaluated, where those are not the test set.
    pub evaluated: String,
    /// The weights that it started from, or `none`.
    pub weights: String,
    /// Steps at which it had ended before it was made longer.
    pub extended_from: Vec<u64>,
}

/// How a network was trained, its length aside; only accuracies of one recipe are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipe {
    /// Hash of the settings that no column tells; older rows have none.
    pub hash: String,
    /// Images a step.
    pub batch_size: Option<u64>,
    /// Numbers that were computed with.
    pub dtype: String,
    /// Whether each test image was also seen mirrored.
    pub test_time_flip: bool,
}

impl From<accuracy::Row> for Run {
    fn from(row: accuracy::Row) -> Run {
        Run {
            run: row.run,
            params: row.params,
            macs: row.macs,
            epochs: row.epochs,
            steps: row.steps,
            top1: row.top1,
            top1_ema: row.top1_ema,
            status: row.status,
            dataset: row.dataset,
            seed: row.seed,
            classes: row.classes,
            part: Part {
                limit_train: row.limit_train,
                limit_test: row.limit_test,
                evaluated: row.split,
                weights: row.weights,
                extended_from: row.extended_from,
            },
            recipe: Recipe {
                hash: row.recipe_hash,
                batch_size: row.batch_size,
                dtype: row.dtype.clone(),
                test_time_flip: row.test_time_flip.unwrap_or_default(),
            },
            config_hash: row.config_hash,
            command: row.command,
            environment: Environment {
                device: row.device,
                cpu: row.cpu,
                threads: row.threads,
                libtorch: row.libtorch,
                dtype: row.dtype,
                memory_format: row.memory_format,
                revision: row.revision,
            },
        }
    }
}

impl Part {
    /// The steps at which it had ended, in words.
    pub fn extended_from(&self) -> Option<String> {
        let steps: Vec<String> = self.extended_from.iter().map(u64::to_string).collect();
        Some(steps.join(" and ")).filter(|steps| !steps.is_empty())
    }
}

impl Run {
    /// Whether its accuracy is that of the whole test set, however it was trained.
    pub fn is_of_all_tests(&self) -> bool {
        let all = sets::named(&self.dataset).and_then(|set| set.classes);
        let has_all_classes = self.classes.zip(all).is_none_or(|(classes, all)| classes as usize == all);
        let is_test = ["", "test", "val"].contains(&self.part.evaluated.as_str());
        self.part.limit_test.is_none() && is_test && has_all_classes
    }

    /// In words, what keeps it from standing beside runs from nothing on all of its data set; empty where nothing does.
    pub fn apart(&self) -> String {
        let Part { limit_train, limit_test, evaluated, weights, .. } = &self.part;
        let mut parts = Vec::new();
        parts.extend(limit_train.map(|images| format!("on {} training images", grouped(images))));
        parts.extend(limit_test.map(|images| format!("of {} test images", grouped(images))));
        if !["", "test", "val"].contains(&evaluated.as_str()) {
            parts.push(format!("of the {evaluated} images"));
        }
        if !["", "none"].contains(&weights.as_str()) {
            parts.push(format!("from weights {weights}"));
        }
        parts.extend(self.part.extended_from().map(|steps| format!("extended from {steps} steps")));
        let all = sets::named(&self.dataset).and_then(|set| set.classes);
        let is_part = |classes: &u32| all.is_some_and(|all| all != *classes as usize);
        parts.extend(self.classes.filter(is_part).map(|n| format!("{n} classes")));
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoo_results::cells;

    #[test]
    fn what_is_not_the_whole_data_set_from_nothing_is_said() {
        let header = ["width", "depth", "input_size", "params", "macs", "epochs", "steps", "dataset", "classes"];
        let record = ["1", "1", "32", "1", "1", "3", "100", "cifar10", "10"].map(String::from);
        let mut run: Run = cells::read::<accuracy::Row, _>(&header, &record).unwrap().into();
        assert_eq!(run.apart(), "");
        run.part.limit_train = Some(1000);
        assert_eq!(run.apart(), "on 1,000 training images");
        run.part = Part { limit_test: Some(12_345), weights: "v2.pth@0cc175b9".into(), ..Part::default() };
        assert_eq!(run.apart(), "of 12,345 test images, from weights v2.pth@0cc175b9");
        run.part = Part { extended_from: vec![45, 90], ..Part::default() };
        assert_eq!(run.apart(), "extended from 45 and 90 steps");
        run.part = Part { evaluated: "validation".into(), ..Part::default() };
        assert_eq!(run.apart(), "of the validation images");
        (run.part, run.classes) = (Part::default(), Some(3));
        assert_eq!(run.apart(), "3 classes");
    }
}
