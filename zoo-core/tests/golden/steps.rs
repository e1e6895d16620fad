//! A training step in f64: loss, every gradient and every running statistic.

use tch::{Kind, Tensor};
use zoo_core::model::{Mode, ModelOptions};

use super::record::{Step, steps};
use super::{Filling, fill, model, plan};

/// Share by which a norm may differ; both sides compute in f64.
const TOLERANCE: f64 = 1e-6;
/// Shifts that the next norm takes out have a gradient of zero but for rounding: the least that differences are measured
/// by, as a share of the largest gradient.
const FLOOR: f64 = 1e-3;

/// Norm of a tensor, and its product with the formula's numbers.
fn summary(place: u64, tensor: &Tensor) -> [f64; 2] {
    let flat = tensor.contiguous().view(-1).to_kind(Kind::Double);
    let units: Vec<f64> = (0..flat.numel() as u64).map(|element| fill::unit(place, element)).collect();
    [flat.norm().double_value(&[]), flat.dot(&Tensor::from_slice(&units)).double_value(&[])]
}

/// Compares tensors, given with place and name, with the library's, which come by their places.
fn assert_close(what: &str, mut ours: Vec<(u64, &str, Tensor)>, theirs: &[[f64; 2]]) {
    assert_eq!(ours.len(), theirs.len(), "{what}s");
    ours.sort_by_key(|(place, ..)| *place);
    let floor = FLOOR * theirs.iter().map(|[norm, _]| *norm).fold(0.0, f64::max);
    for ((place, name, tensor), theirs) in ours.iter().zip(theirs) {
        let ours = summary(*place, tensor);
        let bound = TOLERANCE * theirs[0].max(floor);
        let off = (ours[0] - theirs[0]).abs().max((ours[1] - theirs[1]).abs());
        assert!(off <= bound, "{what} {name}: {ours:?}, expected {theirs:?}");
    }
}

fn compare(step: &Step) {
    let plan = plan(&step.model, step.input_size, 10, step.padding.into());
    let options = ModelOptions { kind: Kind::Double, ..ModelOptions::default() };
    let Step { model: name, library, places, gains, bn_eps, momentum, .. } = step;
    let filling = Filling { name, library, places: *places, gains, eps: *bn_eps, momentum: Some(*momentum) };
    let (model, places) = model(plan, &options, filling);
    let images = fill::images(step.batch.into(), step.input_size.into(), Kind::Double);
    let labels = Tensor::arange(i64::from(step.batch), (Kind::Int64, tch::Device::Cpu)).remainder(10);
    let loss = model.forward(&images, Mode::Train).expect("a forward pass").cross_entropy_for_logits(&labels);
    loss.backward();
    let off = (loss.double_value(&[]) - step.loss).abs();
    assert!(off <= TOLERANCE * step.loss, "{}: loss {loss:?}, expected {}", step.model, step.loss);
    let gradients = model.parameters().iter().zip(&places.parameters);
    let gradients = gradients.map(|(parameter, place)| (*place, parameter.name.as_str(), parameter.tensor.grad()));
    assert_close(&format!("{}: gradient of", step.model), gradients.collect(), &step.gradients);
    let statistics = model.buffers().iter().zip(&places.buffers);
    let statistics = statistics.map(|(buffer, place)| (*place, buffer.name.as_str(), buffer.tensor.shallow_clone()));
    assert_close(&format!("{}: statistic", step.model), statistics.collect(), &step.statistics);
}

#[test]
fn a_training_step_gives_the_libraries_gradients_and_statistics() {
    let steps = steps();
    for family in [
        "mobilenet-v1",
        "mobilenet-v2",
        "mobilenet-v3-large",
        "mobilenet-v3-small",
        "mobilenet-v4",
        "efficientnet-b",
        "efficientnet-lite",
        "mnasnet",
        "shufflenet-v2",
        "ghostnet",
        "resnet",
        "regnet",
        "efficientnet-v2",
        "convnext",
    ] {
        assert!(steps.iter().any(|step| step.model.starts_with(family)), "no golden step of {family}");
    }
    steps.iter().for_each(compare);
}
