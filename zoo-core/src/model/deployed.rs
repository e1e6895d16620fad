//! A network as one deploys it: norms folded into the convolutions, activations in place, no gradients.
//!
//! Owns the folded tensors and their forward pass, by libtorch's operations or by kernels that take bias, activation,
//! gate and residual along. It is a copy: training the model afterwards does not change it.

use tch::{Device, Kind, Tensor};
use zoo_native::convolution::{Activation as Fused, Convolution, Separable, global_mean};

use super::convolution::Geometry;
use super::fold::Affine;
use super::forward::{Mode, check_input};
use super::layout::MemoryFormat;
use super::node::{Node, NodeKind};
use super::{Model, ModelError, separable};
use crate::op::{Activation, OpKind, Run, Tensors};
use crate::plan::Plan;

/// What computes a deployed network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    pub inputs: Vec<usize>,
    pub output: usize,
    /// A value that the input is multiplied with, channel by channel.
    pub gate: Option<usize>,
    /// What is applied last.
    pub activation: Option<Activation>,
    /// Values that nobody reads after this step.
    pub dead: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum StepKind {
    /// With the second input added behind the activation, where `add` says so.
    Conv { geometry: Geometry, weight: Tensor, bias: Option<Tensor>, add: bool },
    /// The same, packed, with an activation of its own; linear layers, too.
    Packed { convolution: Convolution, add: bool },
    /// A depthwise convolution with the ones around it, in one pass; the second input is added where `add` says so.
    Separable { separable: Separable, add: bool },
    /// A norm that stands behind no convolution.
    Affine { scale: Tensor, shift: Tensor },
    /// The mean of each channel, by a kernel.
    Mean,
    /// A non-linearity in the memory of its input, which nobody else reads.
    Overwrite,
    /// Any operation of the plan, with its tensors.
    Op { op: usize, tensors: Vec<Tensor> },
}

impl Model {
    /// The network with its norms folded, for evaluation alone. Folding is done in f64, so that logits differ from those
    /// of [`Mode::Eval`] by rounding only.
    ///
    /// # Errors
    /// Where libtorch refuses, for lack of memory.
    pub fn deploy(&self, backend: Backend) -> Result<Deployed, ModelError> {
        let steps =
            self.nodes.iter().map(|node| self.step(node, backend)).collect::<Result<Vec<Step>, ModelError>>()?;
        let mut deployed = Deployed { plan: self.plan.clone(), steps, backend };
        if backend == Backend::Native {
            deployed.fuse_gates();
            deployed.steps = separable::join(&deployed.plan, deployed.steps)?;
        }
        Ok(deployed)
    }

    /// Whether it is what the native kernels take: f32 on the CPU.
    fn is_plain(&self) -> bool {
        let float = self.parameters.first().is_none_or(|parameter| parameter.tensor.kind() == Kind::Float);
        self.device == Device::Cpu && float
    }

    fn step(&self, node: &Node, backend: Backend) -> Result<Step, ModelError> {
        let (kind, activation) = match node.kind {
            NodeKind::Conv { op, norm, activation, add } => {
                self.convolution(op, norm, activation, add.is_some(), backend)?
            }
            NodeKind::BatchNorm { op, activation } => (self.affine(op)?, activation),
            NodeKind::Overwrite { activation, .. } => (StepKind::Overwrite, Some(activation)),
            NodeKind::Op { op } => (self.single(op, backend)?, None),
        };
        let (inputs, dead) = (node.inputs.clone(), node.dead.clone());
        Ok(Step { kind, inputs, output: node.output, gate: None, activation, dead })
    }

