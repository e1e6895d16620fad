//! The unit of ShuffleNetV2 (Ma et al. 2018, arXiv:1807.11164, figure 3 c and d).

use super::{Problem, inverted};
use crate::op::Activation;
use crate::plan::PlanBuilder;

/// Two branches whose channels are concatenated and shuffled. At stride 1 the first branch is one half of the channels as
/// they are, and the second works on the other half; at stride 2 both work on all channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShuffleUnit {
    /// Side of the depthwise kernels, odd.
    pub k: u32,
    /// Output channels, even: half of them from each branch.
    pub c: u32,
    /// Stride of the depthwise convolutions.
    pub s: u32,
    /// Activations behind the pointwise convolutions.
    pub act: Activation,
}

impl ShuffleUnit {
    /// Values of the columns that a table leaves out.
    pub const DEFAULT: ShuffleUnit = ShuffleUnit { k: 3, c: 2, s: 1, act: Activation::Table };

    /// What no network can have.
    pub const fn check(&self) -> Option<Problem> {
        if !self.c.is_multiple_of(2) {
            return Problem::new("c", "the number of channels must be even: half of them come from each branch");
        }
        inverted(self.c, self.k, self.s)
    }

    /// Emits the unit.
    pub const fn plan(&self, b: &mut PlanBuilder<'_>) {
        let whole = b.value();
        let channels = b.scaled(self.c);
        let half = channels / 2;
        // Halves are left as they are only where there are as many channels as there shall be.
        let first = if self.s == 1 && whole.shape.c == channels {
            let [first, _] = b.split();
            first
        } else {
            b.part("branch1.depthwise");
            b.depthwise(self.k, self.s);
            b.norm();
            pointwise(b, "branch1.project", half, self.act);
            let first = b.value();
            b.resume(whole);
            first
        };
        pointwise(b, "branch2.pointwise", half, self.act);
        b.part("branch2.depthwise");
        b.depthwise(self.k, self.s);
        b.norm();
        pointwise(b, "branch2.project", half, self.act);
        b.part("");
        let second = b.value();
        b.concat(&[first, second]);
        b.shuffle(2);
    }
}

const fn pointwise(b: &mut PlanBuilder<'_>, part: &'static str, channels: u32, act: Activation) {
    b.part(part);
    b.conv(1, channels, 1);
    b.norm();
    b.act(act);
}
