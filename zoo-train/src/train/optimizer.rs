//! Optimizers with state that can be saved, and which parameters are decayed.
//!
//! tch's optimizers have no state to save, and none of libtorch's fused kernels; these step all tensors of a group in
//! one call of zoo-native.

use serde::{Deserialize, Serialize};
use tch::Tensor;
use zoo_core::model::{Model, Parameter, Role};
use zoo_native::gradient;
use zoo_native::optimizer::{Adam, RmsProp, adamw, lamb, rmsprop};
use zoo_native::sgd::{Sgd, fused_sgd};

use super::{Settings, TrainError};

/// Which optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Stochastic gradient descent with Nesterov momentum.
    #[default]
    Sgd,
    /// RMSprop as TensorFlow has it, which the papers trained with.
    RmsProp,
    /// Adam with weight decay apart from the gradient.
    AdamW,
    /// Adam with a trust ratio a tensor, for large batches.
    Lamb,
}

impl Kind {
    /// Whether it is the one that is not written into a configuration.
    pub fn is_default(&self) -> bool {
        *self == Kind::default()
    }

    /// What it keeps for each parameter, and the value that it starts from.
    fn slots(self) -> &'static [(&'static str, f64)] {
        match self {
            Kind::Sgd => &[("momentum", 0.0)],
            // TensorFlow starts the mean square at one: the first steps are short, where from zero they would be huge.
            Kind::RmsProp => &[("square", 1.0), ("momentum", 0.0)],
            Kind::AdamW | Kind::Lamb => &[("first", 0.0), ("second", 0.0)],
        }
    }
}

/// What weight decay is applied to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decayed {
    /// Weights of convolutions and linear layers, not norms and biases.
    #[default]
    Weights,
    /// Those, without depthwise convolutions, which have few weights to spare (MobileNetV1, section 3.1).
    Dense,
    /// Every parameter.
    All,
}

impl Decayed {
    /// Whether it is the one that is not written into a configuration.
    pub fn is_default(&self) -> bool {
        *self == Decayed::default()
    }

    fn holds_for(self, parameter: &Parameter) -> bool {
        match parameter.role {
            Role::Weight => true,
            Role::DepthwiseWeight => self != Decayed::Dense,
            Role::NormScale | Role::Bias => self == Decayed::All,
        }
    }
}

/// What an optimizer keeps for each parameter, in the order of the model's.
#[derive(Debug)]
pub struct Slot {
    /// Its name in checkpoints.
    pub name: &'static str,
    /// A tensor a parameter, of its shape and strides.
    pub tensors: Vec<Tensor>,
}

/// An optimizer, its constants and its state.
#[derive(Debug)]
pub struct Optimizer {
    kind: Kind,
    momentum: f64,
    square_momentum: f64,
    eps: f64,
    weight_decay: f64,
    decayed: Decayed,
    clip_norm: Option<f64>,
    clip_value: Option<f64>,
    /// Learning rate of the backbone, as a share of the classifier's.
    backbone_scale: f64,
    /// State that checkpoints hold.
    pub slots: Vec<Slot>,
}

/// A parameter with its gradient and the state kept for it.
struct Member<'a> {
    parameter: &'a Tensor,
    gradient: &'a Tensor,
    state: Vec<&'a Tensor>,
}

