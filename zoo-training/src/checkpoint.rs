//! Checkpoints: everything a run needs to go on, in one safetensors file.
//!
//! Tensors keep their own names; the optimizer's stand under `optimizer.` and the name of what they are, averages under
//! `ema.`; where the run stood is JSON in the metadata key `zoo.state`. A file appears whole or not at all: it is written beside its place, synced, then renamed.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};
use zoo_core::model::Model;
use zoo_core::weights::{AVERAGE_PREFIX, TensorFile, write_safetensors};

use super::TrainError;
use super::average;
use super::metrics::Epoch;
use super::trainer::Trainer;
use zoo_data::Dataset;
use zoo_settings::{STATE_KEY, Settings};
use zoo_weights::Description;

/// Version of the layout; another one is refused by number.
const VERSION: u32 = 3;
/// How often each parameter was updated, in the model's order.
const UPDATES_KEY: &str = "optimizer.updates";

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of the layout.
    pub version: u32,
    /// The resolved settings; `steps` is set.
    #[serde(deserialize_with = "zoo_settings::recorded::deserialize")]
    pub settings: Settings,
    /// Steps done.
    pub step: u64,
    /// Seconds of wall time so far.
    pub seconds: f64,
    /// Seconds of those spent in training steps.
    pub training_seconds: f64,
    /// The unfinished epoch: sum of losses, correct images and steps.
    pub running: Running,
    /// The best evaluation so far, in percent.
    pub best_top1: Option<f64>,
    /// Evaluated epochs.
    pub epochs: Vec<Epoch>,
    /// What the learning rate is multiplied with, after losses that were not numbers.
    pub rate_scale: f64,
    /// Whether it ended before its last step, as nothing got better.
    pub stopped_early: bool,
}

/// Sums over the steps of an unfinished epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Sum of the steps' mean losses.
    pub loss: f64,
    /// Images classified right.
    pub correct: u64,
    /// Images seen.
    pub images: u64,
    /// Steps.
    pub steps: u64,
    /// Seconds of training.
    pub seconds: f64,
}

impl State {
    /// The state of a run that has not begun.
    pub fn new(settings: Settings) -> State {
        State {
            version: VERSION,
            settings,
            step: 0,
            seconds: 0.0,
            training_seconds: 0.0,
            running: Running::default(),
            best_top1: None,
            epochs: Vec::new(),
            rate_scale: 1.0,
            stopped_early: false,
        }
    }

    /// Whether every step is done and evaluated, or no more are to be.
    pub fn is_trained(&self) -> bool {
        self.stopped_early || (Some(self.step) >= self.settings.schedule.steps && self.running.steps == 0)
    }

    /// Steps that `epochs` are; none before the first evaluation, which tells how many an epoch has.
    pub fn steps_of(&self, epochs: f64) -> Option<u64> {
        let evaluated = self.epochs.last().filter(|evaluated| evaluated.epoch > 0.0)?;
        let per_epoch = (evaluated.step as f64 / evaluated.epoch).round();
        Some((epochs * per_epoch).ceil() as u64)
    }

    /// Whether its end may be another one: it has ended, or has no single schedule any more.
    pub fn takes_another_end(&self) -> bool {
        self.is_trained() || !self.settings.schedule.extended_from.is_empty()
    }

    /// Whether `wanted` are the settings of this run with another end.
    pub fn is_extended_by(&self, wanted: &Settings) -> bool {
        let ends = [&self.settings.schedule.extended_from[..], &[self.step]].concat();
        self.takes_another_end() && wanted.schedule.extended_from == ends
    }
}

/// Writes the checkpoint to `path`, atomically.
///
/// # Errors
/// Where the disk is full or the folder may not be written to; an earlier checkpoint at `path` is kept.
pub fn save(path: &Path, trainer: &Trainer, state: &State, description: &Description) -> Result<(), TrainError> {
    let mut tensors = Vec::new();
    for (name, tensor) in average::named(&trainer.model) {
        tensors.push((name.to_string(), floats(tensor)?));
    }
    for slot in &trainer.optimizer.slots {
        for (parameter, tensor) in trainer.model.parameters().iter().zip(&slot.tensors) {
            tensors.push((optimizer_key(slot.name, &parameter.name), floats(tensor)?));
        }
    }
    if trainer.optimizer.kind.counts_updates() {
        // Counts beyond 2^24 would be rounded; no run is that long.
        let counts: Vec<f32> = trainer.optimizer.updates.iter().map(|count| *count as f32).collect();
        tensors.push((UPDATES_KEY.into(), Tensor::f_from_slice(&counts)?));
    }
    if let Some(average) = &trainer.average {
        for ((name, _), tensor) in average::named(&trainer.model).zip(&average.tensors) {
            tensors.push((format!("{AVERAGE_PREFIX}{name}"), floats(tensor)?));
        }
    }
    let json = serde_json::to_string(state).map_err(std::io::Error::other);
    let json = json.map_err(|source| TrainError::File { what: "describe", path: path.into(), source })?;
    let mut metadata = description.to_metadata();
    metadata.insert(STATE_KEY.to_string(), json);
    Ok(write_safetensors(path, &tensors, &metadata)?)
}

