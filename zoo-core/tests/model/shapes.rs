//! Every variant runs, and its tensors are as many as its plan says.

use tch::Tensor;
use zoo_core::model::{Mode, Model, channels_last};
use zoo_core::{OpKind, Options, Padding, Plan, Registry};

use super::{architectures, images, is_finite, logits, model, plan, take_turn};

#[test]
fn every_variant_gives_logits_and_has_the_tensors_that_its_plan_counts() {
    let _turn = take_turn();
    let batch = images(2, 32, 1);
    let mut variants = 0;
    for entry in Registry::default().entries() {
        let name = entry.variant.name;
        let options = Options { input_size: 32.into(), classes: 10, ..entry.variant.options };
        let model = model(Plan::new(entry.architecture, &options).unwrap());
        let buffers: u64 = model.buffers().iter().map(|buffer| buffer.tensor.numel() as u64).sum();
        assert_eq!((model.parameter_count(), buffers), (model.plan().cost.params, model.plan().cost.buffers), "{name}");
        for mode in [Mode::Eval, Mode::Train] {
            let logits = tch::no_grad(|| model.forward(&batch, mode)).unwrap();
            assert_eq!(logits.size(), [2, 10], "{name}, {mode:?}");
            assert!(is_finite(&logits), "{name}, {mode:?}");
        }
        variants += 1;
    }
    assert!(variants >= 64, "{variants} variants");
}

#[test]
fn the_variants_own_classes_and_every_profile_and_padding_run() {
    let _turn = take_turn();
    let batch = images(1, 33, 1);
    for architecture in architectures() {
        let variant = architecture.variants.last().unwrap();
        let small = if architecture.axes.width { 0.25 } else { 1.0 };
        for profile in 0..architecture.profiles.len() as u32 {
            for padding in [Padding::Symmetric, Padding::Same] {
                let options =
                    Options { width: small, depth: 1.0, input_size: 33.into(), profile, padding, ..variant.options };
                let model = model(Plan::new(architecture, &options).unwrap());
                let shape = logits(&model, &batch, Mode::Eval).size();
                assert_eq!(shape, [1, 1000], "{} {}", variant.name, architecture.profiles[profile as usize]);
            }
        }
    }
}

#[test]
fn parameters_and_buffers_have_names_of_their_own() {
    let _turn = take_turn();
    for name in super::FAMILIES {
        let model = model(plan(name, |options| options));
        let parameters = model.parameters().iter().map(|parameter| &parameter.name);
        let mut names: Vec<&String> = parameters.chain(model.buffers().iter().map(|buffer| &buffer.name)).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{name}");
    }
}

/// Whether the channels are innermost in memory. The stride of a side that is one wide says nothing.
fn is_channels_last(tensor: &Tensor) -> bool {
    let shape = tensor.size();
    let expected = [shape[1] * shape[2] * shape[3], 1, shape[3] * shape[1], shape[1]];
    tensor.stride().iter().zip(expected).zip(shape).all(|((stride, expected), size)| *stride == expected || size == 1)
}

#[test]
fn weights_of_convolutions_and_their_gradients_are_channels_last() {
    let _turn = take_turn();
    for name in super::FAMILIES {
        let model: Model = model(plan(name, |options| options));
        logits(&model, &images(4, 32, 1), Mode::Train).sum(None).backward();
        let mut convolutions = 0;
        for parameter in model.parameters().iter().filter(|parameter| parameter.tensor.dim() == 4) {
            convolutions += 1;
            assert!(is_channels_last(&parameter.tensor), "{name} {}", parameter.name);
            assert!(is_channels_last(&parameter.tensor.grad()), "{name} {}, gradient", parameter.name);
        }
        let planned = model.plan().ops.iter().filter(|op| matches!(op.kind, OpKind::Conv(_))).count();
        assert_eq!(convolutions, planned, "{name}");
    }
}

#[test]
fn channels_last_moves_memory_and_no_value() {
    let _turn = take_turn();
    let before = images(2, 5, 1);
    let after = channels_last(&before).unwrap();
    assert_eq!(before.stride(), [75, 25, 5, 1]);
    assert_eq!(after.stride(), [75, 1, 15, 3]);
    assert!(super::same_bits(&before, &after));
}