impl Optimizer {
    /// The optimizer that `settings` ask for, with fresh state for `model`.
    ///
    /// # Errors
    /// Where memory lacks.
    pub fn new(model: &Model, settings: &Settings) -> Result<Optimizer, TrainError> {
        let kind = settings.optimizer;
        let fresh = |(name, value): &(&'static str, f64)| -> Result<Slot, TrainError> {
            let full = |parameter: &Parameter| Ok(parameter.tensor.f_full_like(*value)?.f_detach()?);
            Ok(Slot { name, tensors: model.parameters.iter().map(full).collect::<Result<_, TrainError>>()? })
        };
        let (square_momentum, eps) = match kind {
            Kind::Sgd => (0.0, 0.0),
            Kind::RmsProp => (0.9, 1e-3),
            Kind::AdamW => (0.999, 1e-8),
            Kind::Lamb => (0.999, 1e-6),
        };
        Ok(Optimizer {
            kind,
            momentum: settings.momentum,
            square_momentum: settings.square_momentum.unwrap_or(square_momentum),
            eps: settings.optimizer_eps.unwrap_or(eps),
            weight_decay: settings.weight_decay,
            decayed: settings.decayed,
            clip_norm: settings.clip_norm,
            clip_value: settings.clip_value,
            backbone_scale: settings.backbone_lr_scale.unwrap_or(1.0),
            slots: tch::no_grad(|| kind.slots().iter().map(fresh).collect::<Result<_, TrainError>>())?,
        })
    }

    /// Step `step` (counted from 0) with the gradients of the last backward pass, which are used up.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn step(&mut self, model: &Model, step: u64, rate: f64) -> Result<(), TrainError> {
        let tensors: Vec<&Tensor> = model.parameters.iter().map(|parameter| &parameter.tensor).collect();
        let gradients = gradient::take_grads(&tensors)?;
        let present: Vec<&Tensor> = gradients.iter().flatten().collect();
        if let Some(limit) = self.clip_norm {
            gradient::clip_norm(&present, limit)?;
        }
        if let Some(limit) = self.clip_value {
            gradient::clip_value(&present, limit)?;
        }
        let backbone = model.plan().backbone();
        for (decay, is_decayed) in [(self.weight_decay, true), (0.0, false)] {
            for (scale, is_backbone) in [(self.backbone_scale, true), (1.0, false)] {
                let belongs = |parameter: &Parameter| {
                    self.decayed.holds_for(parameter) == is_decayed && (parameter.op < backbone) == is_backbone
                };
                let members =
                    model.parameters.iter().zip(&gradients).enumerate().filter_map(|(index, (own, gradient))| {
                        let gradient = gradient.as_ref().filter(|_| belongs(own))?;
                        let state = self.slots.iter().map(|slot| &slot.tensors[index]).collect();
                        Some(Member { parameter: &own.tensor, gradient, state })
                    });
                self.step_group(&members.collect::<Vec<_>>(), step, rate * scale, decay)?;
            }
        }
        Ok(())
    }

    fn step_group(&self, members: &[Member], step: u64, lr: f64, weight_decay: f64) -> Result<(), TrainError> {
        if members.is_empty() {
            return Ok(());
        }
        let parameters: Vec<&Tensor> = members.iter().map(|member| member.parameter).collect();
        let gradients: Vec<&Tensor> = members.iter().map(|member| member.gradient).collect();
        let slot = |slot: usize| members.iter().map(|member| member.state[slot]).collect::<Vec<_>>();
        let Optimizer { momentum, square_momentum, eps, .. } = *self;
        let adam = Adam { lr, betas: (momentum, square_momentum), eps, weight_decay, step: step + 1 };
        match self.kind {
            Kind::Sgd => {
                let nesterov = momentum > 0.0;
                let buffers = if nesterov { slot(0) } else { Vec::new() };
                let settings = Sgd { lr, momentum, dampening: 0.0, weight_decay, nesterov };
                fused_sgd(&parameters, &gradients, &buffers, settings, false)?;
            }
            Kind::RmsProp => {
                let settings = RmsProp { lr, alpha: square_momentum, momentum, eps, weight_decay };
                rmsprop(&parameters, &gradients, &slot(0), &slot(1), settings)?;
            }
            Kind::AdamW => adamw(&parameters, &gradients, &slot(0), &slot(1), adam)?,
            Kind::Lamb => lamb(&parameters, &gradients, &slot(0), &slot(1), adam)?,
        }
        Ok(())
    }
}
