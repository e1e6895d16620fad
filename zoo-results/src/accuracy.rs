//! `accuracy.csv`: one row a training run.

use std::path::Path;

use serde::{Deserialize, Serialize};
use zoo_core::InputSize;

use super::{TableError, TableOf, cells, row, status};

/// A training run with what it came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Folder of the run; empty where it failed before it began.
    pub run: String,
    /// Variant's name.
    pub model: String,
    /// Width multiplier.
    pub width: f64,
    /// Depth multiplier.
    pub depth: f64,
    /// Size of the input.
    pub input_size: InputSize,
    /// Name of the profile.
    pub profile: String,
    /// Trainable parameters.
    pub params: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Passes over the training set, not always whole.
    #[serde(serialize_with = "cells::digits::<_, 3>")]
    pub epochs: f64,
    /// Optimizer steps.
    pub steps: u64,
    /// Wall time with evaluation.
    #[serde(serialize_with = "cells::maybe_digits::<_, 1>")]
    pub seconds: Option<f64>,
    /// Accuracy of the final weights in percent.
    #[serde(serialize_with = "cells::maybe_digits::<_, 2>")]
    pub top1: Option<f64>,
    /// Accuracy of their average in percent.
    #[serde(serialize_with = "cells::maybe_digits::<_, 2>")]
    pub top1_ema: Option<f64>,
    /// Best accuracy of any epoch in percent.
    #[serde(serialize_with = "cells::maybe_digits::<_, 2>")]
    pub best_top1: Option<f64>,
    /// Mean loss of the last epoch in training.
    #[serde(serialize_with = "cells::maybe_digits::<_, 4>", deserialize_with = "cells::maybe_any_number")]
    pub train_loss: Option<f64>,
    /// Mean loss on the test set.
    #[serde(serialize_with = "cells::maybe_digits::<_, 4>", deserialize_with = "cells::maybe_any_number")]
    pub test_loss: Option<f64>,
    /// `done`, `interrupted`, or what failed.
    pub status: String,
    /// Name of the data set.
    pub dataset: String,
    /// Number of classes.
    pub classes: Option<u32>,
    /// Images a step.
    pub batch_size: Option<u64>,
    /// Seed of the run.
    pub seed: Option<u64>,
    /// Images trained on in a second of training time.
    #[serde(serialize_with = "cells::maybe_digits::<_, 1>")]
    pub images_per_second: Option<f64>,
    /// Where tensors lived.
    pub device: String,
    /// Name of the processor.
    pub cpu: String,
    /// Threads of libtorch.
    pub threads: Option<u32>,
    /// Its version.
    pub libtorch: String,
    /// Numbers that were computed with.
    pub dtype: String,
    /// Of the tensors: [`Row::MEMORY_FORMAT`].
    pub memory_format: String,
    /// Git revision that the binary was built from.
    pub revision: String,
    /// Hash of the resolved configuration.
    pub config_hash: String,
    /// Whether accuracies are those of images seen twice, once mirrored.
    pub test_time_flip: Option<bool>,
    /// Hash of the part of the configuration that the other columns do not tell.
    pub recipe_hash: String,
    /// Training images it was limited to.
    pub limit_train: Option<u64>,
    /// Test images it was limited to.
    pub limit_test: Option<u64>,
    /// Name of the weights that it started from, or `none`.
    pub weights: String,
    /// What makes the row again.
    pub command: String,
    /// The split that accuracies are of: `test`, or `val`.
    pub split: String,
    /// Steps at which it had ended before it was made longer, each time.
    #[serde(with = "cells::list")]
    pub extended_from: Vec<u64>,
    /// Processes that trained together; none in older rows, which are of one.
    pub ranks: Option<u32>,
    /// What carried their gradients; empty for one process.
    pub backend: String,
    /// Machines that they were on.
    pub hosts: Option<u32>,
}

impl Row {
    /// The memory format of training.
    pub const MEMORY_FORMAT: &'static str = "channels_last";
}

impl row::Row for Row {
    const FILE: &'static str = "accuracy.csv";
    const OLDEST: Option<&'static str> = Some("config_hash");

    fn is_superseded_by(&self, newer: &Row) -> bool {
        // A cell that failed before its run began has no name.
        let is_sitting = !newer.run.is_empty() && self.run == newer.run && self.config_hash == newer.config_hash;
        self.status == status::INTERRUPTED && is_sitting
    }
}

/// Whether `accuracy.csv` in `results` has the row of a run of this name and configuration that came to its end. A run of the
/// same name in an earlier checkout is not told apart, and need not be: with the same configuration it came to the same.
///
/// # Errors
/// Where the table cannot be read or has another header.
pub fn has_ended(results: &Path, run: &str, config_hash: &str) -> Result<bool, TableError> {
    let rows = TableOf::<Row>::new(results).readable_rows()?;
    Ok(rows.iter().any(|row| row.run == run && row.config_hash == config_hash && status::is_done(&row.status)))
}
