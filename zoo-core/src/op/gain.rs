//! A trained factor for each channel: layer scale (Touvron et al. 2021, arXiv:2103.17239, section 2.1).

use super::{Cost, Op, Operation, Shape, Role, TensorSpec};
use crate::plan::PlanError;

/// A trained factor for each channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// The factor at the start.
    pub start: f64,
}

impl Gain {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        Ok(inputs[0])
    }

    pub(super) const fn cost(&self, input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost { params: input.c as u64, buffers: 0, macs: 0 })
    }
}

impl Operation for Gain {
    fn layer(&self) -> &'static str {
        "gain"
    }

    fn parameters(&self, op: &Op) -> Vec<TensorSpec> {
        vec![TensorSpec::vector("factor", op.input.c, Role::NormScale, self.start)]
    }
}

#[cfg(feature = "torch")]
mod compute {
    use tch::Tensor;

    use super::Gain;
    use crate::model::ModelError;
    use crate::op::{Compute, Run};

    impl Compute for Gain {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            Ok(run.x(0).f_mul(&run.tensor(0).f_reshape([1, -1, 1, 1])?)?)
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::Gain;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for Gain {
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let x = nodes.map(0);
            let factor = nodes.tensor(0, "factor", &[1, nodes.op.input.c.into(), 1, 1])?;
            Ok(nodes.last("Mul", &[&x, &factor], |node| node))
        }
    }
}
