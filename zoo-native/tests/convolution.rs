//! The convolution for inference against libtorch's in f64.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};
use zoo_native::convolution::{Activation, Convolution, global_mean};
use zoo_native::cpu::Simd;
use zoo_native::depthwise::Padding;

const ACTIVATIONS: [Activation; 7] = [
    Activation::None,
    Activation::Relu,
    Activation::Relu6,
    Activation::Silu,
    Activation::HardSwish,
    Activation::Sigmoid,
    Activation::HardSigmoid,
];

/// The random generator, the threads and the instruction level belong to the process, so one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn random(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, (Kind::Float, Device::Cpu))
}

fn map(shape: [i64; 4]) -> Tensor {
    let [n, c, h, w] = shape;
    random(&[n, h, w, c]).permute([0, 3, 1, 2])
}

fn activated(x: Tensor, activation: Activation) -> Tensor {
    match activation {
        Activation::None => x,
        Activation::Relu => x.relu(),
        Activation::Relu6 => x.relu6(),
        Activation::Silu => x.silu(),
        Activation::HardSwish => x.hardswish(),
        Activation::Sigmoid => x.sigmoid(),
        Activation::HardSigmoid => x.hardsigmoid(),
    }
}

/// One convolution with everything that may surround it.
struct Case {
    x: Tensor,
    weight: Tensor,
    bias: Option<Tensor>,
    stride: i64,
    padding: Padding,
    groups: i64,
    activation: Activation,
    gate: Option<Tensor>,
    residual: bool,
}

impl Case {
    fn expected(&self, residual: Option<&Tensor>) -> Tensor {
        let double = |x: &Tensor| x.to_kind(Kind::Double);
        let x = self.gate.as_ref().map_or_else(|| double(&self.x), |gate| double(&self.x) * double(gate));
        let p = self.padding;
        let x = x.constant_pad_nd([p.left, p.right, p.top, p.bottom]);
        let y = x.conv2d(&double(&self.weight), self.bias.as_ref().map(double), self.stride, 0, 1, self.groups);
        let y = activated(y, self.activation);
        residual.map_or_else(|| y.shallow_clone(), |residual| &y + double(residual))
    }

    /// The sum of the magnitudes of a result's terms. Where they cancel, the result may be as small as it likes, and its
    /// rounding error is as large as that of this sum; no activation here multiplies it by more than 1.1.
    fn magnitude(&self, residual: Option<&Tensor>) -> Tensor {
        let case = Case {
            x: self.x.abs(),
            weight: self.weight.abs(),
            bias: self.bias.as_ref().map(Tensor::abs),
            gate: self.gate.as_ref().map(Tensor::abs),
            activation: Activation::None,
            ..*self
        };
        case.expected(residual.map(Tensor::abs).as_ref())
    }

    #[track_caller]
    fn check(&self) {
        let bias = self.bias.as_ref();
        let convolution =
            Convolution::new(&self.weight, bias, self.stride, self.padding, self.groups, self.activation).unwrap();
        let shape = self.expected(None).size();
        let residual = self.residual.then(|| map([shape[0], shape[1], shape[2], shape[3]]));
        let expected = self.expected(residual.as_ref());
        let ours = convolution.run(&self.x, self.gate.as_ref(), residual.as_ref()).unwrap();
        assert_eq!(ours.size(), expected.size());
        let magnitude = self.magnitude(residual.as_ref()) + expected.abs();
        let off = ((ours.to_kind(Kind::Double) - expected).abs() / magnitude).max().double_value(&[]);
        let what = (self.x.size(), self.weight.size(), self.stride, self.padding, self.activation);
        assert!(off < 3e-6, "off by {off:.1e}: {what:?}, gate {:?}, residual {}", self.gate.is_some(), self.residual);
    }
}

fn on_every_level(check: impl Fn()) {
    let _alone = alone();
    for level in [Simd::Baseline, Simd::Avx2, Simd::Avx512] {
        level.select();
        check();
    }
    Simd::Avx512.select();
}

