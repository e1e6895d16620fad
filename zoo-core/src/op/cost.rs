//! What an operation, a stage or a network costs.

use crate::plan::PlanError;

/// Counts for one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Trainable parameters.
    pub params: u64,
    /// Running means and variances (`num_batches_tracked` is not counted).
    pub buffers: u64,
    /// Multiply-accumulates of convolutions and linear layers for one image, nothing else.
    pub macs: u64,
}

impl Cost {
    /// Nothing.
    pub const NONE: Cost = Cost { params: 0, buffers: 0, macs: 0 };

    /// The sum of two costs; an error where one does not fit 64 bits.
    pub const fn plus(self, other: Cost) -> Result<Cost, PlanError> {
        let sums = (
            self.params.checked_add(other.params),
            self.buffers.checked_add(other.buffers),
            self.macs.checked_add(other.macs),
        );
        match sums {
            (Some(params), Some(buffers), Some(macs)) => Ok(Cost { params, buffers, macs }),
            _ => Err(PlanError::Count),
        }
    }
}
