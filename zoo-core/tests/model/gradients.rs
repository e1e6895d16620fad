//! The backward pass reaches what it should.

use tch::{Kind, Tensor};
use zoo_core::model::Mode;
use zoo_core::{Options, Plan};

use super::{architectures, images, is_finite, logits, model, take_turn};

#[test]
fn gradients_reach_every_parameter_of_every_table() {
    let _turn = take_turn();
    let (batch, labels) = (images(8, 64, 3), Tensor::arange(8, (Kind::Int64, tch::Device::Cpu)));
    for architecture in architectures() {
        let variant = &architecture.variants[0];
        let width = if architecture.axes.width { 0.5 } else { 1.0 };
        let options =
            Options { width, input_size: 64.into(), classes: 10, dropout: 0.0, drop_path: 0.0, ..variant.options };
        let model = model(Plan::new(architecture, &options).unwrap());
        logits(&model, &batch, Mode::Train).cross_entropy_for_logits(&labels).backward();
        for parameter in model.parameters() {
            let gradient = parameter.tensor.grad();
            assert!(gradient.defined(), "{}: {} has no gradient", variant.name, parameter.name);
            assert_eq!(gradient.size(), parameter.tensor.size(), "{}: {}", variant.name, parameter.name);
            assert!(is_finite(&gradient), "{}: {}", variant.name, parameter.name);
            // Behind a linear projection only convolutions and norms follow, and those take any shift out again: its
            // gradient is zero but for rounding.
            if parameter.name.ends_with(".project.norm.bias") {
                continue;
            }
            let largest = super::number(&gradient.abs().max());
            assert!(largest > 0.0, "{}: the gradient of {} is all zero", variant.name, parameter.name);
        }
    }
}

#[test]
fn images_in_any_memory_layout_give_the_same_logits() {
    let _turn = take_turn();
    let model = model(super::plan("mobilenet-v3-small-0.35", |options| options));
    let batch = images(4, 32, 1);
    let expected = logits(&model, &batch, Mode::Eval);
    let strided = batch.repeat([1, 1, 1, 2]).narrow(3, 0, 32);
    for other in [zoo_core::model::channels_last(&batch).unwrap(), strided] {
        assert_ne!(other.stride(), batch.stride());
        assert!(super::same_bits(&expected, &logits(&model, &other, Mode::Eval)));
    }
}
