//! Each non-linearity is the one of its name, behind a norm and without one, in both precisions.

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Mode, Model, ModelOptions};
use zoo_core::{Activation, OpKind, Options, Plan, network};

use super::{number, take_turn};

network! {
    /// An activation behind a norm, and one behind a convolution with bias.
    TWO;
    input 3 x 4;
    norm BatchNorm { eps: 0.0, momentum: 0.1 };
    act Relu;
    stem Conv { k: 1, c: 8, s: 1 };
    stages Separable { k c; 1 8; }
    top pool, Conv { k: 1, c: 8, norm: Without, bias: With }, linear;
    variants { name; "two"; }
}

const ALL: [Activation; 7] = [
    Activation::Relu,
    Activation::Relu6,
    Activation::Silu,
    Activation::Gelu,
    Activation::HardSwish,
    Activation::Sigmoid,
    Activation::HardSigmoid,
];

/// The formulas of the papers, written out.
fn by_formula(activation: Activation, x: &Tensor) -> Tensor {
    let sigmoid = || (x.neg().exp() + 1.0).reciprocal();
    let hard_sigmoid = || (x + 3.0).clamp(0.0, 6.0) / 6.0;
    match activation {
        Activation::Relu | Activation::Table => x.clamp_min(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Silu => x * sigmoid(),
        Activation::Gelu => x * ((x / std::f64::consts::SQRT_2).erf() + 1.0) * 0.5,
        Activation::HardSwish => x * hard_sigmoid(),
        Activation::Sigmoid => sigmoid(),
        Activation::HardSigmoid => hard_sigmoid(),
    }
}

/// The network above: with fresh statistics and eps 0 its norms change nothing.
fn by_hand(model: &Model, activation: Activation, images: &Tensor) -> Tensor {
    let parameter = |name: &str| &model.parameters().iter().find(|parameter| parameter.name == name).unwrap().tensor;
    let convolved = |x: Tensor, name: &str, groups: i64| {
        x.conv2d(parameter(&format!("{name}.weight")), None::<Tensor>, [1, 1], [0, 0], [1, 1], groups)
    };
    let act = |x: Tensor| by_formula(activation, &x);
    let x = act(convolved(images.shallow_clone(), "stem.conv", 1));
    let x = act(convolved(x, "stages.0.0.depthwise.conv", 8));
    let x = act(convolved(x, "stages.0.0.pointwise.conv", 1));
    let x = x.mean_dim([2i64, 3].as_slice(), true, None);
    let x = act(convolved(x, "top.conv", 1) + parameter("top.conv.bias").view([1, 8, 1, 1]));
    x.flatten(1, -1).linear(parameter("top.linear.weight"), Some(parameter("top.linear.bias")))
}

#[test]
fn every_activation_is_the_function_of_its_name() {
    let _turn = take_turn();
    for (activation, kind) in ALL.into_iter().flat_map(|act| [(act, Kind::Float), (act, Kind::Double)]) {
        let mut plan = Plan::new(&TWO, &Options { input_size: 4.into(), classes: 5, ..Options::DEFAULT }).unwrap();
        let slots = plan.ops.iter_mut().filter(|op| matches!(op.kind, OpKind::Act(_)));
        assert_eq!(slots.map(|op| op.kind = OpKind::Act(activation)).count(), 4);
        let model = Model::new(plan, &ModelOptions { kind, ..ModelOptions::default() }).unwrap();
        for parameter in model.parameters().iter().filter(|parameter| parameter.name == "top.conv.bias") {
            let _ = tch::no_grad(|| parameter.tensor.shallow_clone().uniform_(-4.0, 4.0));
        }
        // Wide enough to reach every branch of every formula.
        let images = Tensor::randn([16, 3, 4, 4], (kind, Device::Cpu)) * 20.0;
        let (got, expected) =
            tch::no_grad(|| (model.forward(&images, Mode::Eval).unwrap(), by_hand(&model, activation, &images)));
        let off = number(&(got - &expected).abs().max()) / number(&expected.abs().max());
        let most = if kind == Kind::Double { 1e-12 } else { 1e-5 };
        assert!(off < most, "{} in {kind:?}: off by {off:.1e}", activation.name());
    }
}
