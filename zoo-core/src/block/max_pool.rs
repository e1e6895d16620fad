//! Max-pooling as a layer of a stem.

use super::Problem;
use crate::plan::PlanBuilder;

/// The largest value of each window, padded so that only the stride shrinks the map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxPool {
    /// Side of the window.
    pub k: u32,
    /// Stride.
    pub s: u32,
}

impl MaxPool {
    /// Values of the fields that a table leaves out.
    pub const DEFAULT: MaxPool = MaxPool { k: 3, s: 2 };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        if self.k == 0 || self.k > 255 {
            return Problem::new("k", "the window size must be 1 to 255");
        }
        if self.s == 0 || self.s > 4 { Problem::new("s", "the stride must be 1 to 4") } else { None }
    }

    /// Emits the layer.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        b.max_pool(self.k, self.s);
    }
}
