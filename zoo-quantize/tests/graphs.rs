//! Quantised graphs of whole networks, and the arithmetic of a single layer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::{Kind, Tensor};
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_core::onnx::{Dimension, Element, Graph, Initializer, Node, OnnxOptions, Value};
use zoo_core::{ImageSize, Options as PlanOptions, Plan, Registry};
use zoo_quantize::grid::Grid;
use zoo_quantize::score::{Judge, Labelled, sensitivity, within};
use zoo_quantize::{Engine, Method, Network, Options, QuantizeError, Quantizer};

const OPTIONS: Options =
    Options { method: Method::MinMax, bits: 8, engine: Engine::OpenVino, correct: true, equalize: false };

/// libtorch has one generator for all tests: numbers are drawn by one of them at a time.
fn take_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn model(name: &str, side: u32) -> Model {
    let _turn = take_turn();
    let entry = Registry::default().find(name).unwrap();
    let options = PlanOptions { input_size: ImageSize::square(side), ..entry.variant.options };
    Model::new(Plan::new(entry.architecture, &options).unwrap(), &ModelOptions::default()).unwrap()
}

fn float(name: &str, side: u32) -> Graph {
    model(name, side).to_onnx(&OnnxOptions::default()).unwrap()
}

fn images(count: i64, side: i64) -> Tensor {
    let _turn = take_turn();
    tch::manual_seed(1);
    Tensor::randn([count, 3, side, side], (Kind::Float, tch::Device::Cpu))
}

fn quantizer(name: &str, options: Options) -> Quantizer {
    Quantizer::new(float(name, 32), &[images(8, 32)], options).unwrap()
}

/// Largest difference, as a share of the largest number.
fn apart(one: &Tensor, other: &Tensor) -> f64 {
    let most = |tensor: Tensor| tensor.abs().max().double_value(&[]);
    most(one - other) / most(other.shallow_clone())
}

/// One network of each way to build blocks.
const FAMILIES: [&str; 10] = [
    "mobilenet-v1-0.25",
    "mobilenet-v2",
    "mobilenet-v3-small",
    "efficientnet-b0",
    "efficientnet-lite0",
    "shufflenet-v2-0.5",
    "ghostnet-0.5",
    "resnet-18",
    "regnet-y-400mf",
    "convnext-atto",
];

