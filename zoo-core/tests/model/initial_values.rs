//! The weights that a fresh network starts with.

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Model, ModelOptions, Role};
use zoo_core::{Convolution, Draw, Op, OpKind, Plan};

use super::{architectures, number, plan, same_bits, take_turn};

fn seeded(plan: Plan, seed: i64) -> Model {
    Model::new(plan, &ModelOptions { seed, ..ModelOptions::default() }).unwrap()
}

#[test]
fn networks_that_are_built_at_once_have_the_weights_of_their_seeds() {
    let _turn = take_turn();
    let plan = plan("mobilenet-v3-small", |options| options);
    let numbers = |seed: i64| -> Vec<Vec<f32>> {
        let model = seeded(plan.clone(), seed);
        model.parameters().iter().map(|parameter| parameter.tensor.reshape([-1]).try_into().unwrap()).collect()
    };
    let (expected, numbers) = ([numbers(1), numbers(2)], &numbers);
    std::thread::scope(|scope| {
        for (seed, expected) in (1..).zip(&expected) {
            scope.spawn(move || (0..10).for_each(|_| assert!(numbers(seed) == *expected, "seed {seed}")));
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_weights_and_another_one_others() {
    let _turn = take_turn();
    for name in super::FAMILIES {
        let plan = plan(name, |options| options);
        let one = seeded(plan.clone(), 5);
        // What was drawn in between must not matter.
        let _ = super::images(1, 7, 99);
        let (again, other) = (seeded(plan.clone(), 5), seeded(plan.clone(), 6));
        for ((one, again), other) in one.parameters().iter().zip(again.parameters()).zip(other.parameters()) {
            assert_eq!(one.name, again.name);
            assert!(same_bits(&one.tensor, &again.tensor), "{name} {}", one.name);
            let op = &plan.ops[one.op];
            let draw = if op.is_linear() { plan.rules.init.linear } else { plan.rules.init.conv };
            let is_drawn = draw == Draw::FanIn && !op.is_norm();
            let is_constant = one.role == Role::NormScale || (one.role == Role::Bias && !is_drawn);
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
            let init = architecture.rules.init;
            let draw = if op.is_linear() { init.linear } else { init.conv };
            match (parameter.role, op.kind, draw) {
                (_, OpKind::Gain(gain), _) => assert!(is_all(&parameter.tensor, gain.start), "{name}"),
                (Role::NormScale, ..) => assert!(is_all(&parameter.tensor, 1.0), "{name}"),
                (Role::Bias, OpKind::Conv(_) | OpKind::Linear(_), Draw::FanIn) => {
                    assert_uniform(&parameter.tensor, fan(op, op.input.c), &name);
                }
                (Role::Bias, ..) => assert!(is_all(&parameter.tensor, 0.0), "{name}"),
                (_, _, Draw::TruncatedNormal(std)) => {
                    // A normal cut at two of its deviations has 0.8796 of its deviation.
                    assert_deviation(&parameter.tensor, 0.8796 * std, &name);
                    assert!(largest(&parameter.tensor) <= 2.0 * std + 1e-6, "{name}");
                }
                (_, _, Draw::Normal(std)) => assert_deviation(&parameter.tensor, std, &name),
                (_, _, Draw::FanIn) => assert_uniform(&parameter.tensor, fan(op, op.input.c), &name),
                (_, OpKind::Linear(_), Draw::FanOut(least)) => {
                    assert_uniform(&parameter.tensor, fan(op, op.output.c).max(least.into()), &name);
                }
                (_, _, Draw::FanOut(_)) => {
                    assert_deviation(&parameter.tensor, (2.0 / fan(op, op.output.c)).sqrt(), &name);
                }
            }
        }
        for buffer in model.buffers() {
            let expected = if buffer.name.ends_with(".running_var") { 1.0 } else { 0.0 };
            assert!(is_all(&buffer.tensor, expected), "{} {}", variant.name, buffer.name);
        }
    }
}

#[test]
fn a_classifier_of_few_classes_starts_no_wider_than_one_of_as_many_as_the_table_says() {
    let _turn = take_turn();
    // The bounds of the libraries: U(±1/√1000) by the table's minimum, and U(±1/√512) of PyTorch's layers, biases too.
    for (name, fan, is_biased) in [("efficientnet-b0", 1000.0, false), ("resnet-18", 512.0, true)] {
        let model = seeded(plan(name, |options| zoo_core::Options { classes: 10, ..options }), 1);
        let [.., weight, bias] = model.parameters() else { panic!("{name} has a classifier") };
        assert_uniform(&weight.tensor, fan, name);
        assert_eq!(is_all(&bias.tensor, 0.0), !is_biased, "{name}");
        assert!(largest(&bias.tensor) <= 1.0 / fan.sqrt(), "{name}");
    }
}

/// Weights that meet where so many channels do.
fn fan(op: &Op, channels: u32) -> f64 {
    match op.kind {
        OpKind::Conv(Convolution { kernel, groups, .. }) => f64::from(kernel * kernel * channels) / f64::from(groups),
        _ => channels.into(),
    }
}

/// U(±1/√fan).
fn assert_uniform(tensor: &Tensor, fan: f64, name: &str) {
    let bound = 1.0 / fan.sqrt();
    assert_deviation(tensor, bound / 3f64.sqrt(), name);
    assert!(largest(tensor) <= bound + 1e-6, "{name}");
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
