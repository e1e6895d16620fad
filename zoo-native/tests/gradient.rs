//! Gradients that are really gone, and clipping.

use tch::{Device, Kind, Tensor};
use zoo_native::dense::dense_conv2d;
use zoo_native::depthwise::{Padding, depthwise_conv2d};
use zoo_native::gradient::{clear_grads, clip_norm, clip_value, take_grads};
use zoo_native::norm::{Activation, Norm, norm_activation};

#[test]
fn taken_gradients_are_moved_and_the_next_backward_starts_afresh() {
    let used = Tensor::from_slice(&[3f32]).set_requires_grad(true);
    let unused = Tensor::from_slice(&[1f32]).set_requires_grad(true);
    for _ in 0..2 {
        (&used * &used).sum(Kind::Float).backward();
        let grads = take_grads(&[&used, &unused]).unwrap();
        assert_eq!(grads[0].as_ref().unwrap().double_value(&[0]), 6.0);
        assert!(grads[1].is_none());
        assert!(!used.grad().defined());
    }
    used.sum(Kind::Float).backward();
    clear_grads(&[&used, &unused]).unwrap();
    assert!(!used.grad().defined());
}

#[test]
fn the_joint_norm_is_cut_to_the_limit_and_told() {
    let grads = || vec![Tensor::from_slice(&[3f32, 0.0]), Tensor::from_slice(&[0f32, -4.0, 0.0])];
    let cut = grads();
    assert!((clip_norm(&cut, 1.0).unwrap() - 5.0).abs() < 1e-6);
    assert!((cut[0].double_value(&[0]) - 0.6).abs() < 1e-6 && (cut[1].double_value(&[1]) + 0.8).abs() < 1e-6);
    let kept = grads();
    clip_norm(&kept, 5.1).unwrap();
    assert_eq!((kept[0].double_value(&[0]), kept[1].double_value(&[1])), (3.0, -4.0));
    assert_eq!(clip_norm(&[] as &[Tensor], 1.0).unwrap(), 0.0);
}

#[test]
fn elements_are_cut_to_the_limit() {
    let grad = Tensor::from_slice(&[3f32, -4.0, 0.5]);
    clip_value(&[&grad], 2.0).unwrap();
    assert_eq!(Vec::<f32>::try_from(&grad).unwrap(), [2.0, -2.0, 0.5]);
}

/// libtorch would take the results of our kernels for constants.
#[test]
fn second_derivatives_of_our_kernels_are_refused() {
    let at = (Kind::Float, Device::Cpu);
    let map = |c: i64| Tensor::randn([2, 5, 5, c], at).permute([0, 3, 1, 2]).set_requires_grad(true);
    let (x, dense, depthwise) = (map(4), Tensor::randn([6, 4, 1, 1], at), Tensor::randn([4, 1, 3, 3], at));
    let (scale, shift) = (Tensor::ones([4], at), Tensor::zeros([4], at));
    let norm = Norm { weight: &scale, bias: &shift, running: None, momentum: 0.1, eps: 1e-5 };
    let runs: [(&str, Tensor); 3] = [
        ("dense_conv2d", dense_conv2d(&x, &dense, None, 1, Padding::default()).unwrap()),
        ("depthwise_conv2d", depthwise_conv2d(&x, &depthwise, 1, Padding::symmetric(1)).unwrap()),
        ("norm_activation", norm_activation(&x, norm, true, Activation::Silu, None).unwrap()),
    ];
    for (name, y) in runs {
        let loss = (&y * &y).sum(Kind::Float);
        let error = Tensor::f_run_backward(&[&loss], &[&x], true, true).unwrap_err().to_string();
        assert!(error.contains(&format!("{name}: there are no second derivatives")), "{name}: {error}");
        assert!(Tensor::f_run_backward(&[&loss], &[&x], true, false).is_ok(), "{name}");
    }
}
