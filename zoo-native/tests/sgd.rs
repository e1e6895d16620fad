//! The fused step against SGD written out in tensor operations.

use tch::{Device, Kind, Tensor};
use zoo_native::sgd::{Sgd, fused_sgd};

/// A vector, a matrix, and a channels_last weight (permuted, so not contiguous).
fn parameters() -> Vec<Tensor> {
    tch::manual_seed(7);
    let options = (Kind::Float, Device::Cpu);
    let weight = Tensor::randn([6, 3, 3, 4], options).permute([0, 3, 1, 2]);
    vec![Tensor::randn([5], options), Tensor::randn([4, 9], options), weight]
}

/// The update as PyTorch documents it.
fn reference_step(param: &mut Tensor, grad: &Tensor, buffer: &mut Tensor, settings: Sgd, first: bool) {
    let grad = grad + settings.weight_decay * &*param;
    let direction = if settings.momentum == 0.0 {
        grad
    } else {
        *buffer = if first { grad.copy() } else { settings.momentum * &*buffer + (1.0 - settings.dampening) * &grad };
        if settings.nesterov { grad + settings.momentum * &*buffer } else { buffer.copy() }
    };
    *param = &*param - settings.lr * direction;
}

fn assert_follows_reference(settings: Sgd) {
    let mut ours = parameters();
    let mut expected: Vec<Tensor> = ours.iter().map(Tensor::copy).collect();
    let mut buffers: Vec<Tensor> = ours.iter().map(|p| p.full_like(f64::NAN)).collect();
    let mut expected_buffers: Vec<Tensor> = ours.iter().map(Tensor::zeros_like).collect();
    for step in 0..5 {
        let grads: Vec<Tensor> = ours.iter().map(Tensor::randn_like).collect();
        let used = if settings.momentum == 0.0 { &mut buffers[..0] } else { &mut buffers[..] };
        fused_sgd(&ours, &grads, used, settings, step == 0).unwrap();
        for i in 0..ours.len() {
            reference_step(&mut expected[i], &grads[i], &mut expected_buffers[i], settings, step == 0);
        }
    }
    for (ours, expected) in ours.iter_mut().zip(&expected) {
        assert!(ours.allclose(expected, 1e-5, 1e-6, false), "{settings:?}");
    }
}

const PLAIN: Sgd = Sgd { lr: 0.1, momentum: 0.0, dampening: 0.0, weight_decay: 0.0, nesterov: false };

#[test]
fn five_steps_equal_the_written_out_update() {
    assert_follows_reference(PLAIN);
    assert_follows_reference(Sgd { weight_decay: 0.05, ..PLAIN });
    assert_follows_reference(Sgd { momentum: 0.9, weight_decay: 0.05, ..PLAIN });
    assert_follows_reference(Sgd { momentum: 0.9, dampening: 0.3, ..PLAIN });
    assert_follows_reference(Sgd { momentum: 0.9, nesterov: true, weight_decay: 0.05, ..PLAIN });
}

#[test]
fn a_gradient_with_other_strides_is_paired_by_index_not_by_address() {
    let weight = parameters().pop().unwrap();
    let before = weight.copy();
    let grad = Tensor::randn_like(&weight).contiguous();
    assert_ne!(grad.stride(), weight.stride());
    fused_sgd(&[&weight], &[&grad], &[] as &[Tensor], PLAIN, true).unwrap();
    assert!(weight.allclose(&(before - 0.1 * grad), 1e-6, 1e-7, false));
}

#[test]
fn mismatches_are_errors_that_name_the_parameter() {
    let (param, grad) =
        (Tensor::zeros([2], (Kind::Float, Device::Cpu)), Tensor::zeros([3], (Kind::Float, Device::Cpu)));
    let none: &[Tensor] = &[];
    let error = fused_sgd(&[&param], &[&grad], none, PLAIN, true).unwrap_err().to_string();
    assert!(error.contains("parameter 0 has shape [2]"), "{error}");
    assert!(fused_sgd(&[&param], none, none, PLAIN, true).is_err());
    let momentum = Sgd { momentum: 0.9, ..PLAIN };
    let error = fused_sgd(&[&param], &[&param.copy()], none, momentum, true).unwrap_err().to_string();
    assert!(error.contains("0 buffers"), "{error}");
}
