//! The forward pass.
//!
//! Training and evaluation differ only in norms, dropout and drop-path. Random numbers come from libtorch's generator;
//! seeding it before a step makes the step reproducible.

use tch::Tensor;
use zoo_native::profile::label;

use super::node::{Node, NodeKind};
use super::{MemoryFormat, Model, ModelError, channels_last};
use crate::op::{Activation, Op, OpKind, Run, Tensors};
use crate::plan::Plan;

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
            let inputs: Vec<&Tensor> = node.inputs.iter().map(|input| &values[*input]).collect();
            let output = self.run(node, &inputs, mode)?;
            for dead in &node.dead {
                values[*dead] = Tensor::new();
            }
            observe(node.output - 1, &output);
            values[node.output] = output;
        }
        Ok(std::mem::replace(&mut values[last], Tensor::new()))
    }

    fn run(&self, node: &Node, inputs: &[&Tensor], mode: Mode) -> Result<Tensor, ModelError> {
        match node.kind {
            NodeKind::Conv { op, norm, activation, add } => {
                let y = self.run_op(op, &inputs[..1], mode)?;
                let Some(norm) = norm else {
                    return match activation {
                        Some(activation) => activation.apply_in_place(y),
                        None => Ok(y),
                    };
                };
                let OpKind::Add(sum) = (match add {
                    Some(add) => self.plan.ops[add].kind,
                    None => return self.normalise(norm, &y, activation, None, mode),
                }) else {
                    return Ok(y);
                };
                let residual = inputs[1];
                match sum.rate(mode) {
                    0.0 => self.normalise(norm, &y, activation, Some(residual), mode),
                    _ => sum.sum(&self.normalise(norm, &y, activation, None, mode)?, residual, mode),
                }
            }
            NodeKind::BatchNorm { op, activation } => self.normalise(op, inputs[0], activation, None, mode),
            // A gradient may need the value that would be overwritten.
            NodeKind::Overwrite { op, .. } | NodeKind::Op { op } => self.run_op(op, inputs, mode),
        }
    }

    /// Runs one operation of the plan by itself.
    fn run_op(&self, op: usize, inputs: &[&Tensor], mode: Mode) -> Result<Tensor, ModelError> {
        let (tensors, op) = (self.tensors_of(op), &self.plan.ops[op]);
        op.kind.compute().run(&self.run_with(op, inputs, tensors, mode))
    }

    fn run_with<'a>(&self, op: &'a Op, inputs: &'a [&'a Tensor], tensors: Tensors<'a>, mode: Mode) -> Run<'a> {
        let (padding, format) = (self.plan.options.padding, MemoryFormat::ChannelsLast);
        Run { op, inputs, tensors, mode, frozen_statistics: self.frozen_statistics, padding, format }
    }

    fn normalise(
        &self,
        norm: usize,
        x: &Tensor,
        activation: Option<Activation>,
        residual: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor, ModelError> {
        let (tensors, op) = (self.tensors_of(norm), &self.plan.ops[norm]);
        match op.kind {
            OpKind::BatchNorm(norm) => norm.run_with(&self.run_with(op, &[], tensors, mode), x, activation, residual),
            _ => Ok(x.shallow_clone()),
        }
    }
}

/// Refuses images of another shape than the plan's.
pub(super) fn check_input(plan: &Plan, images: &Tensor) -> Result<(), ModelError> {
    let shape = images.size();
    let input = plan.input;
    if shape.len() != 4 || shape[1..] != [input.c, input.h, input.w].map(i64::from) {
        return Err(ModelError::Input { expected: input, found: shape });
    }
    Ok(())
}