#[test]
fn products_of_every_width_equal_libtorch_with_all_that_surrounds_them() {
    on_every_level(|| {
        // Columns around one, two, three and more vectors of every level, whole and ragged.
        for (index, outputs) in [1, 3, 4, 8, 12, 13, 16, 17, 24, 31, 40, 48, 56, 72].into_iter().enumerate() {
            for [n, h, w] in [[1, 1, 1], [2, 1, 1], [1, 5, 5], [3, 7, 4]] {
                let inputs = [3, 8, 19][index % 3];
                for gated in [false, true] {
                    Case {
                        x: map([n, inputs, h, w]),
                        weight: random(&[outputs, inputs, 1, 1]),
                        bias: (index % 2 == 0).then(|| random(&[outputs])),
                        stride: 1,
                        padding: Padding::default(),
                        groups: 1,
                        activation: ACTIVATIONS[index % ACTIVATIONS.len()],
                        gate: gated.then(|| map([n, inputs, 1, 1])),
                        residual: index % 3 != 0,
                    }
                    .check();
                }
            }
        }
    });
}

#[test]
fn patches_are_gathered_with_their_borders() {
    on_every_level(|| {
        for (k, stride) in [(1, 2), (3, 1), (3, 2), (5, 2), (7, 1)] {
            for [h, w] in [[1, 1], [5, 8], [9, 9]] {
                for padding in [
                    Padding::symmetric((k - 1) / 2),
                    Padding::same(h, w, k, stride),
                    Padding { top: k, left: 0, bottom: 1, right: k + 1 },
                ] {
                    let size = |side: i64, border: i64| side + border >= k;
                    if !size(h, padding.top + padding.bottom) || !size(w, padding.left + padding.right) {
                        continue;
                    }
                    Case {
                        x: map([2, 3, h, w]),
                        weight: random(&[16, 3, k, k]),
                        bias: Some(random(&[16])),
                        stride,
                        padding,
                        groups: 1,
                        activation: Activation::HardSwish,
                        gate: None,
                        residual: true,
                    }
                    .check();
                }
            }
        }
    });
}

#[test]
fn depthwise_ones_take_bias_and_activation_along() {
    on_every_level(|| {
        for (activation, (k, stride)) in ACTIVATIONS.into_iter().zip([(3, 1), (3, 2), (5, 1), (5, 2), (7, 1), (3, 1)]) {
            for [channels, h, w] in [[8, 7, 7], [24, 14, 14], [19, 6, 9], [40, 1, 1]] {
                for padding in [Padding::symmetric((k - 1) / 2), Padding::same(h, w, k, stride)] {
                    Case {
                        x: map([2, channels, h, w]),
                        weight: random(&[channels, 1, k, k]),
                        bias: Some(random(&[channels])),
                        stride,
                        padding,
                        groups: channels,
                        activation,
                        gate: None,
                        residual: false,
                    }
                    .check();
                }
            }
        }
    });
}

