//! One thing to measure: a network with its options, a batch and an engine.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Model, ModelOptions};
use zoo_core::onnx::{Batch, Dimension, Element, OnnxOptions, Value};
use zoo_core::{Entry, Options, Plan, Registry};

use super::LatencyError;
use super::network::Network;
use zoo_engines::{Dtype, Engine, OnnxFile, Setting, Source};
use zoo_weights::{Description, Wanted, open};

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
        if let Some(path) = self.onnx() {
            let file = OnnxFile::read(path)?;
            return self.network(self.plan_of(&file)?, file.source(self.dtype)?);
        }
        let model = Rc::new(self.model(registry)?);
        let plan = model.plan().clone();
        // An engine without int8 says so by itself.
        if self.dtype == Dtype::Int8 && self.engine.dtypes().contains(&Dtype::Int8) {
            let bytes = self.quantized(&model)?;
            return self.network(plan, Source::Onnx { name: "the network", bytes: &bytes });
        }
        self.network(plan, Source::Model(&model))
    }

    fn network(&self, plan: Plan, source: Source<'_>) -> Result<Network, LatencyError> {
        let input = plan.input;
        let shape = [self.batch, input.c, input.h, input.w].map(i64::from);
        let images = Tensor::f_randn(shape, (Kind::Float, self.device))?;
        let setting = Setting { dtype: self.dtype, batch: Some(self.batch) };
        Network::new(plan, source, self.engine, setting, &images)
    }

    /// The plan of the network in a file of ONNX, which must be of the model: its row tells the file by that name.
    fn plan_of(&self, file: &OnnxFile) -> Result<Plan, LatencyError> {
        let wrong = |problem: String| LatencyError::Setting(format!("{}: {problem}", file.name));
        let ours = || wrong("it does not say which network it holds: time a file of `export` or `quantize`".into());
        let (graph, name) = (&file.graph, self.entry.variant.name);
        let described = Description::from_metadata(&graph.metadata).map_err(wrong)?;
        let model = described.model.as_deref().ok_or_else(ours)?;
        if model != name {
            return Err(wrong(format!("the network is {model}, not {name}")));
        }
        let sizes = |value: &Value| -> Vec<i64> {
            let fixed = |dimension: &Dimension| match dimension {
                Dimension::Fixed(size) => *size,
                Dimension::Named(_) => 0,
            };
            value.shape.iter().skip(1).map(fixed).collect()
        };
        let ([input], [output]) = (&graph.inputs[..], &graph.outputs[..]) else { return Err(ours()) };
        let classes = sizes(output).first().and_then(|classes| u32::try_from(*classes).ok()).ok_or_else(ours)?;
        let plan = Plan::new(self.entry.architecture, &described.options(&self.entry, classes).map_err(wrong)?)?;
        let shape = [plan.input.c, plan.input.h, plan.input.w].map(i64::from);
        if (sizes(input), input.element) != (shape.to_vec(), Element::F32) || graph.macs() != Some(plan.cost.macs) {
            let problem =
                format!("its input and counts are not those of {name}: export it for normalised images again");
            return Err(wrong(problem));
        }
        Ok(plan)
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
        self.weights.as_deref().filter(|path| OnnxFile::is_named(path))
    }

    fn model(&self, registry: &Registry) -> Result<Model, LatencyError> {
        let Some(path) = self.weights.as_ref().filter(|_| self.onnx().is_none()) else {
            return Ok(Model::new(self.plan()?, &ModelOptions { device: self.device, ..ModelOptions::default() })?);
        };
        let wanted = Wanted { model: Some(self.entry.variant.name), ..Wanted::default() };
        Ok(open(registry, path, wanted, self.device)?.model)
    }
}
