//! Odd options and odd inputs: an answer or an error, never a panic.

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Mode, ModelError};
use zoo_core::{Options, Plan, PlanError, Registry, Shape};

use super::{architectures, images, is_finite, model, plan, take_turn};

#[test]
fn efficientnet_b8_at_odd_options_is_a_plan_or_an_error() {
    let entry = Registry::default().find("efficientnet-b8").unwrap();
    let base = entry.variant.options;
    let plan = |options: Options| Plan::new(entry.architecture, &options);
    let deep = plan(Options { depth: 4.0, ..base }).unwrap();
    assert!(deep.cost.params > 87_413_142 && deep.blocks() > 60);
    assert_eq!(plan(Options { input_size: 1.into(), ..base }).unwrap().cost.params, 87_413_142);
    for wrong in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e9] {
        assert!(matches!(plan(Options { width: wrong, ..base }), Err(PlanError::Width(_))), "width {wrong}");
        assert!(matches!(plan(Options { depth: wrong, ..base }), Err(PlanError::Depth(_))), "depth {wrong}");
    }
    for wrong in [-0.1, 1.0, f64::NAN, 1e9] {
        assert!(matches!(plan(Options { dropout: wrong, ..base }), Err(PlanError::Dropout(_))), "dropout {wrong}");
        assert!(matches!(plan(Options { drop_path: wrong, ..base }), Err(PlanError::DropPath(_))), "drop-path {wrong}");
    }
    for wrong in [0, 65_536, 1_000_000_000, u32::MAX] {
        assert!(
            matches!(plan(Options { input_size: wrong.into(), ..base }), Err(PlanError::InputSize(_))),
            "input {wrong}"
        );
    }
    for wrong in [0, 1_000_001, u32::MAX] {
        assert!(matches!(plan(Options { classes: wrong, ..base }), Err(PlanError::Classes(_))), "classes {wrong}");
    }
}

#[test]
fn every_variant_answers_to_every_combination_of_odd_options() {
    let floats = [f64::MIN_POSITIVE, 1e-9, 0.1, 4.0, 64.0];
    for entry in Registry::default().entries() {
        for width in floats {
            for depth in floats {
                for input_size in [1, 2, 65_535] {
                    let options =
                        Options { width, depth, input_size: input_size.into(), classes: 1, ..entry.variant.options };
                    if let Err(error) = Plan::new(entry.architecture, &options) {
                        assert!(error.to_string().len() > 20, "{error}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_profile_that_is_not_there_is_no_panic() {
    for architecture in architectures() {
        let options = Options { profile: u32::MAX, ..architecture.variants[0].options };
        let _ = Plan::new(architecture, &options);
    }
}

#[test]
fn one_pixel_gives_logits_or_an_error() {
    let _turn = take_turn();
    for architecture in architectures() {
        let variant = &architecture.variants[0];
        let options = Options { input_size: 1.into(), classes: 3, ..variant.options };
        let plan = match Plan::new(architecture, &options) {
            // Patches without padding need as many pixels as their side.
            Err(PlanError::SmallMap { .. }) => continue,
            plan => plan.unwrap(),
        };
        for count in [0, 1, 2] {
            for mode in [Mode::Eval, Mode::Train] {
                match tch::no_grad(|| model(plan.clone()).forward(&images(count, 1, 1), mode)) {
                    Ok(logits) => {
                        assert_eq!(logits.size(), [count, 3], "{}", variant.name);
                        assert!(is_finite(&logits), "{}", variant.name);
                    }
                    Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
                }
            }
        }
    }
}

#[test]
fn training_on_one_value_a_channel_does_not_spoil_the_running_statistics() {
    let _turn = take_turn();
    // At 32 px the last maps are a pixel each: with a single image their variance has no unbiased estimate.
    let model = model(plan("mobilenet-v2-0.35", |options| options));
    let _ = tch::no_grad(|| model.forward(&images(1, 32, 1), Mode::Train));
    for buffer in model.buffers() {
        assert!(is_finite(&buffer.tensor), "{} is no number any more", buffer.name);
    }
}

#[test]
fn images_of_another_shape_are_refused_with_both_sizes() {
    let _turn = take_turn();
    let model = model(plan("mobilenet-v2-0.35", |options| options));
    for shape in [vec![2, 3, 31, 32], vec![2, 3, 64, 64], vec![2, 1, 32, 32], vec![3, 32, 32], vec![]] {
        let images = Tensor::zeros(&shape, (Kind::Float, Device::Cpu));
        let error = model.forward(&images, Mode::Eval).unwrap_err();
        assert!(matches!(error, ModelError::Input { expected: Shape { h: 32, .. }, .. }), "{error}");
        assert!(error.to_string().contains("32 x 32") && error.to_string().contains(&format!("{shape:?}")), "{error}");
    }
}

#[test]
fn images_of_another_kind_are_an_error() {
    let _turn = take_turn();
    let model = model(plan("mobilenet-v2-0.35", |options| options));
    for kind in [Kind::Double, Kind::Int64] {
        let images = Tensor::zeros([2, 3, 32, 32], (kind, Device::Cpu));
        let error = tch::no_grad(|| model.forward(&images, Mode::Eval)).unwrap_err();
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

#[test]
fn values_that_are_no_numbers_come_out_as_such() {
    let _turn = take_turn();
    let model = model(plan("mobilenet-v2-0.35", |options| options));
    let batch = images(2, 32, 1);
    let _ = batch.get(0).fill_(f64::NAN);
    let logits = tch::no_grad(|| model.forward(&batch, Mode::Eval)).unwrap();
    assert!(!is_finite(&logits.get(0)) && is_finite(&logits.get(1)));
}
