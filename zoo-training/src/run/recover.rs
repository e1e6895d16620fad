//! What happens after a loss that is not a number, or for lack of memory.

use super::Run;
use crate::TrainError;
use crate::checkpoint::Checkpoint;
use zoo_settings::OnNan;

/// A run that fails more often has another trouble than a learning rate that is somewhat too high.
const MOST_ROLLBACKS: i32 = 5;

impl Run<'_> {
    /// The error, with the batch that led to it written into the run's folder.
    pub(super) fn non_finite(&self, step: u64, loss: Option<f64>) -> TrainError {
        let settings = &self.state.settings;
        let images = self.source.indices(step);
        let rows = std::iter::once("image".to_string()).chain(images.iter().map(u32::to_string));
        let path = self.folder.path.join(format!("non-finite-{step}.csv"));
        // What ends the run is the loss; that the list could not be written is no second reason.
        let listed =
            self.request.comm.is_first() && std::fs::write(&path, rows.collect::<Vec<_>>().join("\n") + "\n").is_ok();
        TrainError::NonFinite { step, loss, seed: settings.run.seed, images, list: listed.then_some(path) }
    }

    /// Whether the run goes back after this error.
    pub(super) fn can_go_back(&self, error: &TrainError) -> bool {
        let rollback = self.state.settings.run.on_nan == OnNan::Rollback;
        let left = self.state.rate_scale > 0.5f64.powi(MOST_ROLLBACKS);
        rollback && left && matches!(error, TrainError::NonFinite { .. })
    }

    /// Goes back to the last checkpoint, and on from there with half the learning rate.
    pub(super) fn go_back(&mut self, error: &TrainError) -> Result<(), TrainError> {
        let micro_batch = self.state.settings.schedule.micro_batch;
        let state = self.request.comm.first(|| {
            let checkpoint = Checkpoint::read(&self.folder.last())?;
            checkpoint.load_trainer(&mut self.trainer)?;
            Ok(checkpoint.state)
        })?;
        self.trainer.share()?;
        let rate_scale = self.state.rate_scale * 0.5;
        // Wall time is not undone.
        let (seconds, training_seconds) = (self.seconds(), self.state.training_seconds);
        self.state = state;
        self.state.settings.schedule.steps = Some(self.steps);
        // Memory has not grown.
        self.state.settings.schedule.micro_batch = micro_batch;
        (self.state.rate_scale, self.state.training_seconds) = (rate_scale, training_seconds);
        self.state.seconds = seconds;
        self.progress.say(&format!(
            "{error}; going back to step {}, with the learning rate times {}",
            self.state.step, self.state.rate_scale
        ));
        self.save()
    }

    /// Says, and writes into the configuration, that micro-batches had to shrink.
    pub(super) fn keep_micro_batch(&mut self, before: usize) -> Result<(), TrainError> {
        let micro_batch = self.trainer.micro_batch;
        if micro_batch == before {
            return Ok(());
        }
        self.state.settings.schedule.micro_batch = Some(micro_batch);
        self.progress.say(&format!(
            "out of memory: batches of {} are computed {micro_batch} images at a time from here on",
            self.state.settings.schedule.batch_size
        ));
        self.write_config()
    }
}
