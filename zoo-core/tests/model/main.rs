//! What a plan becomes as tensors: shapes, gradients, randomness, layout, precision and learning.
#![cfg(feature = "torch")]

mod activations;
mod deployed;
mod gradients;
mod initial_values;
mod learning;
mod limits;
mod padding;
mod precision;
mod regularisation;
mod shapes;
mod statistics;

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_core::{Architecture, Options, Plan, Registry};

/// One variant of each family that the tests train, small ones by preference.
const FAMILIES: [&str; 10] = [
    "mobilenet-v1-0.5",
    "mobilenet-v2-0.5",
    "mobilenet-v3-large-0.5",
    "mobilenet-v3-small",
    "mobilenet-v3-small-minimalistic",
    "efficientnet-b0",
    "efficientnet-lite0",
    "resnet-18",
    "regnet-y-400mf",
    "tutorial-mobilenet-v2-0.5",
];

/// libtorch has one generator and one set of threads for the whole process, so tests that use tensors take turns. One
/// thread of its own is enough for networks this small, and steady on a busy machine.
fn take_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    static THREADS: Once = Once::new();
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    THREADS.call_once(|| tch::set_num_threads(1));
    turn
}

/// Every table that the registry knows, once.
fn architectures() -> Vec<&'static Architecture> {
    let mut all: Vec<&'static Architecture> = Vec::new();
    for entry in Registry::default().entries() {
        if !all.iter().any(|known| known.family == entry.architecture.family) {
            all.push(entry.architecture);
        }
    }
    all
}

/// A plan for ten classes at 32 px with nothing dropped, changed by `change`.
fn plan(name: &str, change: impl FnOnce(Options) -> Options) -> Plan {
    let entry = Registry::default().find(name).unwrap();
    let options = Options { input_size: 32.into(), classes: 10, dropout: 0.0, drop_path: 0.0, ..entry.variant.options };
    Plan::new(entry.architecture, &change(options)).unwrap()
}

fn model(plan: Plan) -> Model {
    Model::new(plan, &ModelOptions::default()).unwrap()
}

/// `count` random images of the model's size, the same for the same seed.
fn images(count: i64, side: i64, seed: i64) -> Tensor {
    tch::manual_seed(seed);
    Tensor::randn([count, 3, side, side], (Kind::Float, Device::Cpu))
}

/// Logits, in evaluation without gradients.
fn logits(model: &Model, images: &Tensor, mode: Mode) -> Tensor {
    match mode {
        Mode::Train => model.forward(images, mode).unwrap(),
        Mode::Eval => tch::no_grad(|| model.forward(images, mode)).unwrap(),
    }
}

/// Equal to the last bit, as nothing that is not a number is equal to itself.
fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    a.size() == b.size() && a.equal(b)
}

fn is_finite(tensor: &Tensor) -> bool {
    tensor.isfinite().all().int64_value(&[]) == 1
}

fn number(tensor: &Tensor) -> f64 {
    tensor.double_value(&[])
}
