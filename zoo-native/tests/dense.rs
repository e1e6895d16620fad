//! The dense kernels against libtorch's convolution in f64: values and all gradients.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};
use zoo_native::cpu::Simd;
use zoo_native::dense::dense_conv2d;
use zoo_native::depthwise::Padding;

/// The random generator and the instruction level belong to the process, so one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn random(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, (Kind::Float, Device::Cpu))
}

fn map(shape: [i64; 4]) -> Tensor {
    random(&[shape[0], shape[2], shape[3], shape[1]]).permute([0, 3, 1, 2])
}

/// A case: input, weight, bias or none, and how they meet.
struct Case {
    x: Tensor,
    weight: Tensor,
    bias: Option<Tensor>,
    stride: i64,
    padding: Padding,
    /// Whether the input needs a gradient.
    inner: bool,
}

impl Case {
    fn pointwise(shape: [i64; 4], outputs: i64) -> Case {
        let (x, weight) = (map(shape), random(&[outputs, shape[1], 1, 1]));
        Case { x, weight, bias: None, stride: 1, padding: Padding::default(), inner: true }
    }

    fn stem(shape: [i64; 4], outputs: i64, kernel: i64, stride: i64, padding: Padding) -> Case {
        let (x, weight) = (map(shape), random(&[outputs, shape[1], kernel, kernel]));
        Case { x, weight, bias: None, stride, padding, inner: false }
    }

    /// Output and gradients of weight, input and bias; `upstream` says the gradient of the output from its waves, which
    /// differ from pixel to pixel.
    fn run(
        &self,
        kind: Kind,
        upstream: impl Fn(Tensor) -> Tensor,
        forward: impl Fn(&Case, &Tensor, &Tensor, Option<&Tensor>) -> Tensor,
    ) -> Vec<Tensor> {
        let leaf = |tensor: &Tensor| tensor.detach().to_kind(kind).set_requires_grad(true);
        let (weight, bias) = (leaf(&self.weight), self.bias.as_ref().map(leaf));
        let x = leaf(&self.x).set_requires_grad(self.inner);
        let y = forward(self, &x, &weight, bias.as_ref());
        let waves = Tensor::arange(y.numel() as i64, (Kind::Double, Device::Cpu)).cos().reshape(y.size());
        (&y * upstream(waves).to_kind(kind)).sum(kind).backward();
        let mut found = vec![y.detach(), weight.grad()];
        found.extend(self.inner.then(|| x.grad()));
        found.extend(bias.map(|bias| bias.grad()));
        found
    }

    fn ours(&self) -> Vec<Tensor> {
        self.run(
            Kind::Float,
            |waves| waves,
            |case, x, weight, bias| dense_conv2d(x, weight, bias, case.stride, case.padding).unwrap(),
        )
    }

    fn reference(&self, upstream: impl Fn(Tensor) -> Tensor) -> Vec<Tensor> {
        self.run(Kind::Double, upstream, |case, x, weight, bias| {
            let p = case.padding;
            x.constant_pad_nd([p.left, p.right, p.top, p.bottom]).conv2d(weight, bias, case.stride, 0, 1, 1)
        })
    }

    /// The sums of the magnitudes of the terms of each result. A result in which they cancel may be as small as it
    /// likes, and its rounding error as large as that of these.
    fn magnitudes(&self) -> Vec<Tensor> {
        let case =
            Case { x: self.x.abs(), weight: self.weight.abs(), bias: self.bias.as_ref().map(Tensor::abs), ..*self };
        case.reference(|waves| waves.abs())
    }

    fn check(&self) {
        let (ours, expected, magnitudes) = (self.ours(), self.reference(|waves| waves), self.magnitudes());
        assert_eq!(ours.len(), expected.len());
        for (at, ((ours, expected), magnitude)) in ours.iter().zip(&expected).zip(&magnitudes).enumerate() {
            assert_eq!(ours.size(), expected.size());
            // A pixel that a stride passes over has no terms, and a gradient of exactly 0.
            let off =
                ((ours.to_kind(Kind::Double) - expected).abs() / magnitude.clamp_min(1e-30)).max().double_value(&[]);
            assert!(off < 2e-6, "result {at} off by {off:.1e}: {:?} to {:?}", self.x.size(), self.weight.size());
        }
    }
}

#[test]
fn every_shape_equals_libtorch_on_every_level() {
    let _alone = alone();
    for level in [Simd::Baseline, Simd::Avx2, Simd::Avx512] {
        level.select();
        for shape in [[1, 1, 1, 1], [3, 24, 2, 2], [2, 19, 7, 4], [1, 40, 13, 32], [130, 16, 5, 5], [7, 97, 3, 3]] {
            for outputs in [1, 8, 10, 33, 48, 130] {
                Case::pointwise(shape, outputs).check();
                Case { bias: Some(random(&[outputs])), ..Case::pointwise(shape, outputs) }.check();
            }
        }
        for stride in [1, 2] {
            for padding in [Padding::symmetric(1), Padding::same(9, 8, 3, stride), Padding::default()] {
                Case::stem([5, 3, 9, 8], 24, 3, stride, padding).check();
            }
        }
        Case::stem([2, 4, 6, 6], 8, 1, 2, Padding::default()).check();
    }
    Simd::Avx512.select();
}

#[test]
fn an_input_that_needs_a_gradient_goes_to_libtorch_where_the_kernel_is_wide() {
    let _alone = alone();
    Case { inner: true, ..Case::stem([2, 3, 9, 8], 8, 3, 2, Padding::same(9, 8, 3, 2)) }.check();
    Case { inner: true, bias: Some(random(&[8])), ..Case::stem([2, 3, 9, 8], 8, 1, 2, Padding::default()) }.check();
}

#[test]
fn contiguous_maps_go_to_libtorch() {
    let _alone = alone();
    let case = Case::pointwise([2, 6, 5, 5], 7);
    Case { x: case.x.contiguous(), ..case }.check();
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let _alone = alone();
    for case in [Case::pointwise([130, 24, 10, 10], 56), Case::stem([33, 3, 16, 16], 16, 3, 1, Padding::symmetric(1))] {
        tch::set_num_threads(2);
        let two = case.ours();
        tch::set_num_threads(1);
        let one = case.ours();
        tch::set_num_threads(2);
        assert!(two.iter().zip(&one).all(|(a, b)| a.equal(b)));
    }
}

#[test]
fn shapes_that_do_not_go_together_are_an_error() {
    let _alone = alone();
    let x = map([1, 8, 2, 2]);
    assert!(dense_conv2d(&x, &random(&[4, 9, 1, 1]), None, 1, Padding::default()).is_err(), "channels");
    assert!(dense_conv2d(&x, &random(&[4, 8, 3, 3]), None, 1, Padding::default()).is_err(), "kernel above the map");
    assert!(dense_conv2d(&x, &random(&[4, 8, 1, 1]), Some(&random(&[5])), 1, Padding::default()).is_err(), "bias");
    assert!(dense_conv2d(&x, &random(&[4, 8, 1, 1]), None, 0, Padding::default()).is_err(), "stride");
}
