//! `metrics.csv` in the folder of a run: one row an evaluated epoch.

use serde::{Deserialize, Serialize};

use crate::{cells, row};

/// An evaluated epoch as it is printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Passes over the training set so far; the last one may be partial.
    #[serde(serialize_with = "cells::digits::<_, 3>")]
    pub epoch: f64,
    /// Optimizer steps so far.
    pub step: u64,
    /// Learning rate of the last step.
    #[serde(serialize_with = "cells::digits::<_, 6>")]
    pub learning_rate: f64,
    /// Mean loss in training, with smoothing.
    #[serde(serialize_with = "cells::digits::<_, 4>", deserialize_with = "cells::any_number")]
    pub train_loss: f64,
    /// Percent right in training, on augmented images.
    #[serde(serialize_with = "cells::digits::<_, 2>")]
    pub train_top1: f64,
    /// Mean cross-entropy on the test set.
    #[serde(serialize_with = "cells::digits::<_, 4>", deserialize_with = "cells::any_number")]
    pub test_loss: f64,
    /// Percent right on the test set.
    #[serde(serialize_with = "cells::digits::<_, 2>")]
    pub test_top1: f64,
    /// Percent among the first five on the test set.
    #[serde(serialize_with = "cells::digits::<_, 2>")]
    pub test_top5: f64,
    /// Percent right on the test set by the average of the weights, where one is kept.
    #[serde(serialize_with = "cells::maybe_digits::<_, 2>")]
    pub test_top1_ema: Option<f64>,
    /// Images a second of training, without evaluation.
    #[serde(serialize_with = "cells::digits::<_, 1>")]
    pub images_per_second: f64,
    /// Wall time of the run so far.
    #[serde(serialize_with = "cells::digits::<_, 1>")]
    pub seconds: f64,
    /// [`Row::OK`].
    pub status: String,
}

impl Row {
    /// The status of every row.
    pub const OK: &'static str = "ok";
}

impl row::Row for Row {
    const FILE: &'static str = "metrics.csv";
}
