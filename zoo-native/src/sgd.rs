//! The fused SGD step, and gradients that are moved out rather than zeroed.
//!
//! Owned here: one update of given tensors. Not here: the momentum buffers' life, schedules and parameter groups.

use std::borrow::Borrow;
use std::ffi::c_char;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::check;
use crate::{NativeError, Result, pointers};

unsafe extern "C" {
    fn zoo_fused_sgd(
        params: *const *const C_tensor,
        grads: *const *const C_tensor,
        length: usize,
        buffers: *const *const C_tensor,
        buffer_count: usize,
        weight_decay: f64,
        momentum: f64,
        lr: f64,
        dampening: f64,
        nesterov: bool,
        first_step: bool,
    ) -> *mut c_char;
    fn zoo_take_grads(params: *const *const C_tensor, length: usize, out: *mut *mut C_tensor) -> *mut c_char;
    fn zoo_clear_grads(params: *const *const C_tensor, length: usize) -> *mut c_char;
}

/// The numbers of one SGD step, named as in PyTorch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f64,
    /// Momentum; 0 needs no buffers.
    pub momentum: f64,
    /// How much of the gradient does not enter the buffer.
    pub dampening: f64,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f64,
    /// Nesterov momentum.
    pub nesterov: bool,
}

/// One SGD step in a single pass over each parameter (`at::_fused_sgd_`), in place.
///
/// With `first_step` the buffers' contents are ignored and become the gradients, as PyTorch creates them; momentum 0
/// takes an empty slice of buffers. Buffers must have their parameters' shape and strides (`zeros_like`); a gradient
/// with other strides is copied.
pub fn fused_sgd<P: Borrow<Tensor>, G: Borrow<Tensor>, B: Borrow<Tensor>>(
    params: &[P],
    grads: &[G],
    momentum_buffers: &[B],
    settings: Sgd,
    first_step: bool,
) -> Result<()> {
    if params.len() != grads.len() {
        let message = format!("fused_sgd: {} parameters but {} gradients", params.len(), grads.len());
        return Err(NativeError::new(message));
    }
    let (params, grads, buffers) = (pointers(params), pointers(grads), pointers(momentum_buffers));
    let Sgd { lr, momentum, dampening, weight_decay, nesterov } = settings;
    // SAFETY: the pointers are live tensors for the length of the call, and the lengths are theirs.
    unsafe {
        check(zoo_fused_sgd(
            params.as_ptr(),
            grads.as_ptr(),
            params.len(),
            buffers.as_ptr(),
            buffers.len(),
            weight_decay,
            momentum,
            lr,
            dampening,
            nesterov,
            first_step,
        ))
    }
}

/// Moves the gradients out of the parameters, `None` where there is none.
///
/// The parameters are left without gradients, like PyTorch's `zero_grad(set_to_none=True)`: no zeroing pass, and the
/// next backward pass stores its gradients where it would otherwise add them to zeros.
pub fn take_grads<P: Borrow<Tensor>>(params: &[P]) -> Result<Vec<Option<Tensor>>> {
    let pointers = pointers(params);
    let mut out = vec![std::ptr::null_mut(); pointers.len()];
    // SAFETY: `out` has room for one pointer a parameter.
    let verdict = unsafe { check(zoo_take_grads(pointers.as_ptr(), pointers.len(), out.as_mut_ptr())) };
    // SAFETY: what is not null is a new tensor that nobody else owns; wrapped even on error, so that it is freed.
    let grads = out.into_iter().map(|grad| (!grad.is_null()).then(|| unsafe { Tensor::from_ptr(grad) })).collect();
    verdict.map(|()| grads)
}

/// Drops the gradients of the parameters (set to none).
pub fn clear_grads<P: Borrow<Tensor>>(params: &[P]) -> Result<()> {
    let pointers = pointers(params);
    // SAFETY: the pointers are live tensors for the length of the call.
    unsafe { check(zoo_clear_grads(pointers.as_ptr(), pointers.len())) }
}
