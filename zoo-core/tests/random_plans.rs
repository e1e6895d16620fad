//! Random networks of all operations compute the same in every way that there is to run them, and their gradients are the
//! numeric ones.
//!
//! A network is a list of steps, each of which reads some of the values before it; what would be no network (a stride that a
//! map is too small for, groups that do not divide) does nothing. Networks that once failed stand in
//! `random_plans.proptest-regressions`.
#![cfg(feature = "torch")]

#[path = "onnx/interpreter.rs"]
mod interpreter;

use std::sync::{Mutex, MutexGuard};

use proptest::prelude::*;
use proptest::sample::Index;
use tch::{Device, Kind, Tensor};
use zoo_core::model::{Backend, MemoryFormat, Mode, Model, ModelOptions};
use zoo_core::onnx::{Graph, OPSETS, OnnxOptions};
use zoo_core::op::{Convolution, Window};
use zoo_core::{
    Activation, BatchNorm, DepthRounding, ImageSize, Init, LayerNorm, Norm, Options, Padding, Place, Plan, PlanBuilder,
    Pooling, Rules, Value, WidthRounding,
};

/// Names of layers; a network has no more steps.
const PARTS: [&str; 40] = [
    "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", "p14", "p15", "p16", "p17",
    "p18", "p19", "p20", "p21", "p22", "p23", "p24", "p25", "p26", "p27", "p28", "p29", "p30", "p31", "p32", "p33",
    "p34", "p35", "p36", "p37", "p38", "p39",
];
const ACTIVATIONS: [Activation; 7] = [
    Activation::Relu,
    Activation::Relu6,
    Activation::Silu,
    Activation::Gelu,
    Activation::HardSwish,
    Activation::Sigmoid,
    Activation::HardSigmoid,
];
/// More channels than this are not concatenated.
const WIDE: u32 = 48;

/// A step of a network; an index is a choice among the values so far.
#[derive(Clone, Debug)]
enum Step {
    Convolution {
        channels: u32,
        kernel: u32,
        stride: u32,
        groups: u32,
        bias: bool,
        padding: Option<u32>,
    },
    Depthwise {
        kernel: u32,
        stride: u32,
    },
    BatchNorm,
    LayerNorm,
    Act(usize),
    Window {
        max: bool,
        kernel: u32,
        stride: u32,
        padding: Option<u32>,
    },
    Gain,
    Gate,
    Add(Index),
    Concat(Vec<Index>),
    Narrow {
        from: Index,
        channels: Index,
    },
    /// All channels, which is the same memory.
    Whole,
    Shuffle(u32),
    Resume(Index),
}

fn step() -> impl Strategy<Value = Step> {
    let padding = || prop::option::of(0u32..3);
    prop_oneof![
        4 => (1u32..=12, 1u32..=5, 1u32..=3, 1u32..=3, any::<bool>(), padding()).prop_map(
            |(channels, kernel, stride, groups, bias, padding)| {
                Step::Convolution { channels, kernel, stride, groups, bias, padding }
            }
        ),
        2 => (1u32..=5, 1u32..=2).prop_map(|(kernel, stride)| Step::Depthwise { kernel, stride }),
        3 => Just(Step::BatchNorm),
        1 => Just(Step::LayerNorm),
        3 => (0..ACTIVATIONS.len()).prop_map(Step::Act),
        1 => (any::<bool>(), 1u32..=3, 1u32..=2, prop::option::of(0u32..2)).prop_map(
            |(max, kernel, stride, padding)| Step::Window { max, kernel, stride, padding }
        ),
        1 => Just(Step::Gain),
        1 => Just(Step::Gate),
        3 => any::<Index>().prop_map(Step::Add),
        2 => prop::collection::vec(any::<Index>(), 2..5).prop_map(Step::Concat),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, channels)| Step::Narrow { from, channels }),
        1 => Just(Step::Whole),
        1 => (1u32..=4).prop_map(Step::Shuffle),
        3 => any::<Index>().prop_map(Step::Resume),
    ]
}

/// A network and what it is run with.
#[derive(Clone, Debug)]
struct Network {
    steps: Vec<Step>,
    channels: u32,
    size: ImageSize,
    padding: Padding,
    seed: i64,
}

fn network() -> impl Strategy<Value = Network> {
    let padding = prop_oneof![Just(Padding::Symmetric), Just(Padding::Same)];
    let parts = (prop::collection::vec(step(), 5..PARTS.len()), 1u32..=5, (3u32..=11, 3u32..=11), padding, 0i64..1000);
    parts.prop_map(|(steps, channels, (height, width), padding, seed)| Network {
        steps,
        channels,
        size: ImageSize { height, width },
        padding,
        seed,
    })
}

impl Network {
    fn plan(&self) -> Plan {
        let rules = Rules {
            width_rounding: WidthRounding::Divisible(8),
            depth_rounding: DepthRounding::Up,
            input_channels: self.channels,
            norm: Norm::BatchNorm(BatchNorm { eps: 1e-5, momentum: 0.1 }),
            activation: Activation::Relu,
            init: Init::DEFAULT,
        };
        let options = Options { input_size: self.size, classes: 5, padding: self.padding, ..Options::DEFAULT };
        Plan::of(&options, &rules, |b| self.emit(b)).expect("steps that are none were left out")
    }

