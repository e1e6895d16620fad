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
use crate::op::Source;
use crate::plan::Plan;

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
        let mut source = Text::default();
        for step in &deployed.steps {
            source.add(&deployed.plan, step);
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

/// The source, and the weights that it names.
#[derive(Default)]
struct Text {
    text: String,
    weights: Vec<Tensor>,
    last: usize,
}

impl Text {
    fn add(&mut self, plan: &Plan, step: &Step) {
        let inputs: Vec<String> = step.inputs.iter().map(|input| format!("v{input}")).collect();
        let activated = |value: String| step.activation.map_or(value.clone(), |activation| activation.script_of(value));
        let value = match &step.kind {
            StepKind::Conv { geometry, weight, bias, add } => {
                let value = activated(self.convolution(&inputs[0], geometry, weight, bias.as_ref()));
                if *add { format!("torch.add({value}, {})", inputs[1]) } else { value }
            }
            StepKind::Affine { scale, shift } => {
                let (scale, shift) = (self.weight(scale), self.weight(shift));
                activated(format!("torch.add(torch.mul({}, {scale}), {shift})", inputs[0]))
            }
            StepKind::Op { op, tensors } => {
                let op = &plan.ops[*op];
                let tensors: Vec<String> = tensors.iter().map(|tensor| self.weight(tensor)).collect();
                let padding = plan.options.padding;
                activated(op.kind.compute().script(&Source { op, inputs: &inputs, tensors: &tensors, padding }))
            }
            // `compile` deploys on libtorch's operations, which pack nothing.
            StepKind::Overwrite | StepKind::Mean | StepKind::Packed { .. } => activated(inputs[0].clone()),
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
