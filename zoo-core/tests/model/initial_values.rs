//! The weights that a fresh network starts with.

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Model, ModelOptions, Role};
use zoo_core::plan::Init;
use zoo_core::{Convolution, OpKind, Plan};

use super::{architectures, number, plan, same_bits, take_turn};

fn seeded(plan: Plan, seed: i64) -> Model {
    Model::new(plan, &ModelOptions { seed, ..ModelOptions::default() }).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_weights_and_another_one_others() {
    let _turn = take_turn();
    for name in super::FAMILIES {
        let plan = plan(name, |options| options);
        let one = seeded(plan.clone(), 5);
        // What was drawn in between must not matter.
        let _ = super::images(1, 7, 99);
        let (again, other) = (seeded(plan.clone(), 5), seeded(plan, 6));
        for ((one, again), other) in one.parameters().iter().zip(again.parameters()).zip(other.parameters()) {
            assert_eq!(one.name, again.name);
            assert!(same_bits(&one.tensor, &again.tensor), "{name} {}", one.name);
            let is_constant = one.role == Role::NormScale || one.role == Role::Bias;
            assert_eq!(same_bits(&one.tensor, &other.tensor), is_constant, "{name} {}", one.name);
        }
    }
}

#[test]
fn making_a_model_leaves_the_generator_where_it_was() {
    let _turn = take_turn();
    let at = (Kind::Float, Device::Cpu);
    tch::manual_seed(3);
    let (first, second) = (Tensor::randn([4], at), Tensor::randn([4], at));
    tch::manual_seed(3);
    let again = Tensor::randn([4], at);
    let _ = seeded(plan("mobilenet-v1-0.5", |options| options), 5);
    assert!(same_bits(&first, &again) && same_bits(&second, &Tensor::randn([4], at)));
}

#[test]
fn initial_values_follow_the_tables_word() {
    let _turn = take_turn();
    for architecture in architectures() {
        let variant = &architecture.variants[0];
        let model = seeded(Plan::new(architecture, &variant.options).unwrap(), 1);
        for parameter in model.parameters() {
            let op = &model.plan().ops[parameter.op];
            let name = format!("{} {}", variant.name, parameter.name);
            match (parameter.role, op.kind, architecture.rules.init) {
                (_, OpKind::Gain(gain), _) => assert!(is_all(&parameter.tensor, gain.start), "{name}"),
                (Role::NormScale, ..) => assert!(is_all(&parameter.tensor, 1.0), "{name}"),
                (Role::Bias, ..) => assert!(is_all(&parameter.tensor, 0.0), "{name}"),
                (_, _, Init::TruncatedNormal(std)) => {
                    // A normal cut at two of its deviations has 0.8796 of its deviation.
                    assert_deviation(&parameter.tensor, 0.8796 * std, &name);
                    assert!(largest(&parameter.tensor) <= 2.0 * std + 1e-6, "{name}");
                }
                (_, OpKind::Conv(Convolution { kernel, groups, .. }), Init::FanOut) => {
                    let fan_out = f64::from(kernel * kernel * op.output.c) / f64::from(groups);
                    assert_deviation(&parameter.tensor, (2.0 / fan_out).sqrt(), &name);
                }
                (_, _, Init::FanOut) => {
                    let bound = 1.0 / f64::from(op.output.c).sqrt();
                    assert_deviation(&parameter.tensor, bound / 3f64.sqrt(), &name);
                    assert!(largest(&parameter.tensor) <= bound + 1e-6, "{name}");
                }
            }
        }
        for buffer in model.buffers() {
            let expected = if buffer.name.ends_with(".running_var") { 1.0 } else { 0.0 };
            assert!(is_all(&buffer.tensor, expected), "{} {}", variant.name, buffer.name);
        }
    }
}

fn is_all(tensor: &Tensor, value: f64) -> bool {
    largest(&(tensor.detach() - value)) == 0.0
}

fn largest(tensor: &Tensor) -> f64 {
    number(&tensor.detach().abs().max())
}

/// Mean zero and the deviation given, within six standard errors: some thousand tensors are looked at.
fn assert_deviation(tensor: &Tensor, expected: f64, name: &str) {
    let tensor = tensor.detach().to_kind(tch::Kind::Double);
    let count = tensor.numel() as f64;
    let (deviation, mean) = (number(&tensor.std(false)), number(&tensor.mean(None)));
    assert!((deviation / expected - 1.0).abs() < 6.0 / (2.0 * count).sqrt(), "{name}: {deviation}, not {expected}");
    assert!(mean.abs() < 6.0 * expected / count.sqrt(), "{name}: mean {mean}");
}
