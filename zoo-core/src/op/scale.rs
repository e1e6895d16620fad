//! A gate: a map multiplied by one number a channel.

use super::{Cost, Operation, Shape};
use crate::plan::PlanError;

/// The second input multiplied by the first, a 1 x 1 gate per channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale;

impl Scale {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        let (gate, features) = (inputs[0], inputs[1]);
        if gate.c != features.c || !gate.is_pixel() {
            return Err(PlanError::ShapeMismatch);
        }
        Ok(features)
    }

    pub(super) const fn cost(&self, _input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost::NONE)
    }
}

impl Operation for Scale {
    fn layer(&self) -> &'static str {
        "scale"
    }
}

#[cfg(feature = "torch")]
mod compute {
    use tch::Tensor;

    use super::Scale;
    use crate::model::ModelError;
    use crate::op::{Compute, Run};

    impl Compute for Scale {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            Ok(run.x(1).f_mul(run.x(0))?)
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::Scale;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for Scale {
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let (gate, features) = (nodes.map(0), nodes.map(1));
            Ok(nodes.last("Mul", &[&features, &gate], |node| node))
        }
    }
}
