//! What the plan says of one convolution, and libtorch's way of running it.

use tch::Tensor;
use zoo_native::depthwise::Padding as Border;

use super::ModelError;
use crate::plan::{Op, OpKind, Padding};

/// The numbers of a convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub stride: i64,
    pub groups: i64,
    pub border: Border,
}

impl Geometry {
    /// Those of `op`; none where it is no convolution.
    pub fn of(op: &Op, padding: Padding) -> Option<Geometry> {
        let OpKind::Conv { kernel, stride, groups, .. } = op.kind else { return None };
        let (kernel, stride, groups) = (i64::from(kernel), i64::from(stride), i64::from(groups));
        let border = match padding {
            Padding::Symmetric => Border::symmetric((kernel - 1) / 2),
            Padding::Same => Border::same(i64::from(op.input.h), i64::from(op.input.w), kernel, stride),
        };
        Some(Geometry { stride, groups, border })
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
