//! Some of the channels of a map: what is left of it where it is split.

use super::{Cost, Op, Operation, Shape};
use crate::plan::PlanError;

/// `channels` channels from `from` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrow {
    /// The first channel, counted from 0.
    pub from: u32,
    /// How many.
    pub channels: u32,
}

impl Narrow {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        let within = match self.from.checked_add(self.channels) {
            Some(end) => end <= inputs[0].c,
            None => false,
        };
        if !within || self.channels == 0 {
            return Err(PlanError::Narrow { from: self.from, channels: self.channels, of: inputs[0].c });
        }
        Ok(inputs[0].with_channels(self.channels))
    }

    pub(super) const fn cost(&self, _input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost::NONE)
    }
}

impl Operation for Narrow {
    fn layer(&self) -> &'static str {
        "narrow"
    }

    fn words(&self, _op: &Op, _times: &str) -> String {
        format!("channels {} to {}", self.from, self.from + self.channels - 1)
    }

    fn details(&self, op: &Op) -> Vec<String> {
        vec![self.words(op, "")]
    }
}

#[cfg(feature = "torch")]
mod compute {
    use tch::Tensor;

    use super::Narrow;
    use crate::model::ModelError;
    use crate::op::{Compute, Run};

    impl Compute for Narrow {
        /// A copy, as kernels want maps without gaps.
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            let part = run.x(0).f_narrow(1, self.from.into(), self.channels.into())?;
            Ok(run.format.of(&part)?)
        }

        /// Of a map of one pixel, or of all channels, the part has no gaps and is not copied.
        fn is_fresh(&self) -> bool {
            false
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::Narrow;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for Narrow {
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            if self.channels == nodes.op.input.c {
                return Ok(nodes.any(0));
            }
            let (x, from) = (nodes.map(0), i64::from(self.from));
            let (starts, ends) = (nodes.ints("starts", &[from]), nodes.ints("ends", &[from + i64::from(self.channels)]));
            let axes = nodes.ints("axes", &[1]);
            Ok(nodes.last("Slice", &[&x, &starts, &ends, &axes], |node| node))
        }
    }
}
