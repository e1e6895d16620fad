//! Memory of a long run, in a process of its own so that no other test disturbs the figure.
#![cfg(all(feature = "torch", target_os = "linux"))]

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_core::{Options, Plan, Registry};
use zoo_native::gradient::take_grads;
use zoo_native::sgd::{Sgd, fused_sgd};

const WARM_UP: usize = 40;
const STEPS: usize = 200;
/// An image batch of the steps below is 0.4 MB, what a step keeps for its backward pass several: a leak of either shows.
const MOST_GROWTH: u64 = 16 << 20;

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn memory_stays_flat_over_two_hundred_steps_with_evaluation() {
    tch::set_num_threads(1);
    let entry = Registry::default().find("mobilenet-v3-small-0.35").unwrap();
    let options = Options { input_size: 32.into(), classes: 10, drop_path: 0.2, ..entry.variant.options };
    let model = Model::new(Plan::new(entry.architecture, &options).unwrap(), &ModelOptions::default()).unwrap();
    let parameters: Vec<&Tensor> = model.parameters().iter().map(|parameter| &parameter.tensor).collect();
    let momentum: Vec<Tensor> = tch::no_grad(|| parameters.iter().map(|tensor| tensor.zeros_like()).collect());
    let settings = Sgd { lr: 0.01, momentum: 0.9, dampening: 0.0, weight_decay: 0.0, nesterov: true };
    let mut after_warm_up = 0;
    for step in 0..WARM_UP + STEPS {
        if step == WARM_UP {
            after_warm_up = resident();
        }
        let images = Tensor::randn([32, 3, 32, 32], (Kind::Float, Device::Cpu));
        let labels = Tensor::randint(10, [32], (Kind::Int64, Device::Cpu));
        model.forward(&images, Mode::Train).unwrap().cross_entropy_for_logits(&labels).backward();
        let gradients: Vec<Tensor> = take_grads(&parameters).unwrap().into_iter().flatten().collect();
        fused_sgd(&parameters, &gradients, &momentum, settings, step == 0).unwrap();
        let _ = tch::no_grad(|| model.forward(&images, Mode::Eval)).unwrap();
    }
    let growth = resident().saturating_sub(after_warm_up);
    assert!(growth < MOST_GROWTH, "{growth} bytes more after {STEPS} steps");
}
