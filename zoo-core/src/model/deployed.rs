//! A network as one deploys it: norms folded into the convolutions, activations in place, no gradients.
//!
//! Owns the folded tensors and their forward pass, by libtorch's operations or by kernels that take bias, activation,
//! gate and residual along. It is a copy: training the model afterwards does not change it.

use tch::{Device, Kind, Tensor};
use zoo_native::convolution::{Activation as Fused, Convolution, global_mean};

use super::convolution::Geometry;
use super::fold::Affine;
use super::forward::{activate, check_input};
use super::layout::MemoryFormat;
use super::node::{Node, NodeKind};
use super::{Model, ModelError};
use crate::plan::{Activation, Plan};

/// What computes a deployed network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// libtorch's operations, with maps in this format.
    Libtorch(MemoryFormat),
    /// Kernels of zoo-native, for f32 networks on the CPU; libtorch's for whatever they do not take.
    Native,
}

/// A network that can only be evaluated.
#[derive(Debug)]
pub struct Deployed {
    pub(super) plan: Plan,
    pub(super) steps: Vec<Step>,
    backend: Backend,
}

/// A step of the forward pass: value `output` from the values `inputs`.
#[derive(Debug)]
pub(super) struct Step {
    pub kind: StepKind,
    pub inputs: [usize; 2],
    pub output: usize,
    /// A value that the input is multiplied with, channel by channel.
    pub gate: Option<usize>,
    /// Values that nobody reads after this step.
    pub dead: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum StepKind {
    /// With the second input added behind the activation, where `add` says so.
    Conv {
        geometry: Geometry,
        weight: Tensor,
        bias: Option<Tensor>,
        activation: Option<Activation>,
        add: bool,
    },
    /// The same, packed; linear layers, too.
    Packed {
        convolution: Convolution,
        add: bool,
    },
    /// A norm that stands behind no convolution.
    Affine {
        scale: Tensor,
        shift: Tensor,
        activation: Option<Activation>,
    },
    Act(Activation),
    Pool {
        native: bool,
    },
    /// Dropout, which does nothing here.
    Nothing,
    Linear {
        weight: Tensor,
        bias: Tensor,
    },
    Scale,
    Add,
}

impl Model {
    /// The network with its norms folded, for evaluation alone. Folding is done in f64, so that logits differ from those
    /// of [`Mode::Eval`](super::Mode::Eval) by rounding only.
    ///
    /// # Errors
    /// Where libtorch refuses, for lack of memory.
    pub fn deploy(&self, backend: Backend) -> Result<Deployed, ModelError> {
        let steps =
            self.nodes.iter().map(|node| self.step(node, backend)).collect::<Result<Vec<Step>, ModelError>>()?;
        let mut deployed = Deployed { plan: self.plan.clone(), steps, backend };
        if backend == Backend::Native {
            deployed.fuse_gates();
        }
        Ok(deployed)
    }

    /// Whether it is what the native kernels take: f32 on the CPU.
    fn is_plain(&self) -> bool {
        let float = self.parameters.first().is_none_or(|parameter| parameter.tensor.kind() == Kind::Float);
        self.device == Device::Cpu && float
    }

    fn step(&self, node: &Node, backend: Backend) -> Result<Step, ModelError> {
        let parameter = |index: usize| self.parameters[index].tensor.f_detach();
        let kind = match node.kind {
            NodeKind::Conv { op, weight, bias, norm, activation, add } => {
                let (weight, bias) = (parameter(weight)?, bias.map(parameter).transpose()?);
                let (weight, bias) = match norm {
                    Some(norm) => {
                        let (weight, bias) = Affine::of(self, norm)?.fold(&weight, bias.as_ref())?;
                        (weight, Some(bias))
                    }
                    None => (weight, bias),
                };
                match Geometry::of(&self.plan.ops[op], self.plan.options.padding) {
                    Some(geometry) => convolution(geometry, weight, bias, activation, add.is_some(), backend)?,
                    None => StepKind::Nothing,
                }
            }
            NodeKind::Norm { norm, activation } => {
                let Affine { scale, shift } = Affine::of(self, norm)?;
                let kind = self.parameters[norm.scale].tensor.kind();
                let shaped =
                    |tensor: Tensor| tensor.f_reshape([1, -1, 1, 1])?.f_to_kind(kind)?.f_to_device(self.device);
                StepKind::Affine { scale: shaped(scale)?, shift: shaped(shift)?, activation }
            }
            NodeKind::Act(activation) => StepKind::Act(activation),
            NodeKind::Pool => StepKind::Pool { native: backend == Backend::Native && self.is_plain() },
            NodeKind::Dropout { .. } => StepKind::Nothing,
            NodeKind::Linear { weight, bias } => linear(parameter(weight)?, parameter(bias)?, backend)?,
            NodeKind::Scale => StepKind::Scale,
            NodeKind::Add { .. } => StepKind::Add,
        };
        Ok(Step { kind, inputs: node.inputs, output: node.output, gate: None, dead: node.dead.clone() })
    }
}

fn convolution(
    geometry: Geometry,
    weight: Tensor,
    bias: Option<Tensor>,
    activation: Option<Activation>,
    add: bool,
    backend: Backend,
) -> Result<StepKind, ModelError> {
    let Geometry { stride, groups, border } = geometry;
    match backend {
        // A residual is added by the dense kernels alone.
        Backend::Native if Convolution::takes(&weight, groups) && !(add && groups > 1) => {
            let fused = fused(activation);
            let convolution = Convolution::new(&weight, bias.as_ref(), stride, border, groups, fused)?;
            Ok(StepKind::Packed { convolution, add })
        }
        Backend::Native => Ok(StepKind::Conv { geometry, weight, bias, activation, add }),
        Backend::Libtorch(format) => {
            let weight = format.of(&weight)?;
            Ok(StepKind::Conv { geometry, weight, bias, activation, add })
        }
    }
}

fn linear(weight: Tensor, bias: Tensor, backend: Backend) -> Result<StepKind, ModelError> {
    let kernel = weight.f_reshape([weight.size()[0], -1, 1, 1])?;
    if backend == Backend::Native && Convolution::takes(&kernel, 1) {
        let convolution = Convolution::new(&kernel, Some(&bias), 1, Default::default(), 1, Fused::None)?;
        return Ok(StepKind::Packed { convolution, add: false });
    }
    Ok(StepKind::Linear { weight, bias })
}

fn fused(activation: Option<Activation>) -> Fused {
    match activation {
        None | Some(Activation::Table) => Fused::None,
        Some(Activation::Relu) => Fused::Relu,
        Some(Activation::Relu6) => Fused::Relu6,
        Some(Activation::Silu) => Fused::Silu,
        Some(Activation::HardSwish) => Fused::HardSwish,
        Some(Activation::Sigmoid) => Fused::Sigmoid,
        Some(Activation::HardSigmoid) => Fused::HardSigmoid,
    }
}

impl Deployed {
    /// The plan that it was made from.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The memory format of its maps.
    pub fn format(&self) -> MemoryFormat {
        match self.backend {
            Backend::Libtorch(format) => format,
            Backend::Native => MemoryFormat::ChannelsLast,
        }
    }

