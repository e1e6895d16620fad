//! Channel shuffle (Zhang et al. 2018, arXiv:1707.01083, figure 1).

use super::{Cost, Op, Operation, Shape};
use crate::plan::PlanError;

/// Channels of `groups` groups in turn: the first of each, the second of each, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shuffle {
    /// Groups, which divide the channels.
    pub groups: u32,
}

impl Shuffle {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        if self.groups == 0 || !inputs[0].c.is_multiple_of(self.groups) {
            return Err(PlanError::Shuffle { groups: self.groups, channels: inputs[0].c });
        }
        Ok(inputs[0])
    }

    pub(super) const fn cost(&self, _input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost::NONE)
    }
}

impl Operation for Shuffle {
    fn layer(&self) -> &'static str {
        "shuffle"
    }

    fn words(&self, _op: &Op, _times: &str) -> String {
        format!("shuffle of {}", self.groups)
    }

    fn details(&self, _op: &Op) -> Vec<String> {
        vec![format!("{} groups", self.groups)]
    }
}

#[cfg(feature = "torch")]
mod compute {
    use tch::Tensor;

    use super::Shuffle;
    use crate::model::ModelError;
    use crate::op::{Compute, Run};

    impl Compute for Shuffle {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            let size = run.x(0).size();
            let groups = i64::from(self.groups);
            let grouped = run.x(0).f_reshape([size[0], groups, size[1] / groups, size[2], size[3]])?;
            let shuffled = grouped.f_transpose(1, 2)?.f_reshape(size.as_slice())?;
            Ok(run.format.of(&shuffled)?)
        }

        /// With one group, or one channel a group, nothing moves.
        fn is_fresh(&self) -> bool {
            false
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::Shuffle;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Shape, Wire};

    impl InOnnx for Shuffle {
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let Shape { c, h, w } = nodes.op.input;
            if self.groups == 1 || self.groups == c {
                // Nothing moves.
                return Ok(nodes.any(0));
            }
            let [c, h, w, groups] = [c, h, w, self.groups].map(i64::from);
            let x = nodes.map(0);
            // 0 leaves the batch as it is.
            let (apart, together) = (nodes.ints("groups", &[0, groups, c / groups, h, w]), nodes.ints("shape", &[0, c, h, w]));
            let grouped = nodes.before("grouped", "Reshape", &[&x, &apart], |node| node);
            let turned = nodes.before("turned", "Transpose", &[&grouped], |node| node.with("perm", [0, 2, 1, 3, 4]));
            Ok(nodes.last("Reshape", &[&turned, &together], |node| node))
        }
    }
}