    fn emit(&self, b: &mut PlanBuilder<'_>) {
        let mut values = vec![b.value()];
        for (step, part) in self.steps.iter().zip(PARTS) {
            b.enter(Place::Stage { stage: 0, block: 0 });
            b.part(part);
            self.step(step, &values, b);
            values.push(b.value());
        }
        b.enter(Place::Top);
        b.pool();
        b.linear();
    }

    fn step(&self, step: &Step, values: &[Value], b: &mut PlanBuilder<'_>) {
        let shape = b.value().shape;
        let padded = |padding: Option<u32>, kernel: u32| padding.filter(|own| own * 2 <= kernel && *own < kernel);
        let fits = |kernel: u32, padding: Option<u32>| {
            padding.is_none_or(|own| shape.h + 2 * own >= kernel && shape.w + 2 * own >= kernel)
        };
        match step {
            Step::Convolution { channels, kernel, stride, groups, bias, padding } => {
                let padding = padded(*padding, *kernel);
                let groups = if shape.c.is_multiple_of(*groups) { *groups } else { 1 };
                let channels = channels * groups;
                let (kernel, stride, bias) = (*kernel, *stride, *bias);
                if fits(kernel, padding) {
                    b.convolution(Convolution { channels, kernel, stride, groups, bias, padding });
                }
            }
            Step::Depthwise { kernel, stride } => b.depthwise(*kernel, *stride),
            Step::BatchNorm => b.norm(),
            Step::LayerNorm => b.normalise(Norm::LayerNorm(LayerNorm { eps: 1e-6 })),
            Step::Act(which) => b.act(ACTIVATIONS[*which]),
            Step::Window { max, kernel, stride, padding } => {
                let padding = padded(*padding, *kernel);
                let pooling = if *max { Pooling::Max } else { Pooling::Average };
                if fits(*kernel, padding) {
                    b.window(Window { pooling, kernel: *kernel, stride: *stride, padding });
                }
            }
            Step::Gain => b.gain(0.5),
            Step::Gate => {
                let features = b.value();
                b.pool();
                b.act(Activation::Sigmoid);
                b.scale(features);
            }
            Step::Add(other) => {
                let other = other.get(values);
                if other.shape.equals(shape) {
                    b.add(*other);
                }
            }
            Step::Concat(others) => {
                let others: Vec<Value> = others.iter().map(|other| *other.get(values)).collect();
                let fits = others.iter().all(|other| other.shape.same_map(others[0].shape));
                if fits && others.iter().map(|other| other.shape.c).sum::<u32>() <= WIDE {
                    b.concat(&others);
                }
            }
            Step::Narrow { from, channels } => {
                let from = from.index(shape.c as usize) as u32;
                b.narrow(from, 1 + channels.index((shape.c - from) as usize) as u32);
            }
            Step::Whole => b.narrow(0, shape.c),
            Step::Shuffle(groups) if shape.c.is_multiple_of(*groups) => b.shuffle(*groups),
            Step::Shuffle(_) => {}
            Step::Resume(value) => b.resume(*value.get(values)),
        }
    }
}

/// libtorch has one generator for all threads: whoever draws holds this.
fn alone() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    tch::set_num_threads(1);
    GENERATOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn options(kind: Kind, seed: i64) -> ModelOptions {
    ModelOptions { kind, seed, device: Device::Cpu }
}

/// A model in f64 whose statistics and shifts are none of the simple ones that it starts with, and its twin in f32.
fn models(network: &Network) -> (Model, Model) {
    let mut double = Model::new(network.plan(), &options(Kind::Double, network.seed)).unwrap();
    let mut single = Model::new(network.plan(), &options(Kind::Float, network.seed)).unwrap();
    tch::manual_seed(network.seed);
    tch::no_grad(|| {
        for (tensor, twin) in double.tensors_mut().zip(single.tensors_mut()) {
            // Vectors are norms, biases and gains; a variance stays over 0.
            if tensor.dim() == 1 {
                let _ = tensor.g_add_(&(tensor.rand_like() * 0.5));
            }
            twin.copy_(&tensor.to_kind(Kind::Float));
            tensor.copy_(&twin.to_kind(Kind::Double));
        }
    });
    (double, single)
}

fn images(network: &Network, kind: Kind) -> Tensor {
    tch::manual_seed(network.seed + 1);
    let size = [3, i64::from(network.channels), i64::from(network.size.height), i64::from(network.size.width)];
    Tensor::randn(size, (Kind::Float, Device::Cpu)).to_kind(kind)
}

/// The largest difference, as a share of the largest value.
fn off(found: &Tensor, expected: &Tensor) -> f64 {
    let difference = (found.to_kind(Kind::Double) - expected).abs().max().double_value(&[]);
    difference / expected.abs().max().double_value(&[]).max(1e-3)
}

