//! Folding: a norm in evaluation is a scale and a shift, which become part of the convolution before it.

use tch::{Device, Kind, Tensor};

use super::ModelError;
use crate::op::Tensors;

/// A norm with its running statistics, as a scale and a shift for each channel, in f64 on the CPU.
pub(super) struct Affine {
    pub scale: Tensor,
    pub shift: Tensor,
}

impl Affine {
    /// `γ / √(variance + ε)` and `β - mean · γ / √(variance + ε)` of scale, shift, mean and variance.
    pub fn of(tensors: Tensors<'_>, eps: f64) -> Result<Affine, ModelError> {
        // On the CPU, as MPS has no f64.
        let double = |tensor: &Tensor| tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double);
        let [gamma, beta, mean, variance] = [0, 1, 2, 3].map(|index| tensors.get(index));
        let deviation = double(variance)?.f_add_scalar(eps)?.f_sqrt()?;
        let scale = double(gamma)?.f_div(&deviation)?;
        let shift = double(beta)?.f_sub(&double(mean)?.f_mul(&scale)?)?;
        Ok(Affine { scale, shift })
    }

    /// Weight and bias of the convolution with the norm in it.
    pub fn fold(&self, weight: &Tensor, bias: Option<&Tensor>) -> Result<(Tensor, Tensor), ModelError> {
        let double = |tensor: &Tensor| tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double);
        let as_was = |tensor: Tensor| tensor.f_to_kind(weight.kind())?.f_to_device(weight.device());
        let folded = double(weight)?.f_mul(&self.scale.f_reshape([-1, 1, 1, 1])?)?;
        let bias = match bias {
            Some(bias) => double(bias)?.f_mul(&self.scale)?.f_add(&self.shift)?,
            None => self.shift.shallow_clone(),
        };
        Ok((as_was(folded)?, as_was(bias)?))
    }
}
