//! One thing to measure: a network with its options, a batch and an engine.

use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Model, ModelOptions};
use zoo_core::onnx::{Batch, Graph, OnnxOptions};
use zoo_core::{Entry, Options, Plan, Registry, regular_file};

use super::LatencyError;
use super::network::Network;
use zoo_engines::{Dtype, Engine, Setting};
use zoo_weights::{Wanted, open};

/// A cell of a grid.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The variant.
    pub entry: Entry,
    /// The options that it is planned with, but for the profile.
    pub options: Options,
    /// Name of the profile; a cell whose model has none of that name fails when it is measured.
    pub profile: String,
    /// Images a run.
    pub batch: u32,
    /// What runs it.
    pub engine: &'static dyn Engine,
    /// The numbers it computes with.
    pub dtype: Dtype,
    /// Where it runs.
    pub device: Device,
    /// Weights in place of fresh ones, or a file of ONNX of the network; times do not depend on weights, save where they
    /// hold denormals.
    pub weights: Option<PathBuf>,
}

impl Deployment {
    /// The network's plan.
    ///
    /// # Errors
    /// Where the options give no network, or the model lacks the profile.
    pub fn plan(&self) -> Result<Plan, LatencyError> {
        let profile = self.entry.profile(&self.profile).map_err(|error| LatencyError::Setting(error.to_string()))?;
        Ok(Plan::new(self.entry.architecture, &Options { profile, ..self.options })?)
    }

    /// The network, deployed, with random images.
    ///
    /// # Errors
    /// Where the options give no network, the weights are not its own, or memory is short.
    pub fn deploy(&self, registry: &Registry) -> Result<Network, LatencyError> {
        let model = self.model(registry)?;
        let input = model.plan().input;
        let shape = [self.batch, input.c, input.h, input.w].map(i64::from);
        let images = Tensor::f_randn(shape, (Kind::Float, self.device))?;
        let setting = Setting { dtype: self.dtype, batch: Some(self.batch) };
        let graph = match (self.onnx(), self.dtype) {
            (Some(path), _) => Some(self.read(path)?),
            // An engine without int8 says so by itself.
            (None, Dtype::Int8) if self.engine.dtypes().contains(&Dtype::Int8) => Some(self.quantized(&model)?),
            (None, _) => None,
        };
        Network::new(model, graph.as_deref(), self.engine, setting, &images)
    }

    /// A file of ONNX, which must be of the numbers that its row will tell.
    fn read(&self, path: &Path) -> Result<Vec<u8>, LatencyError> {
        let wrong = |problem: String| LatencyError::Setting(format!("{}: {problem}", path.display()));
        let bytes = regular_file::read(path, zoo_engines::LIMIT_OF_ONNX).map_err(|error| wrong(error.to_string()))?;
        let graph = Graph::decode(&bytes).map_err(|error| wrong(error.to_string()))?;
        match (graph.is_quantized(), self.dtype) {
            (true, Dtype::F32 | Dtype::Bf16) => Err(wrong("the network is quantized: give --dtype int8".into())),
            (false, Dtype::Int8) => Err(wrong("the network is not quantized: `quantize` makes one that is".into())),
            _ => Ok(bytes),
        }
    }

    /// The network in int8, by ranges that some noise shows. Times do not depend on them, and the accuracy is that of no
    /// weights at all.
    fn quantized(&self, model: &Model) -> Result<Vec<u8>, LatencyError> {
        let input = model.plan().input;
        let shape = [zoo_quantize::LEAST_IMAGES as i64, input.c.into(), input.h.into(), input.w.into()];
        let images = Tensor::f_randn(shape, (Kind::Float, Device::Cpu))?;
        let engine = match self.engine.name() {
            name if name == zoo_engines::ONNX_RUNTIME.name() => zoo_quantize::Engine::OnnxRuntime,
            _ => zoo_quantize::Engine::OpenVino,
        };
        let bits = zoo_quantize::Processor::of_this_machine().weight_bits();
        let method = zoo_quantize::Method::MinMax;
        let options = zoo_quantize::Options { method, bits, engine, correct: false, equalize: false };
        let graph = model.to_onnx(&OnnxOptions { batch: Batch::Fixed(self.batch), ..OnnxOptions::default() })?;
        let quantizer = zoo_quantize::Quantizer::new(graph, &[images], options)?;
        let gates = quantizer.named(&["gates".into()])?;
        Ok(quantizer.make(&gates)?.graph.encode()?)
    }

    /// The file of ONNX that is run in place of the model.
    fn onnx(&self) -> Option<&Path> {
        self.weights.as_deref().filter(|path| zoo_engines::is_onnx(path))
    }

    fn model(&self, registry: &Registry) -> Result<Model, LatencyError> {
        let Some(path) = self.weights.as_ref().filter(|_| self.onnx().is_none()) else {
            return Ok(Model::new(self.plan()?, &ModelOptions { device: self.device, ..ModelOptions::default() })?);
        };
        let wanted = Wanted { model: Some(self.entry.variant.name), ..Wanted::default() };
        Ok(open(registry, path, wanted, self.device)?.model)
    }
}
