//! Networks as ONNX: every variant becomes a graph that holds together, reads back as written and computes the same.
#![cfg(feature = "torch")]

mod files;
mod interpreter;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_core::onnx::{Batch, Graph, OPSETS, OnnxError, OnnxOptions, Pixels};
use zoo_core::op::Role;
use zoo_core::{Entry, ImageSize, OpKind, Options, Padding, Plan, Registry};

/// libtorch has one generator for the whole process: tests that draw take turns, and each begins with the same numbers.
fn take_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    tch::manual_seed(1);
    turn
}

/// A network of ten classes, as narrow as its table allows.
fn plan(entry: &Entry, change: impl FnOnce(Options) -> Options) -> Plan {
    let own = Options { input_size: 33.into(), classes: 10, ..entry.variant.options };
    let narrow = if entry.architecture.axes.width { 0.25 * own.width } else { own.width };
    Plan::new(entry.architecture, &change(Options { width: narrow, ..own })).unwrap()
}

fn model(plan: Plan, kind: Kind) -> Model {
    Model::new(plan, &ModelOptions { kind, ..ModelOptions::default() }).unwrap()
}

/// The first variant of each family.
fn families() -> Vec<Entry> {
    let mut seen = HashSet::new();
    Registry::default().entries().filter(|entry| seen.insert(entry.architecture.family)).collect()
}

/// A network in f64 with weights of f32, whose norms have met the images that come with it: values stay in range through
/// the deepest one, so that rounding does not grow. No scale or shift is a simple number.
fn lived_in(plan: Plan) -> (Model, Tensor) {
    let (eps, momentum) = (plan.rules.norm.eps(), plan.rules.norm.momentum());
    let size = [8, plan.input.c.into(), plan.input.h.into(), plan.input.w.into()];
    let images = Tensor::randn(size, (Kind::Double, Device::Cpu));
    let mut model = model(plan, Kind::Double);
    tch::no_grad(|| {
        for parameter in model.parameters_mut().iter_mut().filter(|parameter| parameter.tensor.dim() == 1) {
            let centre = if parameter.role == Role::NormScale { 1.0 } else { 0.0 };
            let moved = parameter.tensor.rand_like() - 0.5 + centre;
            parameter.tensor.copy_(&moved);
        }
        model.set_norms(Some(eps), Some(1.0));
        let _ = model.forward(&images, Mode::Train).unwrap();
        model.set_norms(Some(eps), Some(momentum));
        for tensor in model.tensors_mut() {
            tensor.copy_(&tensor.to_kind(Kind::Float).to_kind(Kind::Double));
        }
    });
    (model, images.narrow(0, 0, 2))
}

/// The largest difference as a share of the largest value.
fn off(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    (found - expected).abs().max().double_value(&[]) / expected.abs().max().double_value(&[])
}

#[test]
fn every_variant_becomes_a_graph_that_reads_back_as_written() {
    let _turn = take_turn();
    let mut variants = 0;
    for entry in Registry::default().entries() {
        let name = entry.variant.name;
        let model = model(plan(&entry, |options| options), Kind::Float);
        let graph = model.to_onnx(&OnnxOptions::default()).unwrap();
        graph.check().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(Graph::decode(&graph.encode().unwrap()).unwrap() == graph, "{name}");
        let ops = &model.plan().ops;
        let count = |kind: &str| graph.nodes.iter().filter(|node| node.kind == kind).count();
        let convolutions = ops.iter().filter(|op| op.is_convolution()).count();
        assert_eq!(count("Conv"), convolutions, "{name}");
        let declared: HashSet<&str> = graph.values.iter().map(|value| value.name.as_str()).collect();
        for op in ops.iter().filter(|op| op.is_convolution() || matches!(op.kind, OpKind::Add(_) | OpKind::Pool(_))) {
            let node = graph.nodes.iter().find(|node| node.name == op.name()).unwrap();
            assert!(declared.contains(node.outputs[0].as_str()) || node.outputs == ["logits"], "{name}: {}", node.name);
        }
        let counts = ["zoo.parameters", "zoo.macs"].map(|key| graph.metadata[key].parse::<u64>().unwrap());
        assert_eq!(counts, [model.plan().cost.params, model.plan().cost.macs], "{name}");
        variants += 1;
    }
    assert!(variants >= 64, "{variants} variants");
}

