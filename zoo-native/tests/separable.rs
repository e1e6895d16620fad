//! Convolutions that run as one, against libtorch's in f64.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};
use zoo_native::convolution::{Activation, Convolution, Separable};
use zoo_native::cpu::Simd;
use zoo_native::depthwise::Padding;

/// Shapes of the random test.
const CASES: usize = 120;

/// The random generator, the threads and the instruction level belong to the process, so one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn random(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, (Kind::Float, Device::Cpu))
}

fn map([n, c, h, w]: [i64; 4]) -> Tensor {
    random(&[n, h, w, c]).permute([0, 3, 1, 2])
}

/// A number below `below`, by libtorch's generator.
fn below(below: usize) -> usize {
    Tensor::randint(below as i64, [1], (Kind::Int64, Device::Cpu)).int64_value(&[0]) as usize
}

fn one_of<T: Copy>(values: &[T]) -> T {
    values[below(values.len())]
}

/// A convolution of the three.
struct Layer {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: Padding,
    groups: i64,
    activation: Activation,
}

impl Layer {
    fn new(weight: &[i64], stride: i64, padding: Padding, groups: i64) -> Layer {
        let activation = one_of(&[Activation::None, Activation::Relu6, Activation::Silu, Activation::HardSwish]);
        let scale = 1.0 / ((weight[1] * weight[2] * weight[3]) as f64).sqrt();
        Layer { weight: random(weight) * scale, bias: random(&weight[..1]), stride, padding, groups, activation }
    }

    fn packed(&self) -> Convolution {
        let Layer { weight, bias, stride, padding, groups, activation } = self;
        Convolution::new(weight, Some(bias), *stride, *padding, *groups, *activation).unwrap()
    }

    fn expected(&self, x: &Tensor) -> Tensor {
        let double = |tensor: &Tensor| tensor.to_kind(Kind::Double);
        let Padding { top, left, bottom, right } = self.padding;
        let x = double(x).constant_pad_nd([left, right, top, bottom]);
        let y = x.conv2d(&double(&self.weight), Some(double(&self.bias)), self.stride, 0, 1, self.groups);
        match self.activation {
            Activation::Relu6 => y.relu6(),
            Activation::Silu => y.silu(),
            Activation::HardSwish => y.hardswish(),
            _ => y,
        }
    }
}

/// Random layers that fit each other, with an input.
struct Case {
    x: Tensor,
    expand: Option<Layer>,
    depthwise: Layer,
    project: Option<Layer>,
    residual: bool,
}

impl Case {
    fn random() -> Case {
        let (h, w) = (1 + below(30) as i64, 1 + below(30) as i64);
        let (inputs, channels, outputs) =
            (one_of(&[3, 8, 16, 19, 24]), one_of(&[5, 8, 16, 24, 40, 48, 72, 100]), one_of(&[4, 8, 24, 33, 40]));
        let padding = |h: i64, w: i64, k: i64, stride: i64| {
            let own = Padding { top: below(3) as i64, left: k - 1, bottom: k - 1, right: below(2) as i64 };
            [Padding::symmetric((k - 1) / 2), Padding::same(h, w, k, stride), own][below(3)]
        };
        let (mut size, mut expand) = ((h, w), None);
        if below(3) > 0 {
            let (k, stride) = one_of(&[(1, 1), (1, 1), (3, 2), (3, 1), (1, 2), (5, 2)]);
            let padding = if k == 1 { Padding::default() } else { padding(h, w, k, stride) };
            let layer = Layer::new(&[channels, inputs, k, k], stride, padding, 1);
            let out = |size: i64, border: i64| (size + border - k) / stride + 1;
            let out = (out(h, padding.top + padding.bottom), out(w, padding.left + padding.right));
            if h + padding.top + padding.bottom >= k && w + padding.left + padding.right >= k {
                (size, expand) = (out, Some(layer));
            }
        }
        let (k, stride) =
            one_of(&[(3, 1), (3, 1), (3, 2), (5, 1), (5, 2), (7, 1), (7, 2), (2, 1), (9, 1), (3, 3), (2, 3)]);
        let padding = match padding(size.0, size.1, k, stride) {
            // Whatever is left must hold the kernel.
            padding if size.0 + padding.top + padding.bottom >= k && size.1 + padding.left + padding.right >= k => {
                padding
            }
            _ => Padding::symmetric(k),
        };
        let depthwise = Layer::new(&[channels, 1, k, k], stride, padding, channels);
        let project = (below(3) > 0).then(|| Layer::new(&[outputs, channels, 1, 1], 1, Padding::default(), 1));
        let residual = project.is_some() && below(2) == 0;
        let inputs = if expand.is_some() { inputs } else { channels };
        Case { x: map([1 + below(3) as i64, inputs, h, w]), expand, depthwise, project, residual }
    }

