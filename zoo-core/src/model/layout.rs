//! Memory layout: channels_last by strides, which tch has no word for.

use tch::{TchError, Tensor};

/// The same N x C x H x W tensor with the channels innermost in memory.
pub fn channels_last(tensor: &Tensor) -> Result<Tensor, TchError> {
    tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}
