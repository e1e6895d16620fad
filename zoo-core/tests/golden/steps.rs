//! A training step in f64: loss, every gradient and every running statistic.

use tch::{Kind, Tensor};
use zoo_core::model::{Mode, ModelOptions};

use super::record::{Step, steps};
use super::{fill, model, plan};

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

fn assert_close(what: &str, ours: &[[f64; 2]], theirs: &[[f64; 2]], names: &[&str]) {
    assert_eq!(ours.len(), theirs.len(), "{what}s");
    let floor = FLOOR * theirs.iter().map(|[norm, _]| *norm).fold(0.0, f64::max);
    for ((ours, theirs), name) in ours.iter().zip(theirs).zip(names) {
        let bound = TOLERANCE * theirs[0].max(floor);
        let off = (ours[0] - theirs[0]).abs().max((ours[1] - theirs[1]).abs());
        assert!(off <= bound, "{what} {name}: {ours:?}, expected {theirs:?}");
    }
}

fn compare(step: &Step) {
    let plan = plan(&step.model, step.input_size, 10, step.padding.into());
    let options = ModelOptions { kind: Kind::Double, ..ModelOptions::default() };
    let model = model(plan, &options, &step.gains, step.bn_eps, Some(step.momentum));
    let images = fill::images(step.batch.into(), step.input_size.into(), Kind::Double);
    let labels = Tensor::arange(i64::from(step.batch), (Kind::Int64, tch::Device::Cpu)).remainder(10);
    let loss = model.forward(&images, Mode::Train).expect("a forward pass").cross_entropy_for_logits(&labels);
    loss.backward();
    let off = (loss.double_value(&[]) - step.loss).abs();
    assert!(off <= TOLERANCE * step.loss, "{}: loss {loss:?}, expected {}", step.model, step.loss);
    // Places count norms' statistics too, which stand behind their scale and shift.
    let norms = |op: usize| {
        model.plan().ops[..op].iter().filter(|op| matches!(op.kind, zoo_core::OpKind::BatchNorm(_))).count()
    };
    let (mut gradients, mut names) = (Vec::new(), Vec::new());
    for (index, parameter) in model.parameters().iter().enumerate() {
        let place = index + 2 * norms(parameter.op);
        gradients.push(summary(place as u64, &parameter.tensor.grad()));
        names.push(parameter.name.as_str());
    }
    assert_close(&format!("{}: gradient of", step.model), &gradients, &step.gradients, &names);
    let scales: Vec<usize> = (0..model.parameters().len()).filter(|index| is_scale(&model, *index)).collect();
    let (mut statistics, mut names) = (Vec::new(), Vec::new());
    for (index, buffer) in model.buffers().iter().enumerate() {
        let place = scales[index / 2] + 2 * (index / 2) + 2 + index % 2;
        statistics.push(summary(place as u64, &buffer.tensor));
        names.push(buffer.name.as_str());
    }
    assert_close(&format!("{}: statistic", step.model), &statistics, &step.statistics, &names);
}

fn is_scale(model: &zoo_core::model::Model, parameter: usize) -> bool {
    model.parameters()[parameter].role == zoo_core::model::Role::NormScale
}

#[test]
fn a_training_step_gives_the_libraries_gradients_and_statistics() {
    let steps = steps();
    for family in [
        "mobilenet-v1",
        "mobilenet-v2",
        "mobilenet-v3-large",
        "mobilenet-v3-small",
        "efficientnet-b",
        "efficientnet-lite",
    ] {
        assert!(steps.iter().any(|step| step.model.starts_with(family)), "no golden step of {family}");
    }
    steps.iter().for_each(compare);
}
