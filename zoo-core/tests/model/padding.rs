//! Where strided convolutions put their zeros.

use tch::Tensor;
use zoo_core::model::{Mode, Model};
use zoo_core::{Options, Padding, Plan, network};

use super::{images, logits, model, number, plan, same_bits, take_turn};

network! {
    /// Only strides of 1.
    UNSTRIDED;
    input 3 x 8;
    norm BatchNorm { eps: 1e-5, momentum: 0.1 };
    act Relu;
    stem Conv { k: 3, c: 8, s: 1 };
    stages Separable { k c; 3 8; 5 8; }
    top pool, linear;
    variants { name; "unstrided"; }
}

network! {
    /// A strided dense convolution and a strided depthwise one.
    STRIDED;
    input 3 x 8;
    norm BatchNorm { eps: 0.0, momentum: 0.1 };
    act Relu;
    stem Conv { k: 3, c: 8, s: 2 };
    stages Separable { k c s; 5 8 2; }
    top pool, linear;
    variants { name; "strided"; }
}

const PADDINGS: [Padding; 2] = [Padding::Symmetric, Padding::Same];

#[test]
fn paddings_agree_in_shape_and_differ_in_value_at_stride_two() {
    let _turn = take_turn();
    for name in super::FAMILIES {
        let plans = PADDINGS.map(|padding| plan(name, |options| Options { padding, ..options }));
        let shapes = |plan: &Plan| plan.ops.iter().map(|op| op.output).collect::<Vec<_>>();
        assert_eq!(shapes(&plans[0]), shapes(&plans[1]), "{name}");
        let batch = images(2, 32, 1);
        let [symmetric, same] = plans.map(|plan| logits(&model(plan), &batch, Mode::Eval));
        assert_eq!(symmetric.size(), same.size());
        assert!(!same_bits(&symmetric, &same), "{name}");
    }
}

#[test]
fn paddings_agree_where_nothing_strides() {
    let _turn = take_turn();
    let batch = images(2, 8, 1);
    let options = PADDINGS.map(|padding| Options { input_size: 8.into(), classes: 3, padding, ..Options::DEFAULT });
    let [symmetric, same] =
        options.map(|options| logits(&model(Plan::new(&UNSTRIDED, &options).unwrap()), &batch, Mode::Eval));
    assert!(same_bits(&symmetric, &same));
}

/// Zeros before and behind a row of `size`, as TensorFlow's documentation has it for SAME.
fn zeros(padding: Padding, size: i64, kernel: i64, stride: i64) -> (i64, i64) {
    match padding {
        Padding::Symmetric => ((kernel - 1) / 2, (kernel - 1) / 2),
        Padding::Same => {
            let over = if size % stride == 0 { kernel - stride } else { kernel - size % stride };
            let total = over.max(0);
            (total / 2, total - total / 2)
        }
    }
}

/// The network above with libtorch's plain operations, in evaluation with fresh statistics.
fn by_hand(model: &Model, images: &Tensor, padding: Padding) -> Tensor {
    let parameter = |name: &str| &model.parameters().iter().find(|parameter| parameter.name == name).unwrap().tensor;
    let convolved = |x: Tensor, name: &str, kernel: i64, groups: i64| {
        let (before, behind) = zeros(padding, x.size()[2], kernel, 2);
        let padded = x.constant_pad_nd([before, behind, before, behind]);
        padded.conv2d(parameter(name), None::<Tensor>, [2, 2], [0, 0], [1, 1], groups).relu()
    };
    let x = convolved(images.shallow_clone(), "stem.conv.weight", 3, 1);
    let x = convolved(x, "stages.0.0.depthwise.conv.weight", 5, 8);
    let pointwise = parameter("stages.0.0.pointwise.conv.weight");
    let x = x.conv2d(pointwise, None::<Tensor>, [1, 1], [0, 0], [1, 1], 1).relu();
    x.mean_dim([2i64, 3].as_slice(), false, None).linear(parameter("top.linear.weight"), None::<Tensor>)
}

#[test]
fn zeros_stand_where_each_padding_puts_them() {
    let _turn = take_turn();
    for side in [7, 8, 9, 10, 12] {
        for padding in PADDINGS {
            let options = Options { input_size: side.into(), classes: 3, padding, ..Options::DEFAULT };
            let model = model(Plan::new(&STRIDED, &options).unwrap());
            let batch = images(2, side.into(), 1);
            let got = logits(&model, &batch, Mode::Eval);
            let difference = number(&tch::no_grad(|| (by_hand(&model, &batch, padding) - got).abs().max()));
            assert!(difference < 1e-5, "{padding:?} at {side} px: {difference}");
        }
    }
}

#[test]
fn padding_can_be_that_of_other_weights() {
    let _turn = take_turn();
    let batch = images(2, 32, 1);
    let expected =
        logits(&model(plan("mobilenet-v2-0.35", |o| Options { padding: Padding::Same, ..o })), &batch, Mode::Eval);
    let mut model = model(plan("mobilenet-v2-0.35", |options| options));
    model.set_padding(Padding::Same);
    assert!(same_bits(&expected, &logits(&model, &batch, Mode::Eval)));
}
