//! Evaluation changes nothing and repeats itself; training moves the running statistics.

use tch::Tensor;
use zoo_core::model::{Mode, Model};
use zoo_core::{Options, Plan};

use super::{images, logits, model, number, plan, same_bits, take_turn};

fn copies(model: &Model) -> Vec<Tensor> {
    model.buffers().iter().map(|buffer| buffer.tensor.copy()).collect()
}

#[test]
fn evaluation_is_deterministic_and_leaves_the_statistics_alone() {
    let _turn = take_turn();
    for name in super::FAMILIES {
        let model = model(plan(name, |options| Options { dropout: 0.5, drop_path: 0.5, ..options }));
        let batch = images(4, 32, 1);
        let before = copies(&model);
        let first = logits(&model, &batch, Mode::Eval);
        let with_gradients = model.forward(&batch, Mode::Eval).unwrap();
        assert!(same_bits(&first, &logits(&model, &batch, Mode::Eval)), "{name}");
        assert!(number(&(&with_gradients - &first).abs().max()) < 1e-4, "{name}");
        assert!(before.iter().zip(model.buffers()).all(|(old, new)| same_bits(old, &new.tensor)), "{name}");
    }
}

#[test]
fn training_moves_every_running_mean_and_variance() {
    let _turn = take_turn();
    for name in super::FAMILIES {
        let model = model(plan(name, |options| options));
        let before = copies(&model);
        let _ = logits(&model, &images(4, 32, 1), Mode::Train);
        for (old, new) in before.iter().zip(model.buffers()) {
            assert!(!same_bits(old, &new.tensor), "{name} {}", new.name);
        }
    }
}

#[test]
fn the_running_statistics_of_the_stem_follow_momentum_and_unbiased_variance() {
    let _turn = take_turn();
    let plan: Plan = plan("mobilenet-v2-0.35", |options| options);
    let momentum = plan.rules.norm.momentum();
    let model = model(plan);
    let batch = images(3, 32, 1);
    let features = batch.conv2d(&model.parameters()[0].tensor, None::<Tensor>, [2, 2], [1, 1], [1, 1], 1);
    let rows = features.permute([1, 0, 2, 3]).flatten(1, 3);
    let _ = logits(&model, &batch, Mode::Train);
    let mean = rows.mean_dim(1, false, None) * momentum;
    let variance = rows.var_dim(1, true, false) * momentum + (1.0 - momentum);
    for (buffer, expected) in model.buffers().iter().zip([mean, variance]) {
        assert!(number(&(&buffer.tensor - expected).abs().max()) < 1e-5, "{}", buffer.name);
    }
}

#[test]
fn an_image_is_evaluated_alike_alone_and_among_others() {
    let _turn = take_turn();
    for name in super::FAMILIES {
        let model = model(plan(name, |options| options));
        let batch = images(5, 32, 1);
        let all = logits(&model, &batch, Mode::Eval);
        let alone = logits(&model, &batch.narrow(0, 3, 1), Mode::Eval);
        let difference = number(&(all.narrow(0, 3, 1) - alone).abs().max());
        assert!(difference < 1e-4 * (1.0 + number(&all.abs().max())), "{name}: {difference}");
    }
}

#[test]
fn eps_and_momentum_can_be_those_of_other_weights() {
    let _turn = take_turn();
    let batch = images(4, 32, 1);
    let mut model = model(plan("mobilenet-v2-0.35", |options| options));
    let before = logits(&model, &batch, Mode::Eval);
    model.set_norms(Some(0.5), None);
    assert!(!same_bits(&before, &logits(&model, &batch, Mode::Eval)));
    let old = copies(&model);
    model.set_norms(None, Some(0.0));
    let _ = logits(&model, &batch, Mode::Train);
    assert!(old.iter().zip(model.buffers()).all(|(old, new)| same_bits(old, &new.tensor)));
}

#[test]
fn eps_is_that_of_layer_norms_too() {
    let _turn = take_turn();
    let batch = images(2, 32, 1);
    let mut model = model(plan("convnext-atto", |options| options));
    let before = logits(&model, &batch, Mode::Eval);
    model.set_norms(Some(1e-6), None);
    assert!(same_bits(&before, &logits(&model, &batch, Mode::Eval)), "that is its own");
    model.set_norms(Some(0.5), None);
    assert!(!same_bits(&before, &logits(&model, &batch, Mode::Eval)));
}

#[test]
fn one_image_of_one_pixel_has_no_statistics() {
    let _turn = take_turn();
    let mut model = model(plan("mobilenet-v2-0.35", |options| options));
    let one = images(1, 32, 1);
    // As in PyTorch.
    let error = model.forward(&one, Mode::Train).unwrap_err().to_string();
    assert!(error.contains("expected more than 1 value per channel when training"), "{error}");
    assert!(model.forward(&images(2, 32, 1), Mode::Train).is_ok() && model.forward(&one, Mode::Eval).is_ok());
    model.freeze_statistics(true);
    assert!(model.forward(&one, Mode::Train).is_ok());
}
