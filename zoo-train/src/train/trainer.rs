//! A model with its optimizer: one step at a time.

use tch::{Device, Kind, Reduction, Tensor};
use zoo_core::Plan;
use zoo_core::model::{Mode, Model, ModelOptions};

use super::batch::Batch;
use super::freeze::Freeze;
use super::optimizer::Optimizer;
use super::random::mix;
use super::{Settings, TrainError};

/// What a step says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepOutcome {
    /// Mean loss of the batch, with label smoothing.
    pub loss: f64,
    /// Images whose largest logit was their class.
    pub correct: u64,
}

/// Model, optimizer and what the loss needs.
#[derive(Debug)]
pub struct Trainer {
    /// The network.
    pub model: Model,
    /// Its optimizer.
    pub optimizer: Optimizer,
    label_smoothing: f64,
    freeze: Freeze,
    unfreeze_every: Option<f64>,
    seed: u64,
}

impl Trainer {
    /// A fresh network, as `settings` has it.
    ///
    /// # Errors
    /// Where libtorch refuses, most often for lack of memory.
    pub fn new(plan: Plan, settings: &Settings, device: Device) -> Result<Trainer, TrainError> {
        let options = ModelOptions { device, kind: Kind::Float, seed: mix(&[settings.seed]) as i64 };
        let mut model = Model::new(plan, &options)?;
        model.set_batch_norm(settings.bn_eps, settings.norm_momentum);
        model.freeze_statistics(settings.freeze_statistics);
        let backbone_scale = settings.backbone_lr_scale.unwrap_or(1.0);
        let optimizer = Optimizer::new(&model, settings.momentum, settings.weight_decay, backbone_scale)?;
        let freeze = settings.freeze.as_deref().unwrap_or("none").parse().map_err(TrainError::Setting)?;
        let mut trainer = Trainer {
            model,
            optimizer,
            label_smoothing: settings.label_smoothing,
            freeze,
            unfreeze_every: settings.unfreeze_every,
            seed: settings.seed,
        };
        trainer.freeze_for(0.0)?;
        Ok(trainer)
    }

    /// Freezes what is frozen after so many epochs.
    ///
    /// # Errors
    /// Where the network has fewer stages than are to be frozen.
    pub fn freeze_for(&mut self, epochs: f64) -> Result<(), TrainError> {
        let frozen = self.freeze.operations(self.model.plan(), epochs, self.unfreeze_every);
        let frozen = frozen.map_err(TrainError::Setting)?;
        if frozen != self.model.frozen() {
            self.model.freeze(frozen);
        }
        Ok(())
    }

    /// Forward, backward and update. The weights stay as they were where the loss is not finite.
    ///
    /// # Errors
    /// A loss that is not finite, or libtorch's refusal.
    pub fn step(&mut self, batch: &Batch, step: u64, rate: f64) -> Result<StepOutcome, TrainError> {
        // Dropout and drop-path draw from libtorch's generator; seeding it by the step makes a resume exact.
        tch::manual_seed(mix(&[self.seed, step, 5]) as i64);
        let (logits, labels) = batch.classify(&self.model, Mode::Train)?;
        let loss = logits.f_cross_entropy_loss(&labels, None::<Tensor>, Reduction::Mean, -100, self.label_smoothing)?;
        let value = loss.f_double_value(&[])?;
        if !value.is_finite() {
            return Err(TrainError::NonFinite { step, loss: value });
        }
        let correct = logits.f_argmax(1, false)?.f_eq_tensor(&labels)?.f_sum(Kind::Int64)?.f_int64_value(&[])?;
        loss.f_backward()?;
        self.optimizer.step(&self.model, rate)?;
        Ok(StepOutcome { loss: value, correct: correct.unsigned_abs() })
    }

    /// Whether every parameter is a finite number.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn is_finite(&self) -> Result<bool, TrainError> {
        for parameter in &self.model.parameters {
            if parameter.tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
