//! A model with its optimizer and its average: one step at a time.

use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;
use std::rc::Rc;

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_core::{ImageSize, Plan};
use zoo_native::comm::Reducer;
use zoo_native::gradient;
use zoo_native::precision::Autocast;

use super::TrainError;
use super::average::Average;
use super::batch::Batch;
use super::comm::Comm;
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
    /// Whether a rank was asked to stop.
    pub stops: bool,
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
    /// Whether this rank is asked to stop, which the next step tells the others.
    pub wants_stop: bool,
    /// The ranks that compute together.
    comm: Rc<Comm>,
    /// What averages their gradients, once there is something to average: it is made for the parameters that learn.
    reducer: Option<Reducer>,
    /// The micro-batch and the images' size that are known to fit into the memory of every rank.
    fits: Option<(usize, ImageSize)>,
    /// Images of all ranks in a step, and where this rank's begin.
    batch_size: usize,
    first: usize,
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
    pub fn new(
        plan: Plan,
        settings: &Settings,
        source: &Source,
        device: Device,
        comm: &Rc<Comm>,
    ) -> Result<Trainer, TrainError> {
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
            wants_stop: false,
            comm: Rc::clone(comm),
            reducer: None,
            fits: None,
            batch_size: source.batch_size,
            first: source.share.start,
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
            self.reducer = None;
        }
        Ok(())
    }

    /// Forward, backward and update. The weights stay as they were where the loss is not finite, which is the caller's to
    /// see; running statistics have seen the batch then. Where memory does not hold a micro-batch, its size is halved and the
    /// step done again: the statistics of layers that had been passed see those images twice, once in a run as a rule, which
    /// costs less than a copy of them before each step. No piece is so small that a norm sees a single value of it.
    ///
    /// # Errors
    /// Where libtorch refuses, or a rank is gone.
    pub fn step(&mut self, batch: &Batch, step: u64, rate: f64) -> Result<StepOutcome, TrainError> {
        let outcome = match self.comm.is_shared() {
            true => self.step_of_all(batch, step)?,
            false => self.step_alone(batch, step)?,
        };
        if !outcome.loss.is_finite() {
            self.clear_gradients()?;
            return Ok(outcome);
        }
        self.optimizer.step(&self.model, rate)?;
        if let Some(average) = &mut self.average {
            average.update(&self.model, step + 1)?;
        }
        Ok(outcome)
    }

    fn step_alone(&mut self, batch: &Batch, step: u64) -> Result<StepOutcome, TrainError> {
        loop {
            match self.accumulate(batch, step, None) {
                Err(error) => {
                    self.clear_gradients()?;
                    let lacking = matches!(&error, TrainError::Model(error) if memory::is_lacking(error));
                    let piece = self.micro_batch.min(batch.len());
                    let smaller = norms::smaller(piece, batch.len(), self.least_piece()).filter(|_| lacking);
                    self.micro_batch = smaller.ok_or(error)?;
                }
                Ok(outcome) => return Ok(StepOutcome { stops: self.wants_stop, ..outcome }),
            }
        }
    }

    /// The same with other ranks: gradients, running statistics, loss and the wish to stop are theirs, too.
    fn step_of_all(&mut self, batch: &Batch, step: u64) -> Result<StepOutcome, TrainError> {
        self.fit_all(batch, step)?;
        if self.reducer.is_none() {
            let learning = self.model.parameters().iter().map(|parameter| &parameter.tensor);
            let learning: Vec<&Tensor> = learning.filter(|tensor| tensor.requires_grad()).collect();
            self.reducer = self.comm.reducer(&learning)?;
        }
        let own = self.accumulate(batch, step, self.reducer.as_ref())?;
        let weight = batch.len() as f64 / self.batch_size as f64;
        let mut all = [weight * own.loss, own.correct as f64, f64::from(u8::from(self.wants_stop))];
        self.comm.sum(&mut all)?;
        if !self.freeze_statistics && !self.comm.synchronizes_norms() {
            // Each step, not before an evaluation alone: a checkpoint, and with it a run that is resumed, then has what an
            // undisturbed one has.
            // Frozen ones stay what they are: the mean of equal numbers may differ from them in the last bit.
            let frozen = self.model.frozen();
            let moving = self.model.buffers_mut().iter_mut().filter(|buffer| buffer.op >= frozen);
            let mut moving: Vec<&mut Tensor> = moving.map(|buffer| &mut buffer.tensor).collect();
            self.comm.average(&mut moving)?;
        }
        let [loss, correct, stops] = all;
        Ok(StepOutcome { loss, correct: correct as u64, stops: stops > 0.0 })
    }

    /// Makes micro-batches so small that every rank's memory holds them, by a step of which nothing is kept. A rank that ran
    /// out of memory while gradients are averaged would leave the others waiting.
    fn fit_all(&mut self, batch: &Batch, step: u64) -> Result<(), TrainError> {
        let size = self.model.plan().options.input_size;
        while !self.comm.synchronizes_norms() && self.fits != Some((self.micro_batch, size)) {
            let copied = |buffer: &zoo_core::model::Buffer| -> Result<Tensor, TrainError> {
                let mut copy = buffer.tensor.f_empty_like()?;
                tch::no_grad(|| copy.f_copy_(&buffer.tensor))?;
                Ok(copy)
            };
            let kept = self.model.buffers().iter().map(copied).collect::<Result<Vec<Tensor>, _>>()?;
            let outcome = self.accumulate(batch, step, None);
            self.clear_gradients()?;
            for (buffer, kept) in self.model.buffers_mut().iter_mut().zip(&kept) {
                tch::no_grad(|| buffer.tensor.f_copy_(kept))?;
            }
            let error = outcome.err();
            let lacking = |error: &TrainError| matches!(error, TrainError::Model(error) if memory::is_lacking(error));
            let is_lacking = error.as_ref().is_some_and(lacking);
            match error {
                Some(error) if !is_lacking => return Err(error),
                _ => {}
            }
            if !self.comm.any(is_lacking)? {
                self.fits = Some((self.micro_batch, size));
                break;
            }
            let share = self.batch_size.div_ceil(self.comm.size());
            let smaller = norms::smaller(self.micro_batch.min(share), share, self.least_piece());
            self.micro_batch = match (smaller, error) {
                (Some(smaller), _) => smaller,
                (None, Some(error)) => return Err(error),
                (None, None) => return Err(TrainError::Setting("another rank has not memory for one image".into())),
            };
        }
        Ok(())
    }

    /// The fewest images that can be computed at once.
    fn least_piece(&self) -> usize {
        let model = &self.model;
        let needs_two = !self.freeze_statistics && norms::over_one_pixel(model.plan(), model.frozen()).is_some();
        if needs_two { 2 } else { 1 }
    }

    /// Leaves the gradient of the batch's mean loss in the parameters; that of all ranks' by `reducer`, which averages while the
    /// last piece goes backward.
    fn accumulate(&self, batch: &Batch, step: u64, reducer: Option<&Reducer>) -> Result<StepOutcome, TrainError> {
        let mut sum = StepOutcome::default();
        // An average over ranks is that over images only where each rank has as many.
        let weight = (batch.len() * self.comm.size()) as f64 / self.batch_size as f64;
        for start in (0..batch.len()).step_by(self.micro_batch.max(1)) {
            let piece = start..batch.len().min(start + self.micro_batch.max(1));
            // Dropout and drop-path draw from libtorch's generator; seeding it by the step makes a resume exact, and by the
            // place in the batch of all ranks makes it no matter which of them computes a piece.
            tch::manual_seed(match self.first + start {
                0 => mix(&[self.seed, step, 5]),
                place => mix(&[self.seed, step, 5, place as u64]),
            } as i64);
            let share = piece.len() as f64 / batch.len() as f64;
            let reducer = reducer.filter(|_| piece.end == batch.len());
            let outcome = self.backward(batch, piece, weight * share, reducer)?;
            sum.loss += share * outcome.loss;
            sum.correct += outcome.correct;
        }
        Ok(sum)
    }

    /// Adds the gradient of a piece's mean loss, times `share`, to those in the parameters; none where the loss is not
    /// finite. With `reducer`, those in the parameters become the average over all ranks, whatever the loss.
    fn backward(
        &self,
        batch: &Batch,
        piece: Range<usize>,
        share: f64,
        reducer: Option<&Reducer>,
    ) -> Result<StepOutcome, TrainError> {
        let autocast = Autocast::enter(self.autocast, self.model.device())?;
        let (logits, labels) = batch.classify(&self.model, self.resident.as_ref(), Mode::Train, piece.clone())?;
        drop(autocast);
        let logits = logits.f_to_kind(Kind::Float)?;
        let (loss, labels) = cross_entropy(&logits, labels, batch.partners(piece), self.label_smoothing)?;
        let value = loss.f_double_value(&[])?;
        let correct = logits.f_argmax(1, false)?.f_eq_tensor(&labels)?.f_sum(Kind::Int64)?.f_int64_value(&[])?;
        if value.is_finite() || reducer.is_some() {
            let loss = if share == 1.0 { loss } else { loss.f_mul_scalar(share)? };
            if let Some(reducer) = reducer {
                self.comm.explained(reducer.prepare(&loss))?;
            }
            loss.f_backward().map_err(|error| match reducer {
                Some(_) => self.comm.explain(error.into()),
                None => error.into(),
            })?;
        }
        Ok(StepOutcome { loss: value, correct: correct.unsigned_abs(), stops: false })
    }

    /// Gives the other ranks what rank 0 has: weights, running statistics, the optimizer's state and averages.
    ///
    /// # Errors
    /// Where a rank is gone, or holds other numbers afterwards.
    pub fn share(&mut self) -> Result<(), TrainError> {
        if !self.comm.is_shared() {
            return Ok(());
        }
        self.comm.broadcast(&self.tensors())?;
        let updates = self.optimizer.updates.clone();
        self.optimizer.updates = self.comm.first(|| Ok(updates))?;
        self.check_equal()
    }

    /// Refuses ranks that hold different numbers.
    ///
    /// # Errors
    /// The first rank that differs from rank 0.
    pub fn check_equal(&self) -> Result<(), TrainError> {
        if !self.comm.is_shared() {
            return Ok(());
        }
        let mut hash = DefaultHasher::new();
        for tensor in self.tensors() {
            let numbers = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_reshape([-1])?;
            Vec::<f32>::try_from(&numbers)?.iter().for_each(|number| hash.write_u32(number.to_bits()));
        }
        self.comm.check_equal("weights", hash.finish())
    }

    /// All that a checkpoint keeps.
    fn tensors(&self) -> Vec<&Tensor> {
        let parameters = self.model.parameters().iter().map(|parameter| &parameter.tensor);
        let buffers = self.model.buffers().iter().map(|buffer| &buffer.tensor);
        let slots = self.optimizer.slots.iter().flat_map(|slot| &slot.tensors);
        let averages = self.average.iter().flat_map(|average| &average.tensors);
        parameters.chain(buffers).chain(slots).chain(averages).collect()
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
