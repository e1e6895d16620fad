//! The fused SGD step.
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
