//! Networks that are wrong in one place fail the comparison.

use zoo_core::{Activation, Convolution, Op, OpKind, Padding, Place, Plan};

use super::networks::{Difference, difference_of};
use super::plan;
use super::record::{Case, Network, network};

const FAMILIES: [&str; 7] = [
    "mobilenet-v1-0.25",
    "mobilenet-v2-0.35",
    "mobilenet-v3-large-0.5",
    "mobilenet-v3-small",
    "efficientnet-b0",
    "efficientnet-lite0",
    "mobilenet-v4-conv-small",
];
/// Too large to try each of its activations.
const LARGE: &str = "efficientnet-v2-s";

/// Networks with one padding only.
const SYMMETRIC: [&str; 5] = ["mnasnet-0.5", "shufflenet-v2-0.5", "ghostnet-0.5", "resnet-18", "regnet-y-400mf"];

/// Every family with a padding that it has golden values of.
fn padded() -> impl Iterator<Item = (&'static str, Padding)> {
    let families = FAMILIES.into_iter().map(|name| (name, Padding::Same));
    families.chain(SYMMETRIC.into_iter().map(|name| (name, Padding::Symmetric)))
}

/// The variant's golden values, and of its cases the smallest with that padding.
fn smallest(name: &str, padding: Padding) -> (Network, usize) {
    let golden = network(name);
    let cases = golden.cases.iter().enumerate().filter(|(_, case)| Padding::from(case.padding) == padding);
    let (index, _) = cases.min_by_key(|(_, case)| case.input_size).expect("a case of each padding");
    (golden, index)
}

fn plan_of(golden: &Network, case: &Case) -> Plan {
    plan(&golden.model, case.input_size, case.logits[0].len() as u32, case.padding.into())
}

/// How far the variant is off once `change` has been at its plan.
fn off(name: &str, padding: Padding, change: impl FnOnce(&mut Plan)) -> Difference {
    let (golden, index) = smallest(name, padding);
    let case = &golden.cases[index];
    let mut plan = plan_of(&golden, case);
    change(&mut plan);
    difference_of(name, plan, case)
}

fn other(activation: Activation) -> Activation {
    match activation {
        Activation::Relu => Activation::HardSwish,
        Activation::Relu6 | Activation::Table => Activation::Relu,
        Activation::Silu => Activation::HardSwish,
        Activation::HardSwish | Activation::Gelu => Activation::Silu,
        Activation::Sigmoid => Activation::HardSigmoid,
        Activation::HardSigmoid => Activation::Sigmoid,
    }
}

#[test]
fn an_activation_swapped_for_its_nearest_is_seen() {
    for (name, padding) in padded() {
        let (golden, index) = smallest(name, padding);
        let case = &golden.cases[index];
        let right = plan_of(&golden, case);
        for (index, op) in right.ops.iter().enumerate() {
            let OpKind::Act(activation) = op.kind else { continue };
            let mut wrong = right.clone();
            wrong.ops[index].kind = OpKind::Act(other(activation));
            let difference = difference_of(name, wrong, case);
            assert!(!difference.is_rounding(), "{name}, {}: {difference:?}", op.name());
        }
    }
}

#[test]
fn branches_that_change_places_are_seen() {
    for name in ["shufflenet-v2-0.5", "ghostnet-0.5"] {
        let difference = off(name, Padding::Symmetric, |plan| {
            let concat = plan.ops.iter_mut().find(|op| matches!(op.kind, OpKind::Concat(_))).expect("a concatenation");
            concat.inputs.values_mut().reverse();
        });
        assert!(!difference.is_rounding(), "{name}: {difference:?}");
    }
}

#[test]
fn channels_that_keep_their_places_are_seen() {
    let difference = off("shufflenet-v2-0.5", Padding::Symmetric, |plan| {
        let shuffle = plan.ops.iter_mut().find(|op| matches!(op.kind, OpKind::Shuffle(_))).expect("a shuffle");
        shuffle.kind = OpKind::Shuffle(zoo_core::op::Shuffle { groups: 1 });
    });
    assert!(!difference.is_rounding(), "{difference:?}");
}

/// The strided convolution at the head of stage `from` lends its stride to a block that has no residual.
fn move_stride(plan: &mut Plan, from: u32, to: (u32, u32)) {
    let depthwise = |stage: u32, block: u32| {
        let place = Place::Stage { stage, block };
        plan.ops.iter().position(|op| op.place == place && op.is_depthwise()).expect("a block with a depthwise layer")
    };
    let places = [(depthwise(from, 0), 2, 1), (depthwise(to.0, to.1), 1, 2)];
    for (index, before, after) in places {
        let OpKind::Conv(Convolution { stride, .. }) = &mut plan.ops[index].kind else {
            unreachable!("a depthwise layer")
        };
        assert_eq!(*stride, before);
        *stride = after;
    }
}

#[test]
fn a_stride_one_stage_too_early_is_seen() {
    let moves = [(4, (3, 1)), (5, (4, 0)), (5, (4, 0)), (4, (3, 0)), (5, (4, 0)), (5, (4, 0))];
    for (name, (from, to)) in FAMILIES.into_iter().zip(moves).chain([(LARGE, (5, (4, 0)))]) {
        // With symmetric padding a forward pass asks the plan for no shape.
        let difference = off(name, Padding::Symmetric, |plan| move_stride(plan, from, to));
        assert!(!difference.is_rounding(), "{name}: {difference:?}");
    }
}