#[test]
fn means_equal_libtorch() {
    on_every_level(|| {
        for shape in [[1, 8, 1, 1], [2, 72, 7, 7], [1, 131, 3, 5]] {
            let x = map(shape);
            let expected = x.to_kind(Kind::Double).mean_dim([2i64, 3].as_slice(), true, None::<Kind>);
            let off = (global_mean(&x).unwrap().to_kind(Kind::Double) - expected).abs().max().double_value(&[]);
            assert!(off < 1e-6, "{shape:?} off by {off:.1e}");
        }
    });
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let _alone = alone();
    let (x, gate) = (map([3, 40, 9, 9]), map([3, 40, 1, 1]));
    let weight = random(&[72, 40, 1, 1]);
    let convolution = Convolution::new(&weight, None, 1, Padding::default(), 1, Activation::Silu).unwrap();
    tch::set_num_threads(2);
    let two = convolution.run(&x, Some(&gate), None).unwrap();
    tch::set_num_threads(1);
    let one = convolution.run(&x, Some(&gate), None).unwrap();
    tch::set_num_threads(2);
    assert!(one.equal(&two));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let _alone = alone();
    let none = Padding::default();
    let weight = random(&[16, 8, 1, 1]);
    assert!(!Convolution::takes(&random(&[16, 4, 3, 3]), 2) && !Convolution::takes(&weight.to_kind(Kind::Double), 1));
    assert!(Convolution::new(&random(&[16, 4, 3, 3]), None, 1, none, 2, Activation::None).is_err(), "groups");
    assert!(Convolution::new(&weight, None, 0, none, 1, Activation::None).is_err(), "stride");
    assert!(Convolution::new(&weight, None, 1, Padding::symmetric(-1), 1, Activation::None).is_err(), "padding");
    let convolution = Convolution::new(&weight, None, 1, none, 1, Activation::None).unwrap();
    let x = map([2, 8, 3, 3]);
    assert!(convolution.run(&x, None, None).is_ok());
    assert!(convolution.run(&map([2, 9, 3, 3]), None, None).is_err(), "channels");
    assert!(convolution.run(&random(&[2, 8, 3, 3]), None, None).is_err(), "layout");
    assert!(convolution.run(&x.to_kind(Kind::Double), None, None).is_err(), "kind");
    assert!(convolution.run(&x, Some(&map([1, 8, 1, 1])), None).is_err(), "gate");
    assert!(convolution.run(&x, None, Some(&map([2, 16, 3, 2]))).is_err(), "residual");
    let wide = Convolution::new(&random(&[4, 8, 5, 5]), None, 1, none, 1, Activation::None).unwrap();
    assert!(wide.run(&x, None, None).is_err(), "a kernel larger than the map");
}

#[test]
fn a_bias_that_is_not_the_outputs_own_is_refused() {
    let _alone = alone();
    let weight = random(&[8, 4, 1, 1]);
    let packed = |weight: &Tensor, bias: &Tensor, groups| {
        Convolution::new(weight, Some(bias), 1, Padding::default(), groups, Activation::None)
    };
    assert!(packed(&weight, &random(&[8]), 1).is_ok());
    let halves = random(&[8]).to_kind(Kind::Half);
    for bias in [random(&[7]), random(&[9]), random(&[1]), random(&[0]), random(&[2, 4]), halves] {
        let error = packed(&weight, &bias, 1).unwrap_err().to_string();
        assert!(error.contains("bias of shape"), "{error}");
        assert!(packed(&random(&[8, 1, 3, 3]), &bias, 8).is_err());
    }
}

#[test]
fn a_batch_without_images_gives_one_and_a_weight_without_values_is_refused() {
    let _alone = alone();
    let gate = map([0, 4, 1, 1]);
    let cases =
        [([8, 4, 1, 1], 1, Some(&gate)), ([8, 4, 1, 1], 1, None), ([8, 4, 3, 3], 1, None), ([4, 1, 3, 3], 4, None)];
    for (shape, groups, gate) in cases {
        let weight = random(&shape);
        let padding = Padding::symmetric((shape[2] - 1) / 2);
        let packed = Convolution::new(&weight, None, 1, padding, groups, Activation::Relu).unwrap();
        assert_eq!(packed.run(&map([0, 4, 5, 5]), gate, None).unwrap().size(), [0, shape[0], 5, 5]);
    }
    for shape in [[0, 4, 1, 1], [8, 0, 1, 1], [8, 4, 0, 0]] {
        let empty = Convolution::new(&random(&shape), None, 1, Padding::default(), 1, Activation::None);
        assert!(empty.unwrap_err().to_string().contains("is empty"), "{shape:?}");
    }
    assert_eq!(global_mean(&map([0, 4, 5, 5])).unwrap().size(), [0, 4, 1, 1]);
    assert!(global_mean(&map([2, 4, 0, 5])).is_err());
}