fn count_of(classes: &[String]) -> String {
    let word = if classes.len() == 1 { "class" } else { "classes" };
    format!("{} {word}", classes.len())
}

fn optimizer_key(slot: &str, parameter: &str) -> String {
    format!("optimizer.{slot}.{parameter}")
}

fn floats(tensor: &Tensor) -> Result<Tensor, TchError> {
    tensor.f_detach()?.f_to_kind(Kind::Float)
}

/// A checkpoint read into memory and found whole.
#[derive(Debug)]
pub struct Checkpoint {
    file: TensorFile,
    /// Where the run stood.
    pub state: State,
}

impl Checkpoint {
    /// Reads `path`.
    ///
    /// # Errors
    /// Where it cannot be read, is truncated, or is no checkpoint of this version.
    pub fn read(path: &Path) -> Result<Checkpoint, TrainError> {
        let problem = |problem: String| TrainError::Checkpoint { path: path.into(), problem };
        let file = TensorFile::read(path)?;
        let text = file.metadata.get(STATE_KEY);
        let text = text.ok_or_else(|| problem("holds weights, but not the state of a training run".into()))?;
        let version = serde_json::from_str::<serde_json::Value>(text).ok().and_then(|json| json["version"].as_u64());
        if version != Some(u64::from(VERSION)) {
            let found = version.map_or("no version".into(), |number| format!("version {number}"));
            return Err(problem(format!("was written by another release ({found}, this one reads version {VERSION})")));
        }
        let state = serde_json::from_str(text).map_err(|error| problem(format!("has a damaged state ({error})")))?;
        Ok(Checkpoint { file, state })
    }

    /// Refuses classes other than those that it was trained on: logits would mean something else from here on.
    ///
    /// # Errors
    /// The first difference.
    pub fn check_classes(&self, dataset: &Dataset) -> Result<(), TrainError> {
        let described = Description::from_metadata(&self.file.metadata).ok().and_then(|described| described.classes);
        let Some(own) = described.filter(|own| *own != dataset.classes) else { return Ok(()) };
        let at = own.iter().zip(&dataset.classes).take_while(|(own, now)| own == now).count();
        let said = |classes: &[String]| classes.get(at).map_or("none".to_string(), |class| format!("`{class}`"));
        let problem = format!(
            "was trained on {}, but {} now has {}: class {} was {} and is now {}",
            count_of(&own),
            dataset.name,
            count_of(&dataset.classes),
            at + 1,
            said(&own),
            said(&dataset.classes)
        );
        Err(TrainError::Checkpoint { path: self.file.path.clone(), problem })
    }

    /// Copies weights and running statistics into `model`.
    ///
    /// # Errors
    /// Where a tensor is missing or of another shape: the first one is named, and the model may be half filled.
    pub fn load_model(&self, model: &mut Model) -> Result<(), TrainError> {
        for parameter in model.parameters_mut() {
            self.copy(&parameter.name, &mut parameter.tensor)?;
        }
        for buffer in model.buffers_mut() {
            self.copy(&buffer.name, &mut buffer.tensor)?;
        }
        Ok(())
    }

    /// Copies weights, running statistics, optimizer state and averages into `trainer`.
    ///
    /// # Errors
    /// As for [`load_model`](Checkpoint::load_model).
    pub fn load_trainer(&self, trainer: &mut Trainer) -> Result<(), TrainError> {
        self.load_model(&mut trainer.model)?;
        for slot in &mut trainer.optimizer.slots {
            for (parameter, tensor) in trainer.model.parameters().iter().zip(&mut slot.tensors) {
                self.copy(&optimizer_key(slot.name, &parameter.name), tensor)?;
            }
        }
        if trainer.optimizer.kind.counts_updates() {
            let updates = &mut trainer.optimizer.updates;
            let mut counts = Tensor::f_zeros([updates.len() as i64], (Kind::Float, Device::Cpu))?;
            self.copy(UPDATES_KEY, &mut counts)?;
            let counts = Vec::<f32>::try_from(&counts)?;
            updates.iter_mut().zip(counts).for_each(|(count, read)| *count = read as u64);
        }
        if let Some(average) = &mut trainer.average {
            for ((name, _), tensor) in average::named(&trainer.model).zip(&mut average.tensors) {
                self.copy(&format!("{AVERAGE_PREFIX}{name}"), tensor)?;
            }
        }
        Ok(())
    }

    fn copy(&self, name: &str, into: &mut Tensor) -> Result<(), TrainError> {
        let from = self.file.weights(name)?;
        let kind = self.file.kind(name);
        if (kind, from.size()) != (Some(Kind::Float), into.size()) {
            let (kind, size) = (kind.unwrap_or(Kind::Float), from.size());
            let problem = format!("has `{name}` as {kind:?} {size:?}, the model needs Float {:?}", into.size());
            return Err(TrainError::Checkpoint { path: self.file.path.clone(), problem });
        }
        tch::no_grad(|| into.f_copy_(&from))?;
        Ok(())
    }
}
