//! Training steps as something to time: the batch is prepared beside, then forward, backward and update.

use std::sync::Arc;

use zoo_core::Plan;

use zoo_data::Dataset;
use zoo_training::TrainError;
use zoo_training::loader::Loader;
use zoo_training::run::{Prepared, Request};
use zoo_training::trainer::Trainer;

use crate::{LatencyError, Subject};

/// Steps of a network that is thrown away in the end.
#[derive(Debug)]
pub struct Steps {
    trainer: Trainer,
    loader: Loader,
    step: u64,
}

impl Steps {
    /// Those of the run that `request` asks for, on the images of `dataset`.
    ///
    /// # Errors
    /// Where the settings cannot be, or memory is short.
    pub fn new(request: &Request, dataset: Dataset) -> Result<Steps, TrainError> {
        let Prepared { settings, plans, source, .. } = Prepared::new(request, dataset)?;
        let plan = plans.last().cloned().ok_or_else(|| TrainError::Setting("the images have no size".into()))?;
        let trainer = Trainer::new(plan, &settings, &source, request.device, &request.comm)?;
        Ok(Steps { trainer, loader: Loader::start(Arc::new(source), 0, settings.run.workers), step: 0 })
    }

    /// The network's plan.
    pub fn plan(&self) -> &Plan {
        self.trainer.model.plan()
    }
}

impl Subject for Steps {
    fn run(&mut self) -> Result<(), LatencyError> {
        let batch = self.loader.next_batch()?;
        // A rate of zero is the same work, and cannot diverge. The loss is read, so a GPU is through with its step but for
        // the update, which the next one waits for.
        self.trainer.step(&batch, self.step, 0.0)?;
        self.step += 1;
        Ok(())
    }
}

impl From<TrainError> for LatencyError {
    fn from(error: TrainError) -> LatencyError {
        match error {
            TrainError::Plan(error) => error.into(),
            TrainError::Model(error) => error.into(),
            other => LatencyError::Setting(other.to_string()),
        }
    }
}