#[test]
fn a_float_graph_runs_as_its_model() {
    for name in FAMILIES {
        let model = model(name, 64);
        let network = Network::new(&model.to_onnx(&OnnxOptions::default()).unwrap()).unwrap();
        let images = images(2, 64);
        let expected = tch::no_grad(|| model.forward(&images, Mode::Eval)).unwrap();
        let difference = apart(&network.run(&images).unwrap(), &expected);
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

#[test]
fn every_quantize_has_its_dequantize_and_the_file_reads_back() {
    for (name, engine) in FAMILIES.into_iter().zip([Engine::OpenVino, Engine::OnnxRuntime].into_iter().cycle()) {
        let made = quantizer(name, Options { engine, ..OPTIONS }).make(&BTreeSet::new()).unwrap();
        let graph = &made.graph;
        assert_eq!(&Graph::decode(&graph.encode().unwrap()).unwrap(), graph, "{name}");
        let quantizes = graph.nodes.iter().filter(|node| node.kind == "QuantizeLinear");
        for node in quantizes {
            let readers = graph.readers(&node.outputs[0]);
            assert_eq!(readers.len(), 1, "{name}: {} has {} readers", node.name, readers.len());
            let reader = &graph.nodes[readers[0].0];
            assert_eq!((reader.kind.as_str(), &reader.inputs[1..]), ("DequantizeLinear", &node.inputs[1..]), "{name}");
        }
        // Each int8 layer reads what was dequantised, weights and biases among it.
        for node in graph.nodes.iter().filter(|node| made.int8.contains(&node.name)) {
            for input in &node.inputs {
                let maker = graph.maker(input).map(|maker| graph.nodes[maker].kind.as_str());
                assert_eq!(maker, Some("DequantizeLinear"), "{name}: {} reads {input}", node.name);
            }
        }
    }
}

#[test]
fn relus_go_where_the_grid_does_their_work() {
    for name in ["mobilenet-v2", "resnet-18"] {
        let made = quantizer(name, OPTIONS).make(&BTreeSet::new()).unwrap();
        let left = made.graph.nodes.iter().filter(|node| matches!(node.kind.as_str(), "Relu" | "Clip")).count();
        assert_eq!(left, 0, "{name}");
    }
}

#[test]
fn layers_stay_in_float_as_they_were() {
    let quantizer = quantizer("mobilenet-v3-small", OPTIONS);
    let words = ["first", "last", "gates", "stages.1.*"].map(String::from);
    let kept = quantizer.named(&words).unwrap();
    let made = quantizer.make(&kept).unwrap();
    assert_eq!(made.float.iter().cloned().collect::<BTreeSet<_>>(), kept);
    let float = float("mobilenet-v3-small", 32);
    for layer in &made.float {
        let weight = format!("{layer}.weight");
        assert_eq!(made.graph.tensor(&weight), float.tensor(&weight), "{layer}");
    }
    assert!(kept.contains("stem.conv") && kept.len() > 10, "{kept:?}");
    assert!(quantizer.make(&quantizer.layers().into_iter().collect()).is_err());
}

#[test]
fn a_name_that_there_is_not_is_told_with_what_may_have_been_meant() {
    let quantizer = quantizer("mobilenet-v2", OPTIONS);
    let error = |word: &str| quantizer.named(&[word.to_string()]).unwrap_err().to_string();
    assert!(error("stem.cnov").contains("did you mean stem.conv?"), "{}", error("stem.cnov"));
    assert!(error("nothing.*").starts_with("there is no layer nothing.*"));
}

#[test]
fn what_cannot_be_calibrated_is_refused() {
    let few = Quantizer::new(float("mobilenet-v2", 32), &[images(7, 32)], OPTIONS).unwrap_err();
    assert!(matches!(few, QuantizeError::TooFew { found: 7, least: 8 }), "{few}");
    let damaged = images(8, 32);
    let _ = damaged.get(3).get(1).get(5).fill_(f64::NAN);
    let error = Quantizer::new(float("mobilenet-v2", 32), &[damaged], OPTIONS).unwrap_err();
    assert!(matches!(&error, QuantizeError::NotFinite { layer } if layer == "input"), "{error}");
}

#[test]
fn a_network_that_gives_zeros_is_quantised() {
    let mut model = model("mobilenet-v2", 32);
    tch::no_grad(|| model.parameters_mut().iter_mut().for_each(|parameter| drop(parameter.tensor.zero_())));
    let graph = model.to_onnx(&OnnxOptions::default()).unwrap();
    let made = Quantizer::new(graph, &[images(8, 32)], OPTIONS).unwrap().make(&BTreeSet::new()).unwrap();
    assert_eq!(made.network.run(&images(2, 32)).unwrap().abs().max().double_value(&[]), 0.0);
}

#[test]
fn equalisation_leaves_the_network_as_it_is() {
    let name = "resnet-18";
    let mut graph = float(name, 32);
    let before = Network::new(&graph).unwrap().run(&images(2, 32)).unwrap();
    let weights = graph.tensors.clone();
    assert!(zoo_quantize::equalize::equalize(&mut graph) > 0 && graph.tensors != weights);
    let after = Network::new(&graph).unwrap().run(&images(2, 32)).unwrap();
    assert!(apart(&after, &before) < 1e-4, "{}", apart(&after, &before));
}

#[test]
fn bias_correction_brings_logits_nearer() {
    let noise = |correct: bool| {
        let quantizer = quantizer("mobilenet-v1-0.25", Options { correct, ..OPTIONS });
        let batch = Labelled { images: images(8, 32), targets: Tensor::zeros([8], (Kind::Int64, tch::Device::Cpu)) };
        let judge = Judge::new(vec![batch], quantizer.float()).unwrap();
        judge.score(&quantizer.make(&BTreeSet::new()).unwrap().network).unwrap().signal_to_noise
    };
    assert!(noise(true) > noise(false), "{} dB with it, {} dB without", noise(true), noise(false));
}

#[test]
fn the_costliest_layers_are_kept_until_it_is_enough() {
    let quantizer = quantizer("mobilenet-v1-0.25", Options { bits: 7, ..OPTIONS });
    // What the float network answers is right by definition.
    let targets = quantizer.float().run(&images(16, 32)).unwrap().argmax(1, false);
    let batch = Labelled { images: images(16, 32), targets };
    let judge = Judge::new(vec![batch], quantizer.float()).unwrap();
    assert_eq!(judge.float.top1, 100.0);
    let mut seen = 0;
    let order = sensitivity(&quantizer, &judge, &BTreeSet::new(), &mut |_| {
        seen += 1;
        true
    });
    let order = order.unwrap();
    assert_eq!((order.len(), seen), (quantizer.layers().len(), quantizer.layers().len()));
    assert!(order.is_sorted_by_key(|layer| layer.score.signal_to_noise));
    let (made, score) = within(&quantizer, &judge, &BTreeSet::new(), &order, 0.0).unwrap();
    let expected: BTreeSet<&String> = order.iter().take(made.float.len()).map(|layer| &layer.layer).collect();
    assert_eq!(made.float.iter().collect::<BTreeSet<_>>(), expected);
    assert!(judge.drop(&score) <= 0.0 || made.int8.len() == 1);
}

/// A 1 x 1 convolution of three channels to four with a ReLU, by whole numbers as `QLinearConv` has it, against the network.
#[test]
fn the_simulation_is_the_arithmetic_of_whole_numbers() {
    let batch = || Dimension::Named("batch".into());
    let value = |name: &str, channels: i64| Value {
        name: name.into(),
        element: Element::F32,
        shape: vec![batch(), Dimension::Fixed(channels), Dimension::Fixed(4), Dimension::Fixed(4)],
    };
    let weights = [0.5f32, -0.25, 0.125, 1.0, 0.75, -1.5, -0.3, 0.2, 0.1, 0.6, -0.7, 0.9];
    let biases = [0.1f32, -0.2, 0.05, 0.3];
    let graph = Graph {
        name: "one layer".into(),
        opset: 17,
        inputs: vec![value("input", 3)],
        outputs: vec![value("logits", 4)],
        nodes: vec![
            Node::new("Conv", "conv", &["input", "conv.weight", "conv.bias"]).with("kernel_shape", [1, 1]),
            Node::new("Relu", "relu", &["conv"]),
            Node::new("GlobalAveragePool", "pool", &["relu"]),
            Node::new("Flatten", "logits", &["pool"]).with("axis", 1),
        ],
        tensors: vec![
            Initializer::floats("conv.weight", &[4, 3, 1, 1], &weights),
            Initializer::floats("conv.bias", &[4], &biases),
        ],
        values: Vec::new(),
        metadata: BTreeMap::new(),
    };
    let pictures = images(8, 4);
    let quantizer = Quantizer::new(graph, &[pictures.shallow_clone()], Options { correct: false, ..OPTIONS }).unwrap();
    let made = quantizer.make(&BTreeSet::from(["pool".to_string()])).unwrap();
    // Where the pool stays in float, nothing behind the convolution is rounded.
    let mut simulated = None;
    let run = made.network.run_watched(&pictures, &mut |name, value| {
        if name == "relu" {
            simulated = Some(value.copy());
        }
        Ok(value)
    });
    assert_eq!(run.unwrap().size(), [8, 4]);
    let simulated = simulated.unwrap();
    let float = |name: &str| made.graph.tensor(name).unwrap().as_floats().unwrap();
    let byte = |name: &str| made.graph.tensor(name).unwrap().data[0];
    let numbers = |name: &str| made.graph.tensor(name).unwrap().data.clone();
    let input = Grid { scale: float("input.scale")[0], zero_point: byte("input.zero_point") };
    let (scales, integers) = (float("conv.weight.scale"), numbers("conv.weight.quantized"));
    let bias: Vec<i32> =
        numbers("conv.bias.quantized").as_chunks().0.iter().map(|four| i32::from_le_bytes(*four)).collect();
    for place in 0..16 {
        for channel in 0..4usize {
            let sum: i32 = (0..3usize)
                .map(|from| {
                    let real = pictures.double_value(&[0, from as i64, place / 4, place % 4]) as f32;
                    let number = i32::from(input.quantize(real)) - i32::from(input.zero_point);
                    number * i32::from(integers[channel * 3 + from] as i8)
                })
                .sum();
            let real = ((sum + bias[channel]) as f32 * (input.scale * scales[channel])).max(0.0);
            let found = simulated.double_value(&[0, channel as i64, place / 4, place % 4]) as f32;
            assert!((real - found).abs() < 1e-5, "channel {channel} at {place}: {real} and {found}");
        }
    }
}
