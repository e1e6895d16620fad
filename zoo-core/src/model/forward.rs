//! The forward pass.
//!
//! Training and evaluation differ in norms, dropout and drop-path alone. Random numbers come from libtorch's generator;
//! whoever seeds it before a step makes that step repeatable.

use tch::{Kind, Tensor};
use zoo_native::dense::dense_conv2d;
use zoo_native::depthwise::depthwise_conv2d;
use zoo_native::norm::{Activation as Fused, Norm as NormTensors, norm_activation};
use zoo_native::profile::label;

use super::convolution::Geometry;
use super::node::{Node, NodeKind, Norm};
use super::{Model, ModelError, channels_last};
use crate::plan::{Activation, OpKind, Plan};

/// Whether a pass trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Norms use and update the statistics of the batch; dropout and drop-path are on.
    Train,
    /// Norms use running statistics; nothing is dropped. Call under `tch::no_grad` unless gradients are wanted.
    Eval,
}

impl Model {
    /// Logits (N x classes) of a batch of normalised images (N x 3 x H x W).
    ///
    /// # Errors
    /// Where the images have another size than the plan, or libtorch refuses.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor, ModelError> {
        self.forward_observed(images, mode, &mut |_, _| {})
    }

    /// The same; `observe` is shown what operations of the plan give, by their index. Operations that run fused with the
    /// one behind them are not shown; the last one of a block always is.
    ///
    /// # Errors
    /// As [`forward`](Model::forward).
    pub fn forward_observed(
        &self,
        images: &Tensor,
        mode: Mode,
        observe: &mut dyn FnMut(usize, &Tensor),
    ) -> Result<Tensor, ModelError> {
        check_input(&self.plan, images)?;
        let last = self.run_between(0, self.plan.ops.len(), channels_last(images)?, mode, observe)?;
        Ok(last.f_flatten(1, -1)?)
    }

    /// Features (N x channels x 1 x 1) that the classifier reads, of a batch of normalised images.
    ///
    /// # Errors
    /// As [`forward`](Model::forward).
    pub fn features(&self, images: &Tensor, mode: Mode) -> Result<Tensor, ModelError> {
        check_input(&self.plan, images)?;
        self.run_between(0, self.plan.backbone(), channels_last(images)?, mode, &mut |_, _| {})
    }

    /// Logits from what [`features`](Model::features) gave.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn classify(&self, features: &Tensor, mode: Mode) -> Result<Tensor, ModelError> {
        let (first, last) = (self.plan.backbone(), self.plan.ops.len());
        let logits = self.run_between(first, last, features.shallow_clone(), mode, &mut |_, _| {})?;
        Ok(logits.f_flatten(1, -1)?)
    }

    /// Runs from value `first` of the plan to value `last`; no node may span either.
    fn run_between(
        &self,
        first: usize,
        last: usize,
        value: Tensor,
        mode: Mode,
        observe: &mut dyn FnMut(usize, &Tensor),
    ) -> Result<Tensor, ModelError> {
        // A value that is not there, before its node has run or after its last reader, is an undefined tensor.
        let mut values: Vec<Tensor> = (0..=last).map(|_| Tensor::new()).collect();
        values[first] = value;
        for node in self.nodes.iter().filter(|node| first < node.output && node.output <= last) {
            label(node.output as i32);
            let mode = if node.output <= self.frozen { Mode::Eval } else { mode };
            let output = self.run(node, &values[node.inputs[0]], &values[node.inputs[1]], mode)?;
            for dead in &node.dead {
                values[*dead] = Tensor::new();
            }
            observe(node.output - 1, &output);
            values[node.output] = output;
        }
        Ok(std::mem::replace(&mut values[last], Tensor::new()))
    }

    fn run(&self, node: &Node, x: &Tensor, other: &Tensor, mode: Mode) -> Result<Tensor, ModelError> {
        let parameter = |index: usize| &self.parameters[index].tensor;
        match node.kind {
            NodeKind::Conv { op, weight, bias, norm, activation, add } => {
                let y = self.convolve(op, x, parameter(weight), bias.map(parameter))?;
                let Some(norm) = norm else { return activate(y, activation) };
                match add {
                    None => self.normalise(norm, activation, &y, None, mode),
                    Some(add) if self.drop_path(add, mode) == 0.0 => {
                        self.normalise(norm, activation, &y, Some(other), mode)
                    }
                    Some(add) => self.add(add, &self.normalise(norm, activation, &y, None, mode)?, other, mode),
                }
            }
            NodeKind::Norm { norm, activation } => self.normalise(norm, activation, x, None, mode),
            NodeKind::Act(activation) => activate(x.f_alias_copy()?, Some(activation)),
            NodeKind::Pool => Ok(x.f_mean_dim([2i64, 3].as_slice(), true, None::<Kind>)?),
            NodeKind::Dropout { op } => match self.plan.ops[op].kind {
                OpKind::Dropout { rate } if mode == Mode::Train && rate > 0.0 => Ok(x.f_dropout(rate, true)?),
                _ => Ok(x.shallow_clone()),
            },
            NodeKind::Linear { weight, bias } => {
                Ok(x.f_flatten(1, -1)?.f_linear(parameter(weight), Some(parameter(bias)))?)
            }
            NodeKind::Scale => Ok(other.f_mul(x)?),
            NodeKind::Add { op } => self.add(op, x, other, mode),
        }
    }

    /// The rate at which the residual `op` drops samples in this mode.
    fn drop_path(&self, op: usize, mode: Mode) -> f64 {
        match self.plan.ops[op].kind {
            OpKind::Add { drop_path } if mode == Mode::Train => drop_path,
            _ => 0.0,
        }
    }

    fn add(&self, op: usize, x: &Tensor, shortcut: &Tensor, mode: Mode) -> Result<Tensor, ModelError> {
        match self.drop_path(op, mode) {
            0.0 => Ok(shortcut.f_add(x)?),
            rate => Ok(shortcut.f_addcmul(x, &sample_mask(x, rate)?)?),
        }
    }

    fn convolve(&self, op: usize, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, ModelError> {
        let op = &self.plan.ops[op];
        let Some(geometry) = Geometry::of(op, self.plan.options.padding) else { return Ok(x.shallow_clone()) };
        if op.is_depthwise() && bias.is_none() && op.input.c == op.output.c {
            return Ok(depthwise_conv2d(x, weight, geometry.stride, geometry.border)?);
        }
        if geometry.groups == 1 {
            return Ok(dense_conv2d(x, weight, bias, geometry.stride, geometry.border)?);
        }
        geometry.convolve(x, weight, bias)
    }

    fn normalise(
        &self,
        norm: Norm,
        activation: Option<Activation>,
        x: &Tensor,
        residual: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor, ModelError> {
        let constants = self.plan.rules.norm;
        let (fused, rest) = match activation {
            None | Some(Activation::Table) => (Fused::None, None),
            Some(Activation::Relu) => (Fused::Relu, None),
            Some(Activation::Relu6) => (Fused::Relu6, None),
            Some(Activation::Silu) => (Fused::Silu, None),
            Some(Activation::HardSwish) => (Fused::HardSwish, None),
            Some(gate @ (Activation::Sigmoid | Activation::HardSigmoid)) => (Fused::None, Some(gate)),
        };
        let tensors = NormTensors {
            weight: &self.parameters[norm.scale].tensor,
            bias: &self.parameters[norm.scale + 1].tensor,
            running: Some((&self.buffers[norm.mean].tensor, &self.buffers[norm.mean + 1].tensor)),
            momentum: constants.momentum,
            eps: constants.eps,
        };
        let training = mode == Mode::Train && !self.frozen_statistics;
        if training && x.numel() as i64 == x.size()[1] {
            // Its mean is the value itself: all that is left is the shift, and nothing is learned. As in PyTorch.
            let scale = &self.parameters[norm.scale].name;
            return Err(ModelError::OneValue { norm: scale.trim_end_matches(".weight").to_string() });
        }
        let y = norm_activation(x, tensors, training, fused, residual.filter(|_| rest.is_none()))?;
        let y = activate(y, rest)?;
        match residual {
            Some(residual) if rest.is_some() => Ok(residual.f_add(&y)?),
            _ => Ok(y),
        }
    }
}

/// Refuses images of another shape than the plan's.
pub(super) fn check_input(plan: &Plan, images: &Tensor) -> Result<(), ModelError> {
    let shape = images.size();
    let input = plan.input;
    if shape.len() != 4 || shape[1..] != [input.c, input.h, input.w].map(i64::from) {
        return Err(ModelError::Input { expected: input.h, found: shape });
    }
    Ok(())
}

/// Applies a non-linearity in place: its input has no other reader.
pub(super) fn activate(mut x: Tensor, activation: Option<Activation>) -> Result<Tensor, ModelError> {
    Ok(match activation {
        None | Some(Activation::Table) => x,
        Some(Activation::Relu) => x.f_relu_()?,
        Some(Activation::Relu6) => x.f_relu6_()?,
        Some(Activation::Silu) => x.f_silu_()?,
        Some(Activation::HardSwish) => x.f_hardswish_()?,
        Some(Activation::Sigmoid) => x.f_sigmoid_()?,
        Some(Activation::HardSigmoid) => x.f_hardsigmoid_()?,
    })
}

/// Zero for samples that are dropped, with probability `rate`; for the others what keeps the expectation.
fn sample_mask(x: &Tensor, rate: f64) -> Result<Tensor, ModelError> {
    let kept = 1.0 - rate;
    let mut mask = Tensor::f_empty([x.size()[0], 1, 1, 1], (x.kind(), x.device()))?;
    Ok(mask.f_bernoulli_float_(kept)?.f_div_scalar(kept)?)
}
