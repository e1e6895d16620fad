//! Optimizers with state that can be saved, and which parameters are decayed.
//!
//! tch's optimizers have no state to save, and none of libtorch's fused kernels; these step all tensors of a group in
//! one call of zoo-native.

use std::collections::BTreeMap;

use tch::Tensor;
use zoo_core::model::{Model, Parameter, Role};
use zoo_native::gradient;
use zoo_native::optimizer::{Adam, RmsProp, adamw, lamb, rmsprop};
use zoo_native::sgd::{Sgd, fused_sgd};

use zoo_settings::Settings;
use zoo_settings::optimizer::{Decayed, Kind};

use super::TrainError;

/// What it keeps for each parameter, and the value that it starts from.
fn slots(kind: Kind) -> &'static [(&'static str, f64)] {
    match kind {
        Kind::Sgd => &[("momentum", 0.0)],
        // TensorFlow starts the mean square at one: the first steps are short, where from zero they would be huge.
        Kind::RmsProp => &[("square", 1.0), ("momentum", 0.0)],
        Kind::AdamW | Kind::Lamb => &[("first", 0.0), ("second", 0.0)],
    }
}

/// Whether weight decay is applied to `parameter`.
fn is_decayed(decayed: Decayed, parameter: &Parameter) -> bool {
    match parameter.role {
        Role::Weight => true,
        Role::DepthwiseWeight => decayed != Decayed::Dense,
        Role::NormScale | Role::Bias => decayed == Decayed::All,
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
    /// Which one.
    pub kind: Kind,
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
    /// Updates that each parameter has had: fewer than there were steps, where it was frozen at first.
    pub updates: Vec<u64>,
}

/// What the parameters of one call of a kernel share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    is_decayed: bool,
    is_backbone: bool,
    /// Updates with this one, where the optimizer counts them.
    updates: u64,
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
        let kind = settings.optimizer.optimizer;
        let fresh = |(name, value): &(&'static str, f64)| -> Result<Slot, TrainError> {
            let full = |parameter: &Parameter| Ok(parameter.tensor.f_full_like(*value)?.f_detach()?);
            Ok(Slot { name, tensors: model.parameters().iter().map(full).collect::<Result<_, TrainError>>()? })
        };
        let (square_momentum, eps) = match kind {
            Kind::Sgd => (0.0, 0.0),
            Kind::RmsProp => (0.9, 1e-3),
            Kind::AdamW => (0.999, 1e-8),
            Kind::Lamb => (0.999, 1e-6),
        };
        Ok(Optimizer {
            kind,
            momentum: settings.optimizer.momentum,
            square_momentum: settings.optimizer.square_momentum.unwrap_or(square_momentum),
            eps: settings.optimizer.optimizer_eps.unwrap_or(eps),
            weight_decay: settings.optimizer.weight_decay,
            decayed: settings.optimizer.decayed,
            clip_norm: settings.optimizer.clip_norm,
            clip_value: settings.optimizer.clip_value,
            backbone_scale: settings.network.backbone_lr_scale.unwrap_or(1.0),
            updates: vec![0; model.parameters().len()],
            slots: tch::no_grad(|| slots(kind).iter().map(fresh).collect::<Result<_, TrainError>>())?,
        })
    }

    /// A step with the gradients of the last backward pass, which are used up. Parameters without one stay as they are.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn step(&mut self, model: &Model, rate: f64) -> Result<(), TrainError> {
        let tensors: Vec<&Tensor> = model.parameters().iter().map(|parameter| &parameter.tensor).collect();
        let gradients = gradient::take_grads(&tensors)?;
        let present: Vec<&Tensor> = gradients.iter().flatten().collect();
        if let Some(limit) = self.clip_norm {
            gradient::clip_norm(&present, limit)?;
        }
        if let Some(limit) = self.clip_value {
            gradient::clip_value(&present, limit)?;
        }
        let backbone = model.plan().backbone();
        let mut groups: BTreeMap<Group, Vec<Member>> = BTreeMap::new();
        for (index, (own, gradient)) in model.parameters().iter().zip(&gradients).enumerate() {
            let Some(gradient) = gradient else { continue };
            self.updates[index] += 1;
            let group = Group {
                is_decayed: is_decayed(self.decayed, own),
                is_backbone: own.op < backbone,
                updates: if self.kind.counts_updates() { self.updates[index] } else { 0 },
            };
            let state = self.slots.iter().map(|slot| &slot.tensors[index]).collect();
            groups.entry(group).or_default().push(Member { parameter: &own.tensor, gradient, state });
        }
        groups.iter().try_for_each(|(group, members)| self.step_group(*group, members, rate))
    }

    fn step_group(&self, group: Group, members: &[Member], rate: f64) -> Result<(), TrainError> {
        let lr = if group.is_backbone { rate * self.backbone_scale } else { rate };
        let weight_decay = if group.is_decayed { self.weight_decay } else { 0.0 };
        let parameters: Vec<&Tensor> = members.iter().map(|member| member.parameter).collect();
        let gradients: Vec<&Tensor> = members.iter().map(|member| member.gradient).collect();
        let slot = |slot: usize| members.iter().map(|member| member.state[slot]).collect::<Vec<_>>();
        let Optimizer { momentum, square_momentum, eps, .. } = *self;
        let adam = Adam { lr, betas: (momentum, square_momentum), eps, weight_decay, step: group.updates };
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

#[cfg(test)]
mod tests {
    use tch::Kind as Numbers;
    use zoo_core::arch::MOBILENET_V2;
    use zoo_core::model::ModelOptions;
    use zoo_core::{Options, Plan};

    use super::*;

    fn model() -> Model {
        let options = Options { width: 0.35, input_size: 32.into(), classes: 10, ..Options::DEFAULT };
        Model::new(Plan::new(&MOBILENET_V2, &options).unwrap(), &ModelOptions::default()).unwrap()
    }

    fn optimizer(model: &Model, settings: &str) -> Optimizer {
        let settings = format!("model = \"mobilenet-v2\"\n{settings}").parse().unwrap();
        Optimizer::new(model, &Settings::layered(None, settings).unwrap().0).unwrap()
    }

    /// Leaves `value` as the gradient of every parameter of the operations from `first` on.
    fn differentiate(model: &Model, first: usize, value: f64) {
        let sums = model.parameters().iter().filter(|parameter| parameter.op >= first);
        let sum = sums.fold(Tensor::from(0.0_f32), |sum, parameter| sum + parameter.tensor.sum(Numbers::Float));
        (sum * value).backward();
    }

    fn values(model: &Model) -> Vec<Tensor> {
        tch::no_grad(|| model.parameters().iter().map(|parameter| parameter.tensor.copy()).collect())
    }

    /// Largest change of any number of each parameter.
    fn changes(model: &Model, before: &[Tensor]) -> Vec<f64> {
        let pairs = model.parameters().iter().zip(before);
        tch::no_grad(|| pairs.map(|(own, before)| (&own.tensor - before).abs().max().double_value(&[])).collect())
    }

    #[test]
    fn decay_holds_for_the_roles_that_it_names() {
        let roles = [Role::Weight, Role::DepthwiseWeight, Role::NormScale];
        for (decayed, expected) in
            [("weights", [true, true, false]), ("dense", [true, false, false]), ("all", [true, true, true])]
        {
            let model = model();
            let mut optimizer =
                optimizer(&model, &format!("momentum = 0.0\nweight_decay = 0.5\ndecayed = \"{decayed}\""));
            let before = values(&model);
            differentiate(&model, 0, 0.0);
            optimizer.step(&model, 0.1).unwrap();
            let changes = changes(&model, &before);
            for (role, expected) in roles.into_iter().zip(expected) {
                let of_role = model.parameters().iter().zip(&changes).filter(|(parameter, _)| parameter.role == role);
                let changed: Vec<bool> = of_role.map(|(_, change)| *change > 0.0).collect();
                assert!(!changed.is_empty() && changed.iter().all(|found| *found == expected), "{decayed}, {role:?}");
            }
        }
    }

    /// Adam's first step has the length of the learning rate, whenever it comes.
    #[test]
    fn a_parameter_that_is_freed_late_starts_as_others_did() {
        for name in ["adamw", "lamb"] {
            let model = model();
            let mut optimizer = optimizer(&model, &format!("optimizer = \"{name}\"\nweight_decay = 0.0"));
            let classifier = model.plan().backbone();
            for _ in 0..5 {
                differentiate(&model, classifier, 0.25);
                optimizer.step(&model, 0.01).unwrap();
            }
            let before = values(&model);
            differentiate(&model, 0, 0.25);
            optimizer.step(&model, 0.01).unwrap();
            let changes = changes(&model, &before);
            for (parameter, change) in model.parameters().iter().zip(changes) {
                assert!((change - 0.01).abs() < 1e-4, "{name}, {}: {change}", parameter.name);
            }
        }
    }
}
