//! Forward passes in evaluation: logits, and mean and deviation of every stage.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_core::{Place, Plan, Registry};

use super::record::{Case, Network, names, network};
use super::{Filling, TOLERANCE, fill, model, plan};

/// How far a model is from a library.
#[derive(Debug)]
pub struct Difference {
    /// Of logits, as a share of the largest.
    pub logits: f64,
    /// Of a stage's mean or deviation, as a share of its deviation; the worst stage.
    pub stages: f64,
}

impl Difference {
    pub fn is_rounding(&self) -> bool {
        // Written so that not-a-number is none.
        self.logits <= TOLERANCE && self.stages <= TOLERANCE
    }
}

/// The network of a case of the variant `name`, from a plan that a control may have changed.
pub fn difference_of(name: &str, plan: Plan, case: &Case) -> Difference {
    let Case { library, places, gains, bn_eps, .. } = case;
    let filling = Filling { name, library, places: *places, gains, eps: *bn_eps, momentum: None };
    difference(&model(plan, &ModelOptions::default(), filling).0, case)
}

/// Runs `model` on the two images of `case`.
pub fn difference(model: &Model, case: &Case) -> Difference {
    let images = fill::images(2, case.input_size.into(), Kind::Float);
    let ends = stage_ends(model.plan());
    assert_eq!(ends.len(), case.stages.len(), "stages of {}", case.library);
    let mut stages = 0.0;
    let mut observe = |op: usize, output: &Tensor| {
        if let Some(stage) = ends.get(&op) {
            let [mean, deviation] = case.stages[*stage];
            let [our_mean, our_deviation] = statistics(output);
            stages = worst(stages, ((our_mean - mean) / deviation).abs());
            stages = worst(stages, ((our_deviation - deviation) / deviation).abs());
        }
    };
    let logits = tch::no_grad(|| model.forward_observed(&images, Mode::Eval, &mut observe)).expect("a forward pass");
    let expected = Tensor::from_slice(&case.logits.concat()).view(logits.size().as_slice());
    let off = (logits.to_kind(Kind::Double) - &expected).abs().max() / expected.abs().max();
    Difference { logits: off.double_value(&[]), stages }
}

/// The larger of the two, not-a-number being the largest.
fn worst(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

fn statistics(output: &Tensor) -> [f64; 2] {
    let output = output.to_kind(Kind::Double);
    [output.mean(None::<Kind>).double_value(&[]), output.std(false).double_value(&[])]
}

/// The last operation of each stage, and which stage.
fn stage_ends(plan: &Plan) -> BTreeMap<usize, usize> {
    let mut last = BTreeMap::new();
    for (index, op) in plan.ops.iter().enumerate() {
        if let Place::Stage { stage, .. } = op.place {
            last.insert(stage as usize, index);
        }
    }
    last.into_iter().map(|(stage, index)| (index, stage)).collect()
}

/// Compares every case of the variants whose names begin with `family`.
fn assert_equal(family: &str, asked: impl Fn(&Case) -> bool) {
    let mut compared = 0;
    for name in names().into_iter().filter(|name| name.starts_with(family)) {
        let Network { model, cases, .. } = network(&name);
        assert_eq!(model, name, "{name}.json is of another variant");
        for case in cases.iter().filter(|case| asked(case)) {
            let classes = case.logits[0].len() as u32;
            let plan = plan(&name, case.input_size, classes, case.padding.into());
            let difference = difference_of(&name, plan, case);
            let what = format!("{name} as in {}, {} px, {:?}", case.library, case.input_size, case.padding);
            assert!(difference.is_rounding(), "{what}: {difference:?}");
            compared += 1;
        }
    }
    assert!(compared > 0, "no golden values for {family}");
}

fn quick(case: &Case) -> bool {
    !case.long
}

#[test]
fn mobilenet_v1_computes_what_timms_does() {
    assert_equal("mobilenet-v1", quick);
}

#[test]
fn mobilenet_v2_computes_what_torchvisions_and_timms_do() {
    assert_equal("mobilenet-v2", quick);
}

#[test]
fn mobilenet_v3_large_computes_what_torchvisions_and_timms_do() {
    assert_equal("mobilenet-v3-large", quick);
}

#[test]
fn mobilenet_v3_small_computes_what_torchvisions_and_timms_do() {
    assert_equal("mobilenet-v3-small", quick);
}

#[test]
fn efficientnet_computes_what_torchvisions_and_timms_do() {
    assert_equal("efficientnet-b", quick);
}

#[test]
fn efficientnet_lite_computes_what_timms_does() {
    assert_equal("efficientnet-lite", quick);
}

#[test]
fn efficientnet_v2_computes_what_torchvisions_and_timms_do() {
    assert_equal("efficientnet-v2", quick);
}

#[test]
fn convnext_computes_what_torchvisions_and_timms_do() {
    assert_equal("convnext", quick);
}

#[test]
fn mobilenet_v4_computes_what_timms_does() {
    assert_equal("mobilenet-v4", quick);
}

#[test]
fn mnasnet_computes_what_torchvisions_and_timms_do() {
    assert_equal("mnasnet", quick);
}

#[test]
fn shufflenet_v2_computes_what_torchvisions_does() {
    assert_equal("shufflenet-v2", quick);
}

#[test]
fn ghostnet_computes_what_timms_does() {
    assert_equal("ghostnet", quick);
}

#[test]
fn resnet_computes_what_torchvisions_and_timms_do() {
    assert_equal("resnet", quick);
}

#[test]
fn regnet_computes_what_torchvisions_and_timms_do() {
    assert_equal("regnet", quick);
}

#[test]
#[ignore = "EfficientNet B6 to B8, V2-M and -L at their own input sizes take minutes"]
fn the_largest_inputs_agree_too() {
    assert_equal("efficientnet-", |case| case.long);
}

#[test]
fn every_variant_that_a_library_has_is_compared() {
    let known = names();
    let all: Vec<&str> = Registry::default().entries().map(|entry| entry.variant.name).collect();
    let ours = all.iter().filter(|name| !name.starts_with("tutorial-"));
    let missing: Vec<_> = ours.filter(|name| !known.iter().any(|known| known == *name)).collect();
    assert!(missing.is_empty(), "no golden values for {missing:?}");
    let stray: Vec<_> = known.iter().filter(|name| !all.contains(&name.as_str())).collect();
    assert!(stray.is_empty(), "golden values of no variant: {stray:?}");
}