#[test]
fn a_graph_computes_what_its_network_does_in_every_opset() {
    let _turn = take_turn();
    for entry in families() {
        // Maps stay large, as the statistics of a norm over a few pixels make rounding grow.
        let profile = entry.architecture.profiles.len() as u32 - 1;
        for padding in [Padding::Symmetric, Padding::Same] {
            let (model, images) = lived_in(plan(&entry, |options| Options { padding, profile, ..options }));
            let expected = tch::no_grad(|| model.forward(&images, Mode::Eval)).unwrap();
            let mut computed: Vec<Graph> = Vec::new();
            for opset in OPSETS {
                let graph = model.to_onnx(&OnnxOptions { opset, ..OnnxOptions::default() }).unwrap();
                assert_eq!(graph.check().map_err(|error| error.to_string()), Ok(()));
                if computed.iter().any(|before| before.nodes == graph.nodes) {
                    continue;
                }
                let off = off(&interpreter::run(&graph, &images), &expected);
                assert!(off < 1e-4, "{}, {padding:?}, opset {opset}: off by {off}", entry.variant.name);
                computed.push(graph);
            }
        }
    }
}

#[test]
fn pictures_that_are_not_square_and_one_channel_are_exported() {
    let _turn = take_turn();
    let entry = Registry::default().find("mobilenet-v2").unwrap();
    let plan = plan(&entry, |options| Options {
        input_size: ImageSize { height: 40, width: 25 },
        in_channels: Some(1),
        ..options
    });
    let (model, images) = lived_in(plan);
    let expected = tch::no_grad(|| model.forward(&images, Mode::Eval)).unwrap();
    let fixed = OnnxOptions { batch: Batch::Fixed(2), ..OnnxOptions::default() };
    assert!(off(&interpreter::run(&model.to_onnx(&fixed).unwrap(), &images), &expected) < 1e-5);
    let grey = OnnxOptions { pixels: Some(Pixels { mean: [0.5; 3], std: [0.25; 3] }), ..fixed };
    let bytes = Tensor::randint(256, [2, 40, 25, 1], (Kind::Uint8, Device::Cpu));
    let prepared = (bytes.to_kind(Kind::Double) / 255.0 - 0.5) / 0.25;
    let expected = tch::no_grad(|| model.forward(&prepared.permute([0, 3, 1, 2]), Mode::Eval)).unwrap();
    assert!(off(&interpreter::run(&model.to_onnx(&grey).unwrap(), &bytes), &expected) < 1e-5);
}

#[test]
fn bytes_are_normalised_in_the_graph() {
    let _turn = take_turn();
    let entry = Registry::default().find("efficientnet-b0").unwrap();
    let (model, _) = lived_in(plan(&entry, |options| options));
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let graph = model.to_onnx(&OnnxOptions { pixels: Some(Pixels { mean, std }), ..OnnxOptions::default() }).unwrap();
    assert_eq!(graph.metadata["zoo.input_layout"], "NHWC");
    let bytes = Tensor::randint(256, [2, 33, 33, 3], (Kind::Uint8, Device::Cpu));
    let numbers = |three: [f32; 3]| Tensor::from_slice(&three).to_kind(Kind::Double);
    let prepared = (bytes.to_kind(Kind::Double) / 255.0 - numbers(mean)) / numbers(std);
    let expected = tch::no_grad(|| model.forward(&prepared.permute([0, 3, 1, 2]), Mode::Eval)).unwrap();
    assert!(off(&interpreter::run(&graph, &bytes), &expected) < 1e-5);
}

#[test]
fn what_cannot_be_written_is_a_sentence() {
    let _turn = take_turn();
    let entry = Registry::default().find("mobilenet-v2").unwrap();
    let mut model = model(plan(&entry, |options| Options { in_channels: Some(4), ..options }), Kind::Float);
    let refused = |model: &Model, options: OnnxOptions| model.to_onnx(&options).unwrap_err().to_string();
    let usual = OnnxOptions::default();
    for opset in [12, 22] {
        assert!(refused(&model, OnnxOptions { opset, ..usual }).contains("from 13 to 21"));
    }
    assert!(refused(&model, OnnxOptions { batch: Batch::Fixed(0), ..usual }).contains("the batch has 0 images"));
    let pixels = Some(Pixels { mean: [0.5; 3], std: [0.5; 3] });
    assert!(refused(&model, OnnxOptions { pixels, ..usual }).contains("4 channels"));
    let _ = tch::no_grad(|| model.parameters_mut()[0].tensor.fill_(f64::NAN));
    let error = model.to_onnx(&usual).unwrap_err();
    assert!(matches!(&error, OnnxError::NotFinite { name } if name == "stem.conv.weight"), "{error}");
}
