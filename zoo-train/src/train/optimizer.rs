//! Stochastic gradient descent with momentum, with state that can be saved.
//!
//! tch's optimizers have no state to save, and none of libtorch's fused kernels; this one steps all tensors of a group
//! in one call.

use tch::Tensor;
use zoo_core::model::{Model, Parameter, Role};
use zoo_native::sgd::{self, Sgd};

use super::TrainError;

/// SGD with Nesterov momentum; weight decay spares norms and biases.
#[derive(Debug)]
pub struct Optimizer {
    momentum: f64,
    weight_decay: f64,
    /// Learning rate of the backbone, as a share of the classifier's.
    backbone_scale: f64,
    started: bool,
    /// Momentum buffers in the order of the model's parameters.
    pub buffers: Vec<Tensor>,
}

impl Optimizer {
    /// Fresh buffers for `model`.
    ///
    /// # Errors
    /// Where memory lacks.
    pub fn new(model: &Model, momentum: f64, weight_decay: f64, backbone_scale: f64) -> Result<Optimizer, TrainError> {
        let buffers = tch::no_grad(|| {
            model.parameters.iter().map(|parameter| parameter.tensor.f_zeros_like()).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(Optimizer { momentum, weight_decay, backbone_scale, started: false, buffers })
    }

    /// Says that the buffers were filled from a checkpoint.
    pub fn resume(&mut self) {
        self.started = true;
    }

    /// One step with the gradients of the last backward pass, which are used up.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn step(&mut self, model: &Model, rate: f64) -> Result<(), TrainError> {
        let backbone = model.plan().backbone();
        for (decay, is_decayed) in [(self.weight_decay, true), (0.0, false)] {
            for (scale, is_backbone) in [(self.backbone_scale, true), (1.0, false)] {
                let belongs = |parameter: &Parameter| {
                    decayed(parameter) == is_decayed && (parameter.op < backbone) == is_backbone
                };
                let members: Vec<usize> =
                    (0..model.parameters.len()).filter(|index| belongs(&model.parameters[*index])).collect();
                self.step_group(model, &members, rate * scale, decay)?;
            }
        }
        self.started = true;
        Ok(())
    }

    fn step_group(&self, model: &Model, members: &[usize], rate: f64, decay: f64) -> Result<(), TrainError> {
        if members.is_empty() {
            return Ok(());
        }
        let all: Vec<&Tensor> = members.iter().map(|index| &model.parameters[*index].tensor).collect();
        let gradients = sgd::take_grads(&all)?;
        let (mut parameters, mut buffers, mut present) = (Vec::new(), Vec::new(), Vec::new());
        for ((index, parameter), gradient) in members.iter().zip(all).zip(gradients) {
            if let Some(gradient) = gradient {
                parameters.push(parameter);
                buffers.push(&self.buffers[*index]);
                present.push(gradient);
            }
        }
        if present.is_empty() {
            return Ok(());
        }
        let settings = Sgd {
            lr: rate,
            momentum: self.momentum,
            dampening: 0.0,
            weight_decay: decay,
            nesterov: self.momentum > 0.0,
        };
        let buffers = if self.momentum > 0.0 { buffers } else { Vec::new() };
        Ok(sgd::fused_sgd(&parameters, &present, &buffers, settings, !self.started)?)
    }
}

fn decayed(parameter: &Parameter) -> bool {
    matches!(parameter.role, Role::Weight | Role::DepthwiseWeight)
}
