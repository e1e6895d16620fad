//! Evaluated epochs, which a checkpoint keeps to the last bit and `metrics.csv` prints.

use std::path::Path;

use serde::{Deserialize, Serialize};

use zoo_results::{TableError, TableOf, metrics};

/// An evaluated epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Passes over the training set so far; the last one may be partial.
    pub epoch: f64,
    /// Optimizer steps so far.
    pub step: u64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean loss in training, with smoothing.
    #[serde(deserialize_with = "number")]
    pub train_loss: f64,
    /// Percent right in training, on augmented images.
    pub train_top1: f64,
    /// Mean cross-entropy on the test set; not a number where the running statistics fit no weights yet.
    #[serde(deserialize_with = "number")]
    pub test_loss: f64,
    /// Percent right on the test set.
    pub test_top1: f64,
    /// Percent among the first five on the test set.
    pub test_top5: f64,
    /// Percent right on the test set by the average of the weights, where one is kept.
    pub test_top1_ema: Option<f64>,
    /// Images a second of training, without evaluation.
    pub images_per_second: f64,
    /// Wall time of the run so far.
    pub seconds: f64,
}

impl Epoch {
    /// The better one of the accuracies of the weights and of their average.
    pub fn better_top1(&self) -> f64 {
        self.test_top1.max(self.test_top1_ema.unwrap_or(f64::NEG_INFINITY))
    }

    /// Whether the average is no worse than the weights, where one is kept.
    pub fn average_is_better(&self) -> Option<bool> {
        self.test_top1_ema.map(|average| average >= self.test_top1)
    }
}

/// JSON has no word for what is not a number: it is written as null.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Option::<f64>::deserialize(deserializer).map(|number| number.unwrap_or(f64::NAN))
}

impl From<&Epoch> for metrics::Row {
    fn from(epoch: &Epoch) -> metrics::Row {
        metrics::Row {
            epoch: epoch.epoch,
            step: epoch.step,
            learning_rate: epoch.learning_rate,
            train_loss: epoch.train_loss,
            train_top1: epoch.train_top1,
            test_loss: epoch.test_loss,
            test_top1: epoch.test_top1,
            test_top5: epoch.test_top5,
            test_top1_ema: epoch.test_top1_ema,
            images_per_second: epoch.images_per_second,
            seconds: epoch.seconds,
            status: metrics::Row::OK.into(),
        }
    }
}

/// Writes all epochs anew, as a resume does: rows of steps that were lost disappear.
///
/// # Errors
/// Where the file cannot be written.
pub fn rewrite(path: &Path, epochs: &[Epoch]) -> Result<(), TableError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(TableError::Io { path: path.into(), source });
        }
        _ => {}
    }
    epochs.iter().try_for_each(|epoch| append(path, epoch))
}

/// Appends one epoch.
///
/// # Errors
/// Where the file cannot be written or has another header.
pub fn append(path: &Path, epoch: &Epoch) -> Result<(), TableError> {
    TableOf::at(path).append_all(&[metrics::Row::from(epoch)]).map(|_| ())
}
