//! Dense convolution over channels_last maps.
//!
//! Owned here: the operation and its gradients. Not here: inference, for which weights are packed once
//! ([`convolution`](crate::convolution)).

use std::ffi::c_char;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::depthwise::Padding;
use crate::error::check;
use crate::{Result, optional};

unsafe extern "C" {
    fn zoo_dense_conv2d(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        stride: i64,
        top: i64,
        left: i64,
        bottom: i64,
        right: i64,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
}

/// Dense convolution: `x` is N x C x H x W, `weight` D x C x K x K, `bias` D numbers or none.
///
/// On the CPU, for f32 maps in channels_last order, 1 x 1 kernels of stride 1 run own kernels in both directions, and so
/// does any kernel whose `x` needs no gradient; results do not depend on the number of threads. Everything else, and all
/// under autocast, goes to libtorch's convolution. Second derivatives exist only there.
///
/// # Errors
/// Where the shapes do not go together.
pub fn dense_conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: i64,
    padding: Padding,
) -> Result<Tensor> {
    let Padding { top, left, bottom, right } = padding;
    let mut out = std::ptr::null_mut();
    // SAFETY: the tensors live through the call; on success `out` is a new tensor that is ours alone.
    unsafe {
        let (x, weight, bias) = (x.as_ptr(), weight.as_ptr(), optional(bias));
        check(zoo_dense_conv2d(x, weight, bias, stride, top, left, bottom, right, &mut out))?;
        Ok(Tensor::from_ptr(out))
    }
}
