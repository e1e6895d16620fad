//! A model with its optimizer and its average: one step at a time.

use std::ops::Range;

use tch::{Device, Kind, Tensor};
use zoo_core::Plan;
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_native::gradient;
use zoo_native::precision::Autocast;

use super::TrainError;
use super::average::Average;
use super::batch::Batch;
use super::freeze::operations;
use super::loss::cross_entropy;
use super::memory;
use super::norms;
use super::optimizer::Optimizer;
use super::random::mix;
use super::resident::Resident;
use super::source::Source;
use zoo_settings::Precision;
use zoo_settings::Settings;
use zoo_settings::freeze::Freeze;

/// What a step says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepOutcome {
    /// Mean loss of the batch, with label smoothing.
    pub loss: f64,
    /// Images whose largest logit was their class; of mixed ones, the class they have more of.
    pub correct: u64,
}

/// Model, optimizer, average and what the loss needs.
#[derive(Debug)]
pub struct Trainer {
    /// The network.
    pub model: Model,
    /// Its optimizer.
    pub optimizer: Optimizer,
    /// The average of its weights, where one is kept.
    pub average: Option<Average>,
    /// Images computed at once, at most.
    pub micro_batch: usize,
    label_smoothing: f64,
    freeze: Freeze,
    unfreeze_every: Option<f64>,
    freeze_statistics: bool,
    seed: u64,
    autocast: bool,
    /// The training set, where batches only say which images they are.
    resident: Option<Resident>,
}

impl Trainer {
    /// A fresh network, as `settings` has it, for the batches of `source`.
    ///
    /// # Errors
    /// Where libtorch refuses, most often for lack of memory.
    pub fn new(plan: Plan, settings: &Settings, source: &Source, device: Device) -> Result<Trainer, TrainError> {
        let options = ModelOptions { device, kind: Kind::Float, seed: mix(&[settings.run.seed]) as i64 };
        let mut model = Model::new(plan, &options)?;
        model.set_norms(settings.network.bn_eps, settings.network.norm_momentum);
        model.freeze_statistics(settings.network.freeze_statistics);
        let optimizer = Optimizer::new(&model, settings)?;
        let freeze = settings.network.freeze.unwrap_or(Freeze::None);
        let mut trainer = Trainer {
            average: settings.optimizer.ema_decay.map(|decay| Average::new(&model, decay)).transpose()?,
            model,
            optimizer,
            micro_batch: settings.schedule.micro_batch.unwrap_or(settings.schedule.batch_size),
            label_smoothing: settings.augment.label_smoothing,
            freeze,
            unfreeze_every: settings.network.unfreeze_every,
            freeze_statistics: settings.network.freeze_statistics,
            seed: settings.run.seed,
            autocast: settings.run.precision == Precision::Bf16,
            resident: source.resident(device)?,
        };
        trainer.freeze_for(0.0)?;
        Ok(trainer)
    }

    /// Lets the average start from the weights that the model now holds.
    ///
    /// # Errors
    /// Where memory lacks.
    pub fn restart_average(&mut self, settings: &Settings) -> Result<(), TrainError> {
        self.average = settings.optimizer.ema_decay.map(|decay| Average::new(&self.model, decay)).transpose()?;
        Ok(())
    }

    /// Freezes what is frozen after so many epochs.
    ///
    /// # Errors
    /// Where the network has fewer stages than are to be frozen.
    pub fn freeze_for(&mut self, epochs: f64) -> Result<(), TrainError> {
        let frozen = operations(self.freeze, self.model.plan(), epochs, self.unfreeze_every);
        let frozen = frozen.map_err(TrainError::Setting)?;
        if frozen != self.model.frozen() {
            self.model.freeze(frozen);
        }
        Ok(())
    }

    /// Forward, backward and update. The weights stay as they were where the loss is not finite, which is the caller's to
    /// see; running statistics have seen the batch then. Where memory does not hold a micro-batch, its size is halved and the
    /// step done again: the statistics of layers that had been passed see those images twice, once in a run as a rule, which
    /// costs less than a copy of them before each step. No piece is so small that a norm sees a single value of it.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn step(&mut self, batch: &Batch, step: u64, rate: f64) -> Result<StepOutcome, TrainError> {
        let outcome = loop {
            match self.accumulate(batch, step) {
                Err(error) => {
                    self.clear_gradients()?;
                    let lacking = matches!(&error, TrainError::Model(error) if memory::is_lacking(error));
                    let piece = self.micro_batch.min(batch.len());
                    let smaller = norms::smaller(piece, batch.len(), self.least_piece()).filter(|_| lacking);
                    self.micro_batch = smaller.ok_or(error)?;
                }
                Ok(outcome) if !outcome.loss.is_finite() => {
                    self.clear_gradients()?;
                    return Ok(outcome);
                }
                Ok(outcome) => break outcome,
            }
        };
        self.optimizer.step(&self.model, rate)?;
        if let Some(average) = &mut self.average {
            average.update(&self.model, step + 1)?;
        }
        Ok(outcome)
    }

    /// The fewest images that can be computed at once.
    fn least_piece(&self) -> usize {
        let model = &self.model;
        let needs_two = !self.freeze_statistics && norms::over_one_pixel(model.plan(), model.frozen()).is_some();
        if needs_two { 2 } else { 1 }
    }

    /// Leaves the gradient of the batch's mean loss in the parameters.
    fn accumulate(&self, batch: &Batch, step: u64) -> Result<StepOutcome, TrainError> {
        // Dropout and drop-path draw from libtorch's generator; seeding it by the step makes a resume exact.
        tch::manual_seed(mix(&[self.seed, step, 5]) as i64);
        let mut sum = StepOutcome::default();
        for start in (0..batch.len()).step_by(self.micro_batch.max(1)) {
            let piece = start..batch.len().min(start + self.micro_batch.max(1));
            let share = piece.len() as f64 / batch.len() as f64;
            let outcome = self.backward(batch, piece, share)?;
            sum.loss += share * outcome.loss;
            sum.correct += outcome.correct;
        }
        Ok(sum)
    }

    /// Adds the gradient of a piece's mean loss, times `share`, to those in the parameters; none where the loss is not
    /// finite.
    fn backward(&self, batch: &Batch, piece: Range<usize>, share: f64) -> Result<StepOutcome, TrainError> {
        let autocast = Autocast::enter(self.autocast, self.model.device())?;
        let (logits, labels) = batch.classify(&self.model, self.resident.as_ref(), Mode::Train, piece.clone())?;
        drop(autocast);
        let logits = logits.f_to_kind(Kind::Float)?;
        let (loss, labels) = cross_entropy(&logits, labels, batch.partners(piece), self.label_smoothing)?;
        let value = loss.f_double_value(&[])?;
        let correct = logits.f_argmax(1, false)?.f_eq_tensor(&labels)?.f_sum(Kind::Int64)?.f_int64_value(&[])?;
        if value.is_finite() {
            let loss = if share < 1.0 { loss.f_mul_scalar(share)? } else { loss };
            loss.f_backward()?;
        }
        Ok(StepOutcome { loss: value, correct: correct.unsigned_abs() })
    }

    fn clear_gradients(&self) -> Result<(), TrainError> {
        let tensors: Vec<&Tensor> = self.model.parameters().iter().map(|parameter| &parameter.tensor).collect();
        Ok(gradient::clear_grads(&tensors)?)
    }

    /// Whether every parameter is a finite number.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn is_finite(&self) -> Result<bool, TrainError> {
        for parameter in self.model.parameters() {
            if parameter.tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