/// The sum of logits with fixed weights, and the gradients of all parameters of it.
fn gradients(model: &Model, images: &Tensor, mode: Mode) -> (f64, Vec<Tensor>) {
    let logits = model.forward(images, mode).unwrap();
    let weights = Tensor::arange(logits.numel() as i64, (logits.kind(), Device::Cpu)).cos().view_as(&logits);
    let loss = (logits * weights).sum(images.kind());
    let parameters: Vec<&Tensor> = model.parameters().iter().map(|parameter| &parameter.tensor).collect();
    let gradients = Tensor::run_backward(&[&loss], &parameters, false, false);
    (loss.double_value(&[]), gradients)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_way_to_run_a_network_computes_the_same(network in network()) {
        let _alone = alone();
        let (double, single) = models(&network);
        let (exact, images) = (images(&network, Kind::Double), images(&network, Kind::Float));
        let expected = tch::no_grad(|| double.forward(&exact, Mode::Eval)).unwrap();
        let mut found = vec![("f32", tch::no_grad(|| single.forward(&images, Mode::Eval)).unwrap())];
        for (name, backend) in [
            ("channels_last", Backend::Libtorch(MemoryFormat::ChannelsLast)),
            ("contiguous", Backend::Libtorch(MemoryFormat::Contiguous)),
            ("native", Backend::Native),
        ] {
            found.push((name, single.deploy(backend).unwrap().forward(&images).unwrap()));
        }
        let folded = double.deploy(Backend::Libtorch(MemoryFormat::ChannelsLast)).unwrap().forward(&exact).unwrap();
        prop_assert!(off(&folded, &expected) < 1e-9, "folded in f64: {}", off(&folded, &expected));
        for (name, logits) in found {
            prop_assert!(off(&logits, &expected) < 2e-3, "{name}: off by {}", off(&logits, &expected));
        }
    }

    #[test]
    fn a_network_as_onnx_computes_the_same(network in network()) {
        let _alone = alone();
        let (double, single) = models(&network);
        let exact = images(&network, Kind::Double);
        let expected = tch::no_grad(|| double.forward(&exact, Mode::Eval)).unwrap();
        let opset = OPSETS.start() + network.seed as u32 % (OPSETS.end() - OPSETS.start() + 1);
        let graph = single.to_onnx(&OnnxOptions { opset, ..OnnxOptions::default() }).unwrap();
        prop_assert_eq!(graph.check().map_err(|error| error.to_string()), Ok(()));
        prop_assert!(Graph::decode(&graph.encode().unwrap()).unwrap() == graph);
        let found = interpreter::run(&graph, &exact);
        prop_assert!(off(&found, &expected) < 1e-4, "opset {opset}: off by {}", off(&found, &expected));
    }

    #[test]
    fn gradients_are_the_numeric_ones(network in network()) {
        let _alone = alone();
        let (mut double, single) = models(&network);
        let (exact, images) = (images(&network, Kind::Double), images(&network, Kind::Float));
        let (_, gradients_of_double) = gradients(&double, &exact, Mode::Eval);
        let (_, gradients_of_single) = gradients(&single, &images, Mode::Eval);
        // Along a direction that has a share of every parameter.
        tch::manual_seed(network.seed + 2);
        let direction: Vec<Tensor> = double.parameters().iter().map(|one| one.tensor.detach().randn_like()).collect();
        let along: f64 = gradients_of_double.iter().zip(&direction)
            .filter(|(gradient, _)| gradient.defined())
            .map(|(gradient, way)| (gradient * way).sum(Kind::Double).double_value(&[]))
            .sum();
        let mut moved = |by: f64| {
            tch::no_grad(|| {
                for (parameter, way) in double.parameters_mut().iter_mut().zip(&direction) {
                    let _ = parameter.tensor.g_add_(&(way * by));
                }
            });
            let loss = gradients(&double, &exact, Mode::Eval).0;
            tch::no_grad(|| {
                for (parameter, way) in double.parameters_mut().iter_mut().zip(&direction) {
                    let _ = parameter.tensor.g_add_(&(way * -by));
                }
            });
            loss
        };
        // Where a kink lies within the larger step, a smaller one does not reach it.
        let numeric = [1e-5, 1e-6, 1e-7].map(|step| (moved(step) - moved(-step)) / (2.0 * step));
        let scale = along.abs().max(1.0);
        let nearest = numeric.iter().map(|slope| (slope - along).abs() / scale).fold(f64::INFINITY, f64::min);
        prop_assert!(nearest < 1e-4, "the gradient along a direction is {along}, numeric ones are {numeric:?}");
        for ((one, other), parameter) in gradients_of_single.iter().zip(&gradients_of_double).zip(single.parameters()) {
            prop_assert_eq!(one.defined(), other.defined());
            if other.defined() {
                let scale = gradients_of_double.iter().filter(|gradient| gradient.defined());
                let scale = scale.map(|gradient| gradient.abs().max().double_value(&[])).fold(1e-3, f64::max);
                let off = (one.to_kind(Kind::Double) - other).abs().max().double_value(&[]) / scale;
                prop_assert!(off < 5e-3, "{}: off by {off} of the largest", parameter.name);
            }
        }
    }
}
