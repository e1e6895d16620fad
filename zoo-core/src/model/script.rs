//! A deployed network as TorchScript, as Python's `torch.jit.trace` and `freeze` would give it.
//!
//! Owns the source that is written from the steps; zoo-native compiles it.

use std::fmt::Write;

use tch::{Device, Tensor};
use zoo_native::script::Script;

use super::convolution::Geometry;
use super::deployed::{Step, StepKind};
use super::forward::check_input;
use super::layout::MemoryFormat;
use super::{Backend, Model, ModelError};
use crate::plan::{Activation, Plan};

/// A network compiled by TorchScript, frozen and, on the CPU, optimised for inference.
#[derive(Debug)]
pub struct Compiled {
    plan: Plan,
    script: Script,
    format: MemoryFormat,
}

impl Model {
    /// The network as TorchScript, with maps in `format`.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn compile(&self, format: MemoryFormat) -> Result<Compiled, ModelError> {
        let deployed = self.deploy(Backend::Libtorch(format))?;
        let mut source = Source::default();
        for step in &deployed.steps {
            source.add(step);
        }
        let text = format!("def forward(self, v0):\n{}    return torch.flatten(v{}, 1)\n", source.text, source.last);
        let script = Script::new(&text, &source.weights, self.device() == Device::Cpu)?;
        Ok(Compiled { plan: self.plan.clone(), script, format })
    }
}

impl Compiled {
    /// Logits (N x classes) of a batch of normalised images (N x 3 x H x W). The first runs specialise, so they are slow.
    ///
    /// # Errors
    /// Where the images have another size than the plan, or libtorch refuses.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor, ModelError> {
        check_input(&self.plan, images)?;
        let images = self.format.of(images)?;
        Ok(tch::no_grad(|| self.script.run(&images))?)
    }

    /// The memory format of its input and weights.
    pub fn format(&self) -> MemoryFormat {
        self.format
    }
}

#[derive(Default)]
struct Source {
    text: String,
    weights: Vec<Tensor>,
    last: usize,
}

impl Source {
    fn add(&mut self, step: &Step) {
        let x = format!("v{}", step.inputs[0]);
        let other = format!("v{}", step.inputs[1]);
        let value = match &step.kind {
            StepKind::Conv { geometry, weight, bias, activation, add } => {
                let convolution = self.convolution(&x, geometry, weight, bias.as_ref());
                let value = activated(convolution, *activation);
                if *add { format!("torch.add({value}, {other})") } else { value }
            }
            StepKind::Affine { scale, shift, activation } => {
                let (scale, shift) = (self.weight(scale), self.weight(shift));
                activated(format!("torch.add(torch.mul({x}, {scale}), {shift})"), *activation)
            }
            StepKind::Act(activation) => activated(x, Some(*activation)),
            StepKind::Pool { .. } => format!("torch.adaptive_avg_pool2d({x}, [1, 1])"),
            // `compile` deploys on libtorch's operations, which pack nothing.
            StepKind::Nothing | StepKind::Packed { .. } => x,
            StepKind::Linear { weight, bias } => {
                let (weight, bias) = (self.weight(weight), self.weight(bias));
                format!("torch.linear(torch.flatten({x}, 1), {weight}, {bias})")
            }
            StepKind::Scale => format!("torch.mul({other}, {x})"),
            StepKind::Add => format!("torch.add({other}, {x})"),
        };
        self.last = step.output;
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "    v{} = {value}", step.output);
    }

    fn convolution(&mut self, x: &str, geometry: &Geometry, weight: &Tensor, bias: Option<&Tensor>) -> String {
        let Geometry { stride, groups, .. } = *geometry;
        let weight = self.weight(weight);
        let bias = bias.map_or_else(|| "None".to_string(), |bias| self.weight(bias));
        let (x, padding) = match geometry.even() {
            Some([y, x_side]) => (x.to_string(), [y, x_side]),
            None => (format!("torch.constant_pad_nd({x}, {:?})", geometry.sides()), [0, 0]),
        };
        format!("torch.conv2d({x}, {weight}, {bias}, [{stride}, {stride}], {padding:?}, [1, 1], {groups})")
    }

    fn weight(&mut self, tensor: &Tensor) -> String {
        self.weights.push(tensor.shallow_clone());
        format!("self.w{}", self.weights.len() - 1)
    }
}

fn activated(value: String, activation: Option<Activation>) -> String {
    match activation {
        None | Some(Activation::Table) => value,
        Some(Activation::Relu) => format!("torch.relu({value})"),
        // What torchvision's ReLU6 becomes in a trace.
        Some(Activation::Relu6) => format!("torch.hardtanh({value}, 0., 6.)"),
        Some(Activation::Silu) => format!("torch.silu({value})"),
        Some(Activation::HardSwish) => format!("torch.hardswish({value})"),
        Some(Activation::Sigmoid) => format!("torch.sigmoid({value})"),
        Some(Activation::HardSigmoid) => format!("torch.hardsigmoid({value})"),
    }
}
