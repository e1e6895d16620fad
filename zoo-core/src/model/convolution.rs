//! What the plan says of one convolution, and libtorch's way of running it.

use tch::Tensor;
use zoo_native::depthwise::Padding as Border;

use super::ModelError;
use crate::op::{Convolution, Shape};
use crate::plan::Padding;

/// The numbers of a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    pub stride: i64,
    pub groups: i64,
    pub border: Border,
}

/// What a window of side `kernel` finds around a map of shape `input`: `own` pixels on every side where the operation says
/// so, else what the plan's padding puts there.
pub(crate) fn border(input: Shape, kernel: u32, stride: u32, own: Option<u32>, padding: Padding) -> Border {
    let (kernel, stride) = (i64::from(kernel), i64::from(stride));
    match (own, padding) {
        (Some(own), _) => Border::symmetric(own.into()),
        (None, Padding::Symmetric) if kernel % 2 == 1 => Border::symmetric((kernel - 1) / 2),
        // No symmetric padding lets an even kernel keep ⌈n / stride⌉ pixels.
        (None, _) => Border::same(input.h.into(), input.w.into(), kernel, stride),
    }
}

impl Geometry {
    /// Those of a convolution of a map of that shape.
    pub fn of(convolution: &Convolution, input: Shape, padding: Padding) -> Geometry {
        let Convolution { kernel, stride, groups, padding: own, .. } = *convolution;
        Geometry { stride: stride.into(), groups: groups.into(), border: border(input, kernel, stride, own, padding) }
    }

    /// Zeros that libtorch's convolution can add itself, where both sides have as many.
    pub fn even(&self) -> Option<[i64; 2]> {
        let border = self.border;
        (border.top == border.bottom && border.left == border.right).then_some([border.top, border.left])
    }

    /// Left, right, top and bottom, as `constant_pad_nd` wants them.
    pub fn sides(&self) -> [i64; 4] {
        [self.border.left, self.border.right, self.border.top, self.border.bottom]
    }

    /// The convolution by libtorch's own operations.
    pub fn convolve(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, ModelError> {
        let (padded, padding) = match self.even() {
            Some(padding) => (x.shallow_clone(), padding),
            None => (x.f_constant_pad_nd(self.sides())?, [0, 0]),
        };
        Ok(padded.f_conv2d(weight, bias, [self.stride, self.stride], padding, [1, 1], self.groups)?)
    }
}
