//! Memory layout: channels_last by strides, which tch has no word for.

use tch::{TchError, Tensor};

/// In which order a map lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryFormat {
    /// Channels innermost (N x H x W x C), which libtorch's convolutions on the CPU mostly prefer.
    ChannelsLast,
    /// Columns innermost (N x C x H x W).
    Contiguous,
}

impl MemoryFormat {
    /// PyTorch's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            MemoryFormat::ChannelsLast => "channels_last",
            MemoryFormat::Contiguous => "contiguous",
        }
    }

    /// The same tensor in this format.
    ///
    /// # Errors
    /// Where libtorch refuses, for lack of memory.
    pub fn of(self, tensor: &Tensor) -> Result<Tensor, TchError> {
        match self {
            MemoryFormat::ChannelsLast => channels_last(tensor),
            MemoryFormat::Contiguous => tensor.f_contiguous(),
        }
    }
}

/// The same N x C x H x W tensor with the channels innermost in memory.
pub fn channels_last(tensor: &Tensor) -> Result<Tensor, TchError> {
    tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}