    fn convolution(
        &self,
        op: usize,
        norm: Option<usize>,
        activation: Option<Activation>,
        add: bool,
        backend: Backend,
    ) -> Result<(StepKind, Option<Activation>), ModelError> {
        let OpKind::Conv(convolution) = self.plan.ops[op].kind else {
            return Ok((self.single(op, backend)?, activation));
        };
        let geometry = Geometry::of(&convolution, self.plan.ops[op].input, self.plan.options.padding);
        let (weight, bias) = self.folded(op, norm)?;
        let Geometry { stride, groups, border } = geometry;
        match backend {
            // A residual is added by the dense kernels alone.
            Backend::Native if Convolution::takes(&weight, groups) && !(add && groups > 1) => {
                let fused = activation.map_or(Some(Fused::None), Activation::in_convolution);
                if fused.is_none() && add {
                    return Ok((StepKind::Conv { geometry, weight, bias, add }, activation));
                }
                let own = fused.unwrap_or(Fused::None);
                let convolution = Convolution::new(&weight, bias.as_ref(), stride, border, groups, own)?;
                Ok((StepKind::Packed { convolution, add }, activation.filter(|_| fused.is_none())))
            }
            Backend::Native => Ok((StepKind::Conv { geometry, weight, bias, add }, activation)),
            Backend::Libtorch(format) => {
                let weight = format.of(&weight)?;
                Ok((StepKind::Conv { geometry, weight, bias, add }, activation))
            }
        }
    }

    /// Weight and bias of a convolution with the norm behind it in them.
    pub(super) fn folded(&self, op: usize, norm: Option<usize>) -> Result<(Tensor, Option<Tensor>), ModelError> {
        let tensors = self.detached(op)?;
        let (weight, bias) = (tensors[0].shallow_clone(), tensors.get(1).map(Tensor::shallow_clone));
        match norm.map(|norm| self.folding(norm)).transpose()?.flatten() {
            Some(affine) => affine.fold(&weight, bias.as_ref()).map(|(weight, bias)| (weight, Some(bias))),
            None => Ok((weight, bias)),
        }
    }

    /// The scale and shift of a batch norm.
    pub(super) fn folding(&self, norm: usize) -> Result<Option<Affine>, ModelError> {
        match self.plan.ops[norm].kind {
            OpKind::BatchNorm(constants) => Affine::of(self.tensors_of(norm), constants.eps).map(Some),
            _ => Ok(None),
        }
    }

    fn affine(&self, norm: usize) -> Result<StepKind, ModelError> {
        let Some(Affine { scale, shift }) = self.folding(norm)? else {
            return self.single(norm, Backend::Libtorch(MemoryFormat::ChannelsLast));
        };
        let kind = self.tensors_of(norm).get(0).kind();
        let shaped = |tensor: Tensor| tensor.f_reshape([1, -1, 1, 1])?.f_to_kind(kind)?.f_to_device(self.device);
        Ok(StepKind::Affine { scale: shaped(scale)?, shift: shaped(shift)? })
    }

    /// An operation by itself.
    fn single(&self, op: usize, backend: Backend) -> Result<StepKind, ModelError> {
        let (kind, tensors) = (self.plan.ops[op].kind, self.detached(op)?);
        let native = backend == Backend::Native;
        match (kind, &tensors[..]) {
            (OpKind::Pool(_), _) if native && self.is_plain() => Ok(StepKind::Mean),
            (OpKind::Linear(_), [weight, bias]) if native => {
                let kernel = weight.f_reshape([weight.size()[0], -1, 1, 1])?;
                if !Convolution::takes(&kernel, 1) {
                    return Ok(StepKind::Op { op, tensors });
                }
                let convolution = Convolution::new(&kernel, Some(bias), 1, Default::default(), 1, Fused::None)?;
                Ok(StepKind::Packed { convolution, add: false })
            }
            _ => Ok(StepKind::Op { op, tensors }),
        }
    }

    pub(super) fn detached(&self, op: usize) -> Result<Vec<Tensor>, ModelError> {
        Ok(self.tensors_of(op).iter().map(Tensor::f_detach).collect::<Result<_, _>>()?)
    }
}

