//! A training run as a report reads it: what it came to, how it was trained, and what keeps it from standing beside others.

use zoo_core::summary::grouped;

use super::cells::Cells;
use super::rows::Environment;

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
    /// Outputs of the classifier.
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
    pub extended_from: String,
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

impl Run {
    /// Reads a row of `accuracy.csv`.
    pub fn read(cells: &Cells<'_>) -> Result<Run, String> {
        Ok(Run {
            run: cells.text("run"),
            params: cells.need("params")?,
            macs: cells.need("macs")?,
            epochs: cells.need("epochs")?,
            steps: cells.need("steps")?,
            top1: cells.number("top1")?,
            top1_ema: cells.number("top1_ema")?,
            status: cells.text("status"),
            dataset: cells.text("dataset"),
            seed: cells.number("seed")?,
            classes: cells.number("classes")?,
            part: Part {
                limit_train: cells.number("limit_train")?,
                limit_test: cells.number("limit_test")?,
                evaluated: cells.text("split"),
                weights: cells.text("weights"),
                extended_from: cells.text("extended_from"),
            },
            recipe: Recipe {
                hash: cells.text("recipe_hash"),
                batch_size: cells.number("batch_size")?,
                dtype: cells.text("dtype"),
                test_time_flip: cells.text("test_time_flip") == "true",
            },
            config_hash: cells.text("config_hash"),
            command: cells.text("command"),
            environment: Environment::read(cells),
        })
    }

    /// In words, what keeps it from standing beside runs from nothing on all of its data set; empty where nothing does.
    pub fn apart(&self) -> String {
        let Part { limit_train, limit_test, evaluated, weights, extended_from } = &self.part;
        let mut parts = Vec::new();
        parts.extend(limit_train.map(|images| format!("on {} training images", grouped(images))));
        parts.extend(limit_test.map(|images| format!("of {} test images", grouped(images))));
        if !["", "test", "val"].contains(&evaluated.as_str()) {
            parts.push(format!("of the {evaluated} images"));
        }
        if !["", "none"].contains(&weights.as_str()) {
            parts.push(format!("from weights {weights}"));
        }
        if !extended_from.is_empty() {
            parts.push(format!("extended from {} steps", extended_from.replace(' ', " and ")));
        }
        let all = sets::named(&self.dataset).and_then(|set| set.classes);
        let is_part = |classes: &u32| all.is_some_and(|all| all != *classes as usize);
        parts.extend(self.classes.filter(is_part).map(|n| format!("{n} classes")));
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_whole_data_set_from_nothing_is_said() {
        let header = ["params", "macs", "epochs", "steps", "dataset", "classes"].map(String::from);
        let record = ["1", "1", "3", "100", "cifar10", "10"].map(String::from);
        let mut run = Run::read(&Cells { header: &header, record: &record }).unwrap();
        assert_eq!(run.apart(), "");
        run.part.limit_train = Some(1000);
        assert_eq!(run.apart(), "on 1,000 training images");
        run.part = Part { limit_test: Some(12_345), weights: "v2.pth@0cc175b9".into(), ..Part::default() };
        assert_eq!(run.apart(), "of 12,345 test images, from weights v2.pth@0cc175b9");
        run.part = Part { extended_from: "45 90".into(), ..Part::default() };
        assert_eq!(run.apart(), "extended from 45 and 90 steps");
        run.part = Part { evaluated: "validation".into(), ..Part::default() };
        assert_eq!(run.apart(), "of the validation images");
        (run.part, run.classes) = (Part::default(), Some(3));
        assert_eq!(run.apart(), "3 classes");
    }
}