    fn joined(&self) -> Separable {
        let packed = |layer: &Option<Layer>| layer.as_ref().map(Layer::packed);
        Separable::new(packed(&self.expand), self.depthwise.packed(), packed(&self.project)).unwrap()
    }

    fn expected(&self) -> Tensor {
        let mut y = self.x.to_kind(Kind::Double);
        for layer in [self.expand.as_ref(), Some(&self.depthwise), self.project.as_ref()].into_iter().flatten() {
            y = layer.expected(&y);
        }
        y
    }
}

fn shape(tensor: &Tensor) -> [i64; 4] {
    tensor.size().try_into().unwrap()
}

#[test]
fn random_ones_equal_libtorch_on_every_level_and_any_number_of_threads() {
    let _alone = alone();
    tch::manual_seed(7);
    for index in 0..CASES {
        let case = Case::random();
        let expected = case.expected();
        let residual = case.residual.then(|| map(shape(&expected)));
        let expected = residual.as_ref().map_or_else(|| expected.shallow_clone(), |residual| &expected + residual);
        let largest = expected.abs().max().double_value(&[]).max(1.0);
        let what = format!("{index}: {:?} to {:?}", case.x.size(), expected.size());
        for level in Simd::ALL {
            level.select();
            let joined = case.joined();
            let run = |x: &Tensor| joined.run(x, residual.as_ref()).unwrap();
            let ours = run(&case.x);
            assert_eq!(ours.size(), expected.size(), "{what}");
            let off = (ours.to_kind(Kind::Double) - &expected).abs().max().double_value(&[]) / largest;
            assert!(off < 3e-6, "{what} on {level:?}: off by {off:.1e}");
            tch::set_num_threads(1);
            let alone = run(&case.x);
            tch::set_num_threads(2);
            assert!(alone.equal(&ours), "{what} on {level:?}: another result by one thread");
            if joined.takes_planes() {
                assert!(run(&case.x.contiguous()).equal(&ours), "{what} on {level:?}: another result of planes");
            }
        }
        Simd::Avx512.select();
    }
}

#[test]
fn a_map_of_usual_size_runs_in_strips() {
    let _alone = alone();
    tch::manual_seed(8);
    for stride in [1, 2] {
        let case = Case {
            x: map([2, 16, 56, 112]),
            expand: Some(Layer::new(&[96, 16, 1, 1], 1, Padding::default(), 1)),
            depthwise: Layer::new(&[96, 1, 3, 3], stride, Padding::symmetric(1), 96),
            project: Some(Layer::new(&[24, 96, 1, 1], 1, Padding::default(), 1)),
            residual: false,
        };
        let (ours, expected) = (case.joined().run(&case.x, None).unwrap(), case.expected());
        let off = (ours.to_kind(Kind::Double) - &expected).abs().max().double_value(&[]);
        assert!(off < 1e-5, "off by {off:.1e}");
    }
}

#[test]
fn what_does_not_fit_is_an_error_and_a_batch_without_images_gives_one() {
    let _alone = alone();
    let none = Padding::default();
    let dense = |outputs, inputs, k| Layer::new(&[outputs, inputs, k, k], 1, none, 1).packed();
    let depthwise = |channels| Layer::new(&[channels, 1, 3, 3], 1, Padding::symmetric(1), channels).packed();
    assert!(Separable::new(None, dense(8, 8, 1), None).is_err(), "no depthwise convolution");
    assert!(Separable::new(Some(dense(8, 4, 1)), depthwise(16), None).is_err(), "another number of channels");
    assert!(Separable::new(None, depthwise(16), Some(dense(8, 8, 1))).is_err(), "another number of channels");
    assert!(Separable::new(None, depthwise(8), Some(dense(8, 8, 3))).is_err(), "a wide projection");
    let joined = Separable::new(Some(dense(16, 4, 1)), depthwise(16), Some(dense(8, 16, 1))).unwrap();
    let x = map([2, 4, 5, 5]);
    assert_eq!(joined.run(&x, Some(&map([2, 8, 5, 5]))).unwrap().size(), [2, 8, 5, 5]);
    assert_eq!(joined.run(&map([0, 4, 5, 5]), None).unwrap().size(), [0, 8, 5, 5]);
    assert!(joined.run(&x, Some(&map([2, 8, 5, 4]))).is_err(), "residual");
    assert!(joined.run(&map([2, 5, 5, 5]), None).is_err(), "channels");
    assert!(joined.run(&x.contiguous(), None).is_err(), "layout");
    assert!(joined.run(&x.to_kind(Kind::Double), None).is_err(), "kind");
    assert!(joined.run(&random(&[4, 5, 5]), None).is_err(), "dimensions");
    let wide = Separable::new(None, Layer::new(&[4, 1, 7, 7], 1, none, 4).packed(), None).unwrap();
    assert!(wide.run(&x, None).is_err(), "a kernel larger than the map");
    assert!(wide.run(&map([1, 4, 5, 5]), Some(&map([1, 4, 1, 1]))).is_err(), "a residual without a projection");
}