#[test]
fn a_stride_at_the_other_convolution_of_a_block_is_seen() {
    for (name, from, to) in
        [("resnet-18", "conv1", "conv2"), ("resnet-50", "conv2", "conv1"), ("regnet-y-400mf", "conv2", "conv1")]
    {
        let difference = off(name, Padding::Symmetric, |plan| {
            for (part, stride) in [(from, 1), (to, 2)] {
                let place = Place::Stage { stage: 1, block: 0 };
                let op = plan.ops.iter_mut().find(|op| op.place == place && op.part == part).expect("a convolution");
                let OpKind::Conv(convolution) = &mut op.kind else { unreachable!("the first of its part") };
                assert_eq!(convolution.stride, 3 - stride);
                convolution.stride = stride;
            }
        });
        assert!(!difference.is_rounding(), "{name}: {difference:?}");
    }
}

#[test]
fn a_stride_on_the_other_depthwise_convolution_of_a_block_is_seen() {
    let difference = off("mobilenet-v4-conv-small", Padding::Symmetric, |plan| {
        let place = Place::Stage { stage: 2, block: 0 };
        let own = plan.ops.iter_mut().filter(|op| op.place == place && op.is_depthwise());
        let strides =
            own.filter_map(|op| if let OpKind::Conv(conv) = &mut op.kind { Some(&mut conv.stride) } else { None });
        let [first, second] = strides.collect::<Vec<_>>().try_into().expect("two depthwise convolutions");
        assert_eq!((*first, *second), (1, 2));
        std::mem::swap(first, second);
    });
    assert!(!difference.is_rounding(), "{difference:?}");
}

#[test]
fn other_activations_and_patches_that_overlap_are_seen_in_convnext() {
    let (golden, index) = smallest("convnext-atto", Padding::Symmetric);
    let case = &golden.cases[index];
    let right = plan_of(&golden, case);
    for (index, op) in right.ops.iter().enumerate() {
        let mut wrong = right.clone();
        wrong.ops[index].kind = match op.kind {
            OpKind::Act(activation) => OpKind::Act(other(activation)),
            OpKind::Conv(conv) if conv.padding == Some(0) => OpKind::Conv(Convolution { padding: Some(1), ..conv }),
            _ => continue,
        };
        let difference = difference_of("convnext-atto", wrong, case);
        assert!(!difference.is_rounding(), "{}: {difference:?}", op.name());
    }
}

/// Puts squeeze-and-excitation of the first block that has it between the norm and its activation.
fn squeeze_before_activation(ops: &mut [Op]) {
    let scale = ops.iter().position(|op| matches!(op.kind, OpKind::Scale(_))).expect("squeeze-and-excitation");
    let activation = ops[scale].inputs.values()[1] as usize - 1;
    assert!(matches!(ops[activation].kind, OpKind::Act(_)) && activation + 1 < scale);
    let input = ops[activation].inputs.values()[0];
    ops[activation..=scale].rotate_left(1);
    // Everything moved up reads a value one earlier; the activation reads what was scaled.
    for op in &mut ops[activation..scale] {
        op.inputs.values_mut().iter_mut().filter(|value| **value > input).for_each(|value| *value -= 1);
    }
    ops[scale].inputs.values_mut()[0] = scale as u32;
}

#[test]
fn squeeze_and_excitation_before_the_activation_is_seen() {
    let squeezing = padded().chain([(LARGE, Padding::Same)]).filter(|(name, _)| {
        ["mobilenet-v3-large-0.5", "mobilenet-v3-small", "efficientnet-b0", "regnet-y-400mf", LARGE].contains(name)
    });
    for (name, padding) in squeezing {
        let difference = off(name, padding, |plan| squeeze_before_activation(&mut plan.ops));
        assert!(!difference.is_rounding(), "{name}: {difference:?}");
    }
}

#[test]
fn another_constant_of_the_norms_is_seen() {
    let symmetric = FAMILIES.into_iter().chain([LARGE]).map(|name| (name, Padding::Symmetric));
    for (name, padding) in padded().chain([(LARGE, Padding::Same)]).chain(symmetric) {
        let (mut golden, index) = smallest(name, padding);
        let case = &mut golden.cases[index];
        case.bn_eps = if case.bn_eps == Some(1e-3) { Some(1e-5) } else { Some(1e-3) };
        let case = &golden.cases[index];
        let difference = difference_of(name, plan_of(&golden, case), case);
        assert!(!difference.is_rounding(), "{name}: {difference:?}");
    }
}

#[test]
fn the_other_padding_is_seen() {
    for name in FAMILIES.into_iter().chain([LARGE]) {
        let difference = off(name, Padding::Same, |plan| plan.options.padding = Padding::Symmetric);
        assert!(!difference.is_rounding(), "{name}: {difference:?}");
        let difference = off(name, Padding::Symmetric, |plan| plan.options.padding = Padding::Same);
        assert!(!difference.is_rounding(), "{name}: {difference:?}");
    }
}
