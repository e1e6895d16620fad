//! Batch normalisation and the activation behind it, in one autograd node.
//!
//! Owned here: one call on given tensors. Not here: the parameters, and where the layer stands.

use std::ffi::{c_char, c_int};

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::check;
use crate::{Result, optional};

unsafe extern "C" {
    fn zoo_norm_activation(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        running_mean: *const C_tensor,
        running_var: *const C_tensor,
        residual: *const C_tensor,
        training: bool,
        momentum: f64,
        eps: f64,
        activation: c_int,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
}

/// What follows the normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(i32)]
pub enum Activation {
    /// Nothing.
    #[default]
    None = 0,
    /// max(z, 0)
    Relu = 1,
    /// min(max(z, 0), 6)
    Relu6 = 2,
    /// z * sigmoid(z), also called swish.
    Silu = 3,
    /// z * relu6(z + 3) / 6
    HardSwish = 4,
}

/// The tensors of a batch norm. Without running statistics only training works.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// Scale, a value a channel.
    pub weight: &'a Tensor,
    /// Shift, a value a channel.
    pub bias: &'a Tensor,
    /// Running mean and (unbiased) variance, updated in place when training.
    pub running: Option<(&'a Tensor, &'a Tensor)>,
    /// The weight of the new batch in the running statistics.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
}

/// `activation(batch_norm(x)) + residual`.
///
/// Equal to `at::batch_norm` and the activation, with the same update of the running statistics. On the CPU, for f32 maps
/// in channels_last order, it is one autograd node of two passes each way that keeps only `x` for the backward pass; its
/// results do not depend on the number of threads. Without gradients in evaluation it is a single pass. Everything else
/// goes to libtorch's own operations. Second derivatives exist only there.
pub fn norm_activation(
    x: &Tensor,
    norm: Norm<'_>,
    training: bool,
    activation: Activation,
    residual: Option<&Tensor>,
) -> Result<Tensor> {
    let Norm { weight, bias, running, momentum, eps } = norm;
    let (mean, var) = running.unzip();
    let mut out = std::ptr::null_mut();
    // SAFETY: the tensors live through the call; on success `out` is a new tensor that is ours alone.
    unsafe {
        check(zoo_norm_activation(
            x.as_ptr(),
            weight.as_ptr(),
            bias.as_ptr(),
            optional(mean),
            optional(var),
            optional(residual),
            training,
            momentum,
            eps,
            activation as c_int,
            &mut out,
        ))?;
        Ok(Tensor::from_ptr(out))
    }
}
