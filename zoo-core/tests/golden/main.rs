//! The zoo's networks compute what torchvision's and timm's compute, to rounding.
//!
//! No weights are stored: both sides fill tensors and images from one formula (`fill.rs`). The JSON files hold what the
//! libraries give, in f64; they are made by `python3 scripts/golden.py`, and `scripts/README.md` says what is in them.
#![cfg(feature = "torch")]

mod controls;
mod fill;
mod layouts;
mod networks;
mod places;
mod record;
mod steps;

use std::sync::Once;

use zoo_core::model::{Model, ModelOptions};
use zoo_core::{Options, Padding, Plan, Registry};

use places::Places;

/// Share of the largest logit, or of a stage's deviation, that f32 may be off by.
const TOLERANCE: f64 = 1e-4;

/// Tests of these tensors run beside each other and draw nothing at random; each is content with one thread.
fn one_thread() {
    static THREADS: Once = Once::new();
    THREADS.call_once(|| tch::set_num_threads(1));
}

/// The plan of a variant with nothing dropped.
fn plan(name: &str, input_size: u32, classes: u32, padding: Padding) -> Plan {
    let entry = Registry::default().find(name).expect("golden values are of variants");
    let variant = entry.variant.options;
    let options = Options { input_size: input_size.into(), classes, padding, dropout: 0.0, drop_path: 0.0, ..variant };
    Plan::new(entry.architecture, &options).expect("golden values are of networks")
}

/// How a model is filled: the formula's gains, and the constants of the library's batch norms.
#[derive(Clone, Copy)]
struct Filling<'a> {
    name: &'a str,
    library: &'a str,
    places: places::Order,
    gains: &'a [f64],
    eps: Option<f64>,
    momentum: Option<f64>,
}

/// A model with the formula's values, and where its tensors stand.
fn model(plan: Plan, options: &ModelOptions, filling: Filling<'_>) -> (Model, Places) {
    one_thread();
    let mut model = Model::new(plan, options).expect("libtorch builds it");
    let places = Places::of(&model, filling.places, filling.name, filling.library);
    fill::fill(&model, filling.gains, &places);
    model.set_norms(filling.eps, filling.momentum);
    (model, places)
}
