//! How long a run would take, without taking it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::run::{Prepared, Request};
use super::{TrainError, calibrate};
use zoo_data::Dataset;

/// What a run costs, by trial steps of a network that is then thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Seconds of a training step, data included, on average over the run.
    pub step_seconds: f64,
    /// Seconds of an evaluation of the whole test set, with the checkpoint behind it.
    pub evaluation_seconds: f64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Epochs from one evaluation to the next.
    pub evaluate_every: u64,
}

impl Estimate {
    /// Seconds of an epoch with its share of evaluations.
    pub fn epoch_seconds(&self) -> f64 {
        self.steps_per_epoch as f64 * self.step_seconds + self.evaluation_seconds / self.evaluate_every.max(1) as f64
    }
}

/// Measures a few steps of what `request` asks for.
///
/// # Errors
/// Where the network cannot be built or run.
pub fn estimate(request: &Request, dataset: Dataset) -> Result<Estimate, TrainError> {
    let Prepared { settings, progressive, plans, source, test, .. } = Prepared::new(request, dataset)?;
    let (source, test) = (Arc::new(source), test);
    let speed = calibrate::measure(&plans, &settings, &source, &test, request)?;
    Ok(Estimate {
        step_seconds: progressive.mean(&speed.steps),
        evaluation_seconds: speed.evaluation + speed.saving,
        steps_per_epoch: source.steps_per_epoch(),
        evaluate_every: settings.evaluate_every(),
    })
}
