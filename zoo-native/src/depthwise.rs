//! Depthwise convolution over channels_last maps.
//!
//! Owned here: the operation and its gradients. Not here: dense convolutions ([`dense`](crate::dense)), and grouped ones
//! that are neither, which go to libtorch.

use std::ffi::c_char;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::Result;
use crate::error::check;

unsafe extern "C" {
    fn zoo_depthwise_conv2d(
        x: *const C_tensor,
        weight: *const C_tensor,
        stride: i64,
        top: i64,
        left: i64,
        bottom: i64,
        right: i64,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
}

/// Zeros around a map. The sides are independent, so that TensorFlow's SAME needs no padded copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Padding {
    /// Rows above.
    pub top: i64,
    /// Columns to the left.
    pub left: i64,
    /// Rows below.
    pub bottom: i64,
    /// Columns to the right.
    pub right: i64,
}

impl Padding {
    /// `n` on every side.
    pub fn symmetric(n: i64) -> Self {
        Self { top: n, left: n, bottom: n, right: n }
    }

    /// TensorFlow's SAME for a map of `height` x `width`: the odd one of two zeros goes below and to the right.
    pub fn same(height: i64, width: i64, kernel: i64, stride: i64) -> Self {
        let total = |size: i64| ((size + stride - 1) / stride * stride - stride + kernel - size).max(0);
        let (rows, columns) = (total(height), total(width));
        Self { top: rows / 2, left: columns / 2, bottom: rows - rows / 2, right: columns - columns / 2 }
    }
}

/// Depthwise convolution without bias: `x` is N x C x H x W, `weight` C x 1 x K x K.
///
/// On the CPU, for f32 maps in channels_last order, it runs own kernels in both directions, whose results do not depend
/// on the number of threads; everything else goes to libtorch's convolution. Second derivatives exist only there.
pub fn depthwise_conv2d(x: &Tensor, weight: &Tensor, stride: i64, padding: Padding) -> Result<Tensor> {
    let Padding { top, left, bottom, right } = padding;
    let mut out = std::ptr::null_mut();
    // SAFETY: the tensors live through the call; on success `out` is a new tensor that is ours alone.
    unsafe {
        check(zoo_depthwise_conv2d(x.as_ptr(), weight.as_ptr(), stride, top, left, bottom, right, &mut out))?;
        Ok(Tensor::from_ptr(out))
    }
}