    /// Logits (N x classes) of a batch of normalised images (N x 3 x H x W), without gradients.
    ///
    /// # Errors
    /// Where the images have another size than the plan, or libtorch refuses.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor, ModelError> {
        self.forward_observed(images, &mut |_, _| {})
    }

    /// The same; `observe` is shown what operations of the plan give, by their index. Operations that run fused with the
    /// one behind them are not shown.
    ///
    /// # Errors
    /// As [`forward`](Deployed::forward).
    pub fn forward_observed(
        &self,
        images: &Tensor,
        observe: &mut dyn FnMut(usize, &Tensor),
    ) -> Result<Tensor, ModelError> {
        check_input(&self.plan, images)?;
        tch::no_grad(|| self.run(self.format().of(images)?, observe))
    }

    fn run(&self, images: Tensor, observe: &mut dyn FnMut(usize, &Tensor)) -> Result<Tensor, ModelError> {
        let last = self.plan.ops.len();
        // A value that is not there, before its step has run or after its last reader, is an undefined tensor.
        let absent = Tensor::new();
        let mut values: Vec<Option<Tensor>> = (0..=last).map(|_| None).collect();
        values[0] = Some(images);
        for step in &self.steps {
            let output = step.run(|index| values[index].as_ref().unwrap_or(&absent))?;
            for dead in &step.dead {
                values[*dead] = None;
            }
            observe(step.output - 1, &output);
            values[step.output] = Some(output);
        }
        Ok(values.pop().flatten().unwrap_or(absent).f_flatten(1, -1)?)
    }

    /// Gives the convolution behind a gate the gate itself, which saves a pass over the map.
    fn fuse_gates(&mut self) {
        let mut steps: Vec<Step> = Vec::with_capacity(self.steps.len());
        for mut step in std::mem::take(&mut self.steps) {
            if let Some(scale) = steps.pop_if(|before| before.gates(&step)) {
                step.gate = Some(scale.inputs[0]);
                step.inputs[0] = scale.inputs[1];
                step.dead.retain(|value| *value != scale.output);
                step.dead.extend(scale.dead);
            }
            steps.push(step);
        }
        self.steps = steps;
    }
}

impl Step {
    /// Whether this is a gate on the only input of `next`, and `next` can take it in.
    fn gates(&self, next: &Step) -> bool {
        let takes = matches!(&next.kind, StepKind::Packed { convolution, .. } if convolution.takes_gate());
        let alone = next.dead.contains(&self.output) && next.inputs[1] != self.output;
        matches!(self.kind, StepKind::Scale) && takes && next.inputs[0] == self.output && alone
    }

    fn run<'a>(&self, value: impl Fn(usize) -> &'a Tensor) -> Result<Tensor, ModelError> {
        let x = value(self.inputs[0]);
        Ok(match &self.kind {
            StepKind::Conv { geometry, weight, bias, activation, add } => {
                let mut y = activate(geometry.convolve(x, weight, bias.as_ref())?, *activation)?;
                if *add { y.f_add_(value(self.inputs[1]))? } else { y }
            }
            StepKind::Packed { convolution, add } => {
                let gate = self.gate.map(&value);
                let residual = add.then(|| value(self.inputs[1]));
                convolution.run(x, gate, residual)?
            }
            StepKind::Affine { scale, shift, activation } => activate(shift.f_addcmul(x, scale)?, *activation)?,
            StepKind::Act(activation) => activate(x.f_alias_copy()?, Some(*activation))?,
            StepKind::Pool { native: true } => global_mean(x)?,
            StepKind::Pool { native: false } => x.f_mean_dim([2i64, 3].as_slice(), true, None::<Kind>)?,
            StepKind::Nothing => x.shallow_clone(),
            StepKind::Linear { weight, bias } => x.f_flatten(1, -1)?.f_linear(weight, Some(bias))?,
            StepKind::Scale => value(self.inputs[1]).f_mul(x)?,
            StepKind::Add => value(self.inputs[1]).f_add(x)?,
        })
    }
}
