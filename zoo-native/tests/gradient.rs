//! Gradients that are really gone, and clipping.

use tch::{Kind, Tensor};
use zoo_native::gradient::{clear_grads, clip_norm, clip_value, take_grads};

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
