//! Gradients: moved out rather than zeroed, and clipped.

use std::borrow::Borrow;
use std::ffi::c_char;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::check;
use crate::{Result, pointers};

unsafe extern "C" {
    fn zoo_take_grads(params: *const *const C_tensor, length: usize, out: *mut *mut C_tensor) -> *mut c_char;
    fn zoo_clear_grads(params: *const *const C_tensor, length: usize) -> *mut c_char;
    fn zoo_clip_norm(grads: *const *const C_tensor, length: usize, limit: f64, norm: *mut f64) -> *mut c_char;
    fn zoo_clip_value(grads: *const *const C_tensor, length: usize, limit: f64) -> *mut c_char;
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

/// Scales the gradients together so that their joint Euclidean norm is at most `limit`; returns the norm before that.
pub fn clip_norm<G: Borrow<Tensor>>(grads: &[G], limit: f64) -> Result<f64> {
    let (pointers, mut norm) = (pointers(grads), 0.0);
    // SAFETY: the pointers are live tensors for the length of the call, and `norm` outlives it.
    unsafe { check(zoo_clip_norm(pointers.as_ptr(), pointers.len(), limit, &mut norm))? };
    Ok(norm)
}

/// Cuts every element of the gradients to at most `limit` in size.
pub fn clip_value<G: Borrow<Tensor>>(grads: &[G], limit: f64) -> Result<()> {
    let pointers = pointers(grads);
    // SAFETY: the pointers are live tensors for the length of the call.
    unsafe { check(zoo_clip_value(pointers.as_ptr(), pointers.len(), limit)) }
}
