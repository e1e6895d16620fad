//! Shapes, and the arithmetic of windows that slide over maps.

use crate::plan::PlanError;

/// Shape of one image's tensor: channels, height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub c: u32,
    /// Height in pixels.
    pub h: u32,
    /// Width in pixels.
    pub w: u32,
}

/// The largest side of a kernel or a window.
const MAX_KERNEL: u32 = 255;

impl Shape {
    /// Whether two shapes are the same, for blocks, which count while compiling and cannot use `==`.
    pub const fn equals(self, other: Shape) -> bool {
        self.c == other.c && self.same_map(other)
    }

    /// Whether two maps have the same height and width.
    pub const fn same_map(self, other: Shape) -> bool {
        self.h == other.h && self.w == other.w
    }

    /// Whether it is a single pixel.
    pub const fn is_pixel(self) -> bool {
        self.h == 1 && self.w == 1
    }

    /// The same map with other channels.
    pub const fn with_channels(self, c: u32) -> Shape {
        Shape { c, h: self.h, w: self.w }
    }

    /// What a window of side `kernel` that moves by `stride` leaves of a map: with `padding` zeros on each side where that is
    /// said, else ⌈n / stride⌉, which is what both of the table's paddings give.
    pub(super) const fn slide(self, kernel: u32, stride: u32, padding: Option<u32>) -> Result<Shape, PlanError> {
        if kernel == 0 || kernel > MAX_KERNEL || stride == 0 {
            return Err(PlanError::Convolution);
        }
        match padding {
            None => Ok(Shape { c: self.c, h: self.h.div_ceil(stride), w: self.w.div_ceil(stride) }),
            Some(padding) if padding >= kernel => Err(PlanError::Convolution),
            Some(padding) => match (slide(self.h, kernel, stride, padding), slide(self.w, kernel, stride, padding)) {
                (Some(h), Some(w)) => Ok(Shape { c: self.c, h, w }),
                _ => Err(PlanError::SmallMap { kernel }),
            },
        }
    }
}

const fn slide(side: u32, kernel: u32, stride: u32, padding: u32) -> Option<u32> {
    match (side + 2 * padding).checked_sub(kernel) {
        Some(room) => Some(room / stride + 1),
        None => None,
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{} x {} x {}", self.c, self.h, self.w))
    }
}
