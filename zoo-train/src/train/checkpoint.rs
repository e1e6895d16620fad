//! Checkpoints: everything a run needs to go on, in one safetensors file.
//!
//! Tensors keep their own names; momentum buffers stand under `optimizer.`; where the run stood is JSON in the metadata
//! key `zoo.state`. A file appears whole or not at all: it is written beside its place, synced, then renamed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};
use zoo_core::model::Model;

use super::metrics::Epoch;
use super::optimizer::Optimizer;
use super::{Settings, TrainError};

/// Version of the layout; another one is refused by number.
const VERSION: u32 = 1;
const STATE_KEY: &str = "zoo.state";

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of the layout.
    pub version: u32,
    /// The resolved settings; `steps` is set.
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
        }
    }
}

/// A tensor's bytes for the file.
struct Bytes {
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl View for Bytes {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }
    fn data_len(&self) -> usize {
        self.data.len()
    }
}

fn bytes(tensor: &Tensor) -> Result<Bytes, TrainError> {
    let shape = tensor.size().iter().map(|size| *size as usize).collect();
    let flat = tensor.f_detach()?.f_to_device(tch::Device::Cpu)?.f_to_kind(Kind::Float)?.f_flatten(0, -1)?;
    let mut numbers = vec![0f32; flat.numel()];
    flat.f_copy_data(&mut numbers, flat.numel())?;
    Ok(Bytes { shape, data: numbers.iter().flat_map(|number| number.to_le_bytes()).collect() })
}

/// Writes the checkpoint to `path`, atomically.
///
/// # Errors
/// Where the disk is full or the folder may not be written to; an earlier checkpoint at `path` is kept.
pub fn save(path: &Path, model: &Model, optimizer: &Optimizer, state: &State) -> Result<(), TrainError> {
    let mut tensors = Vec::new();
    for (parameter, buffer) in model.parameters.iter().zip(&optimizer.buffers) {
        tensors.push((parameter.name.clone(), bytes(&parameter.tensor)?));
        tensors.push((format!("optimizer.{}", parameter.name), bytes(buffer)?));
    }
    for buffer in &model.buffers {
        tensors.push((buffer.name.clone(), bytes(&buffer.tensor)?));
    }
    let json = serde_json::to_string(state).map_err(std::io::Error::other);
    let json = json.map_err(|source| TrainError::File { what: "describe", path: path.into(), source })?;
    let metadata = HashMap::from([
        ("format".to_string(), "pt".to_string()),
        ("zoo.model".to_string(), state.settings.model.clone()),
        (STATE_KEY.to_string(), json),
    ]);
    let partial = path.with_extension("partial");
    let failed = |source: std::io::Error| TrainError::File { what: "write checkpoint", path: path.into(), source };
    safetensors::serialize_to_file(tensors, Some(metadata), &partial).map_err(|error| {
        let _ = std::fs::remove_file(&partial);
        failed(match error {
            safetensors::SafeTensorError::IoError(source) => source,
            other => std::io::Error::other(other),
        })
    })?;
    let landed = File::open(&partial).and_then(|file| file.sync_all()).and_then(|()| std::fs::rename(&partial, path));
    landed.map_err(failed)
}

/// A checkpoint read into memory and found whole.
#[derive(Debug)]
pub struct Checkpoint {
    path: std::path::PathBuf,
    bytes: Vec<u8>,
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
        let bytes =
            std::fs::read(path).map_err(|source| TrainError::File { what: "read", path: path.into(), source })?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| problem(format!("is not a whole safetensors file ({error})")))?;
        SafeTensors::deserialize(&bytes).map_err(|error| problem(format!("is truncated or altered ({error})")))?;
        let text = metadata.metadata().as_ref().and_then(|keys| keys.get(STATE_KEY));
        let text = text.ok_or_else(|| problem("holds weights, but not where a run stood".into()))?;
        let version = serde_json::from_str::<serde_json::Value>(text).ok().and_then(|json| json["version"].as_u64());
        if version != Some(u64::from(VERSION)) {
            let found = version.map_or("no version".into(), |number| format!("version {number}"));
            return Err(problem(format!("was written by another release ({found}, this one reads version {VERSION})")));
        }
        let state = serde_json::from_str(text).map_err(|error| problem(format!("has a damaged state ({error})")))?;
        Ok(Checkpoint { path: path.into(), bytes, state })
    }

    /// Copies weights and running statistics into `model`.
    ///
    /// # Errors
    /// Where a tensor is missing or of another shape: the first one is named, and the model may be half filled.
    pub fn load_model(&self, model: &mut Model) -> Result<(), TrainError> {
        let file = self.tensors()?;
        for parameter in &mut model.parameters {
            self.copy(&file, &parameter.name, &mut parameter.tensor)?;
        }
        for buffer in &mut model.buffers {
            self.copy(&file, &buffer.name, &mut buffer.tensor)?;
        }
        Ok(())
    }

    /// Copies momentum buffers into `optimizer`.
    ///
    /// # Errors
    /// As for [`load_model`](Checkpoint::load_model).
    pub fn load_optimizer(&self, model: &Model, optimizer: &mut Optimizer) -> Result<(), TrainError> {
        let file = self.tensors()?;
        for (parameter, buffer) in model.parameters.iter().zip(&mut optimizer.buffers) {
            self.copy(&file, &format!("optimizer.{}", parameter.name), buffer)?;
        }
        if self.state.step > 0 {
            optimizer.resume();
        }
        Ok(())
    }

    fn tensors(&self) -> Result<SafeTensors<'_>, TrainError> {
        SafeTensors::deserialize(&self.bytes).map_err(|error| self.problem(error.to_string()))
    }

    fn copy(&self, file: &SafeTensors<'_>, name: &str, into: &mut Tensor) -> Result<(), TrainError> {
        let view = file.tensor(name).map_err(|_| self.problem(format!("has no tensor `{name}`")))?;
        let shape: Vec<i64> = view.shape().iter().map(|size| *size as i64).collect();
        if shape != into.size() || view.dtype() != Dtype::F32 {
            let found = format!("{:?} {shape:?}", view.dtype());
            return Err(self.problem(format!("has `{name}` as {found}, the model needs F32 {:?}", into.size())));
        }
        let from = Tensor::f_from_data_size(view.data(), &shape, Kind::Float)?;
        tch::no_grad(|| into.f_copy_(&from))?;
        Ok(())
    }

    fn problem(&self, problem: String) -> TrainError {
        TrainError::Checkpoint { path: self.path.clone(), problem }
    }
}
