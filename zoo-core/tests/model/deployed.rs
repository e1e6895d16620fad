//! Deployed networks give the logits of the model that they were made from.

use tch::Tensor;
use zoo_core::Padding;
use zoo_core::model::{Backend, MemoryFormat, Mode, Model};

use super::{images, logits, number, plan, take_turn};

const MODELS: [&str; 8] = [
    "mobilenet-v1",
    "mobilenet-v2",
    "mobilenet-v3-small",
    "mobilenet-v3-large",
    "efficientnet-b0",
    "resnet-18",
    "resnet-50",
    "regnet-y-400mf",
];
const SIDE: u32 = 48;

/// A model whose norms have constants of their own, and the statistics of some images: fresh ones fold into nothing, and
/// arbitrary ones let activations grow until every rounding shows.
fn model(name: &str, padding: Padding) -> Model {
    let plan = plan(name, |options| zoo_core::Options { input_size: SIDE.into(), padding, ..options });
    let mut model = super::model(plan);
    tch::no_grad(|| {
        for parameter in model.parameters_mut().iter_mut().filter(|parameter| parameter.name.contains("norm.")) {
            let noise = parameter.tensor.uniform(-0.2, 0.2);
            let _ = parameter.tensor.f_add_(&noise).unwrap();
        }
        model.set_norms(None, Some(1.0));
        let _ = model.forward(&images(8, SIDE.into(), 1), Mode::Train).unwrap();
    });
    model
}

#[track_caller]
fn assert_close(ours: &Tensor, expected: &Tensor, what: &str) {
    assert_eq!(ours.size(), expected.size(), "{what}");
    let scale = number(&expected.abs().max());
    let off = number(&(ours - expected).abs().max()) / scale;
    assert!(scale > 1e-9 && off < 1e-4, "{what}: off by {off:.1e} of {scale:.1e}");
}

#[test]
fn every_way_to_deploy_gives_the_eager_logits() {
    let _turn = take_turn();
    for name in MODELS {
        for padding in [Padding::Symmetric, Padding::Same] {
            let model = model(name, padding);
            let images = images(2, SIDE.into(), 2);
            let expected = logits(&model, &images, Mode::Eval);
            for format in [MemoryFormat::ChannelsLast, MemoryFormat::Contiguous] {
                let folded = model.deploy(Backend::Libtorch(format)).unwrap();
                assert_close(&folded.forward(&images).unwrap(), &expected, &format!("{name} {padding:?} {format:?}"));
            }
            let native = model.deploy(Backend::Native).unwrap();
            let moved = MemoryFormat::ChannelsLast.of(&images).unwrap();
            assert!(native.forward(&images).unwrap().equal(&native.forward(&moved).unwrap()), "{name}: other layout");
            assert_close(&native.forward(&images).unwrap(), &expected, &format!("{name} {padding:?} native"));
        }
    }
}

#[test]
fn a_deployed_network_tells_of_every_block_and_has_no_gradient() {
    let _turn = take_turn();
    let model = model("mobilenet-v3-small", Padding::Symmetric);
    let images = images(1, SIDE.into(), 3);
    for backend in [Backend::Native, Backend::Libtorch(MemoryFormat::ChannelsLast)] {
        let network = model.deploy(backend).unwrap();
        let mut blocks = Vec::new();
        let mut observe = |op: usize, _: &Tensor| blocks.push(network.plan().ops[op].block_name());
        assert!(!network.forward_observed(&images, &mut observe).unwrap().requires_grad());
        blocks.dedup();
        // By our kernels the stem runs with the first block.
        let stem = usize::from(backend != Backend::Native);
        assert_eq!(blocks.len(), stem + model.plan().blocks() + 2, "{blocks:?}");
        assert!(network.forward(&super::images(1, 32, 3)).is_err(), "another size");
    }
}

#[test]
fn precisions_without_native_kernels_run_by_libtorch() {
    let _turn = take_turn();
    let plan = plan("efficientnet-b0", |options| options);
    let options = zoo_core::model::ModelOptions { kind: tch::Kind::Double, ..Default::default() };
    let model = Model::new(plan, &options).unwrap();
    let images = images(2, 32, 4).to_kind(tch::Kind::Double);
    let expected = logits(&model, &images, Mode::Eval);
    assert_close(&model.deploy(Backend::Native).unwrap().forward(&images).unwrap(), &expected, "f64");
}
