//! A network that can be trained learns a single batch by heart.

use std::time::Instant;

use tch::{Kind, Reduction, Tensor};
use zoo_core::model::{Mode, Model};
use zoo_native::gradient::take_grads;
use zoo_native::sgd::{Sgd, fused_sgd};

use super::{images, model, plan, take_turn};

const MOST_STEPS: usize = 150;
const MOST_SECONDS: u64 = 60;

/// Steps of SGD until the loss is under 0.05, or the last loss.
fn steps_to_learn(model: &Model, rate: f64) -> Result<usize, f64> {
    let (batch, labels) = (images(32, 32, 7), Tensor::arange(32, (Kind::Int64, tch::Device::Cpu)).remainder(10));
    let parameters: Vec<&Tensor> = model.parameters().iter().map(|parameter| &parameter.tensor).collect();
    let momentum: Vec<Tensor> = tch::no_grad(|| parameters.iter().map(|tensor| tensor.zeros_like()).collect());
    let settings = Sgd { lr: rate, momentum: 0.9, dampening: 0.0, weight_decay: 0.0, nesterov: true };
    let mut last = f64::NAN;
    for step in 0..MOST_STEPS {
        let logits = model.forward(&batch, Mode::Train).unwrap();
        let loss = logits.cross_entropy_loss::<Tensor>(&labels, None, Reduction::Mean, -100, 0.0);
        last = loss.double_value(&[]);
        if last < 0.05 {
            return Ok(step);
        }
        loss.backward();
        let gradients: Vec<Tensor> = take_grads(&parameters).unwrap().into_iter().flatten().collect();
        fused_sgd(&parameters, &gradients, &momentum, settings, step == 0).unwrap();
    }
    Err(last)
}

#[test]
fn every_family_learns_one_batch_by_heart() {
    let _turn = take_turn();
    let begun = Instant::now();
    for name in super::FAMILIES {
        let started = Instant::now();
        let found = steps_to_learn(&model(plan(name, |options| options)), 0.05);
        println!("{name}: {found:?} steps, {:.1} s", started.elapsed().as_secs_f64());
        assert!(found.is_ok(), "{name} is at loss {found:?} after {MOST_STEPS} steps");
    }
    let seconds = begun.elapsed().as_secs();
    assert!(seconds < MOST_SECONDS, "{seconds} s");
}