impl Deployed {
    /// The plan that it was made from.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The network with its tensors in numbers of `kind`, for libtorch's operations; images are of that kind, too.
    ///
    /// # Errors
    /// Where libtorch refuses, for lack of memory. What is packed for our kernels stays as it is.
    pub fn to_kind(mut self, kind: Kind) -> Result<Deployed, ModelError> {
        let cast = |tensor: &mut Tensor| -> Result<(), ModelError> {
            *tensor = tensor.f_to_kind(kind)?;
            Ok(())
        };
        for step in &mut self.steps {
            match &mut step.kind {
                StepKind::Conv { weight, bias, .. } => {
                    cast(weight)?;
                    bias.as_mut().map_or(Ok(()), cast)?;
                }
                StepKind::Affine { scale, shift } => {
                    cast(scale)?;
                    cast(shift)?;
                }
                StepKind::Op { tensors, .. } => tensors.iter_mut().try_for_each(cast)?,
                StepKind::Packed { .. } | StepKind::Separable { .. } | StepKind::Mean | StepKind::Overwrite => {}
            }
        }
        Ok(self)
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
    /// one behind them are not shown; the last one of a block always is, that of the stem unless it runs with the first block.
    ///
    /// # Errors
    /// As [`forward`](Deployed::forward).
    pub fn forward_observed(
        &self,
        images: &Tensor,
        observe: &mut dyn FnMut(usize, &Tensor),
    ) -> Result<Tensor, ModelError> {
        check_input(&self.plan, images)?;
        let images = if self.takes_planes() && images.is_contiguous() {
            images.shallow_clone()
        } else {
            self.format().of(images)?
        };
        tch::no_grad(|| self.run(images, observe))
    }

    /// Whether the first step, which alone reads the images, takes them as they come.
    fn takes_planes(&self) -> bool {
        let first = self.steps.first();
        first.is_some_and(|step| {
            matches!(&step.kind, StepKind::Separable { separable, .. } if separable.takes_planes())
                && step.dead.contains(&0)
        })
    }

    fn run(&self, images: Tensor, observe: &mut dyn FnMut(usize, &Tensor)) -> Result<Tensor, ModelError> {
        let last = self.plan.ops.len();
        // A value that is not there, before its step has run or after its last reader, is an undefined tensor.
        let absent = Tensor::new();
        let mut values: Vec<Option<Tensor>> = (0..=last).map(|_| None).collect();
        values[0] = Some(images);
        for step in &self.steps {
            let output = self.compute(step, |index| values[index].as_ref().unwrap_or(&absent))?;
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
            if let Some(scale) = steps.pop_if(|before| self.is_scale(before) && before.gates(&step)) {
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

impl Deployed {
    fn is_scale(&self, step: &Step) -> bool {
        matches!(step.kind, StepKind::Op { op, .. } if matches!(self.plan.ops[op].kind, OpKind::Scale(_)))
    }

    fn compute<'a>(&self, step: &Step, value: impl Fn(usize) -> &'a Tensor) -> Result<Tensor, ModelError> {
        let x = value(step.inputs[0]);
        let done = |y: Tensor| match step.activation {
            Some(activation) => activation.apply_in_place(y),
            None => Ok(y),
        };
        match &step.kind {
            StepKind::Conv { geometry, weight, bias, add } => {
                let mut y = done(geometry.convolve(x, weight, bias.as_ref())?)?;
                if *add { Ok(y.f_add_(value(step.inputs[1]))?) } else { Ok(y) }
            }
            StepKind::Packed { convolution, add } => {
                let residual = add.then(|| value(step.inputs[1]));
                done(convolution.run(x, step.gate.map(&value), residual)?)
            }
            StepKind::Separable { separable, add } => Ok(separable.run(x, add.then(|| value(step.inputs[1])))?),
            StepKind::Affine { scale, shift } => done(shift.f_addcmul(x, scale)?),
            StepKind::Mean => Ok(global_mean(x)?),
            StepKind::Overwrite => done(x.shallow_clone()),
            StepKind::Op { op, tensors } => {
                let op = &self.plan.ops[*op];
                let inputs: Vec<&Tensor> = step.inputs.iter().map(|input| value(*input)).collect();
                let (padding, format) = (self.plan.options.padding, self.format());
                let (inputs, tensors) = (&inputs[..], Tensors::Detached(tensors));
                let run = Run { op, inputs, tensors, mode: Mode::Eval, frozen_statistics: false, padding, format };
                op.kind.compute().run(&run)
            }
        }
    }
}

impl Step {
    /// Whether it has neither a gate nor an activation that its convolution does not take along.
    pub(super) fn is_plain(&self) -> bool {
        self.gate.is_none() && self.activation.is_none()
    }

    /// Whether the value of this gate has `next` as its only reader, and `next` can take the gate in.
    fn gates(&self, next: &Step) -> bool {
        let takes = matches!(&next.kind, StepKind::Packed { convolution, .. } if convolution.takes_gate());
        let alone = next.dead.contains(&self.output) && !next.inputs[1..].contains(&self.output);
        takes && next.inputs[0] == self.output && alone
    }
}
