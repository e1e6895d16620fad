//! The depthwise kernels against libtorch's convolution in f64: values and both gradients.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};
use zoo_native::cpu::Simd;
use zoo_native::depthwise::{Padding, depthwise_conv2d};

/// The random generator and the instruction level belong to the process, so one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

fn random(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, (Kind::Float, Device::Cpu))
}

fn reference(x: &Tensor, weight: &Tensor, stride: i64, p: Padding) -> Tensor {
    let padded = x.constant_pad_nd([p.left, p.right, p.top, p.bottom]);
    padded.conv2d(weight, None::<Tensor>, stride, 0, 1, x.size()[1])
}

/// Output and both gradients, for an upstream gradient that differs from pixel to pixel.
fn run(x: &Tensor, weight: &Tensor, forward: impl Fn(&Tensor, &Tensor) -> Tensor) -> [Tensor; 3] {
    let x = x.detach().copy().set_requires_grad(true);
    let weight = weight.detach().copy().set_requires_grad(true);
    let y = forward(&x, &weight);
    let upstream = Tensor::arange(y.numel() as i64, (Kind::Double, Device::Cpu)).cos().reshape(y.size());
    (&y * upstream.to_kind(y.kind())).sum(y.kind()).backward();
    [y.detach(), x.grad(), weight.grad()]
}

fn assert_equal(x: &Tensor, weight: &Tensor, stride: i64, padding: Padding) {
    let double = (x.to_kind(Kind::Double), weight.to_kind(Kind::Double));
    let expected = run(&double.0, &double.1, |x, w| reference(x, w, stride, padding));
    let ours = run(x, weight, |x, w| depthwise_conv2d(x, w, stride, padding).unwrap());
    for ((name, ours), expected) in ["output", "dx", "dweight"].iter().zip(ours).zip(expected) {
        assert_eq!(ours.size(), expected.size());
        let scale = expected.abs().max().double_value(&[]).max(1e-9);
        let off = (ours.to_kind(Kind::Double) - expected).abs().max().double_value(&[]) / scale;
        assert!(off < 1e-5, "{name} off by {off:.1e}: {:?} k {:?} s {stride} {padding:?}", x.size(), weight.size());
    }
}

#[test]
fn every_shape_kernel_stride_and_padding_equals_libtorch_on_every_level() {
    let _alone = alone();
    for level in [Simd::Baseline, Simd::Avx2, Simd::Avx512] {
        level.select();
        for [n, c, h, w] in [[2, 16, 1, 1], [3, 24, 2, 2], [2, 19, 7, 4], [1, 40, 13, 32], [5, 8, 16, 16]] {
            for k in [3, 5, 7] {
                let (x, weight) = (channels_last(&random(&[n, c, h, w])), random(&[c, 1, k, k]));
                for stride in [1, 2, 3] {
                    assert_equal(&x, &weight, stride, Padding::symmetric((k - 1) / 2));
                    assert_equal(&x, &weight, stride, Padding::same(h, w, k, stride));
                    assert_equal(&x, &weight, stride, Padding { top: k, left: 0, bottom: 1, right: k - 1 });
                    // On a map of one pixel, a stride of 2 passes over a tap between two that see it.
                    assert_equal(&x, &weight, stride, Padding::symmetric(k - 1));
                }
            }
        }
    }
    Simd::Avx512.select();
}

#[test]
fn same_padding_gives_tensorflows_sizes() {
    let _alone = alone();
    assert_eq!(Padding::same(224, 224, 3, 2), Padding { top: 0, left: 0, bottom: 1, right: 1 });
    assert_eq!(Padding::same(7, 8, 5, 2), Padding { top: 2, left: 1, bottom: 2, right: 2 });
    assert_eq!(Padding::same(1, 1, 3, 2), Padding::symmetric(1));
    assert_eq!(Padding::same(14, 14, 3, 1), Padding::symmetric(1));
}

#[test]
fn other_layouts_and_types_fall_back_to_libtorch() {
    let _alone = alone();
    let (x, weight) = (random(&[2, 8, 6, 6]), random(&[8, 1, 3, 3]));
    assert_equal(&x, &weight, 2, Padding::symmetric(1));
    assert_equal(&x, &weight, 2, Padding::same(6, 6, 3, 2));
    assert_equal(&channels_last(&x), &random(&[8, 1, 3, 5]), 1, Padding::symmetric(1));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let _alone = alone();
    let (x, weight) = (channels_last(&random(&[9, 24, 10, 10])), random(&[24, 1, 5, 5]));
    let forward = |x: &Tensor, w: &Tensor| depthwise_conv2d(x, w, 2, Padding::symmetric(2)).unwrap();
    tch::set_num_threads(2);
    let two = run(&x, &weight, forward);
    tch::set_num_threads(1);
    let one = run(&x, &weight, forward);
    tch::set_num_threads(2);
    assert!(two.iter().zip(&one).all(|(a, b)| a.equal(b)));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let _alone = alone();
    let x = channels_last(&random(&[1, 8, 2, 2]));
    let fails = |weight: &[i64], stride, padding| depthwise_conv2d(&x, &random(weight), stride, padding).is_err();
    assert!(fails(&[4, 1, 3, 3], 1, Padding::symmetric(1)), "channels");
    assert!(fails(&[8, 2, 3, 3], 1, Padding::symmetric(1)), "not depthwise");
    assert!(fails(&[8, 1, 3, 3], 1, Padding::symmetric(0)), "kernel larger than the map");
    assert!(fails(&[8, 1, 3, 3], 0, Padding::symmetric(1)), "stride");
    assert!(fails(&[8, 1, 3, 3], 1, Padding::symmetric(-1)), "negative padding");
}
