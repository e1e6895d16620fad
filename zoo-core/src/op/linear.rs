//! Fully connected layers.

use super::{Cost, Op, Operation, Shape, Fans, Role, TensorSpec};
use crate::draw::Tint;
use crate::plan::PlanError;
use crate::plan::error::MAX_CHANNELS;

/// Fully connected layer with bias, from the features that pooling makes of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Outputs.
    pub outputs: u32,
}

impl Linear {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        if !inputs[0].is_pixel() {
            return Err(PlanError::LinearWithoutPool);
        }
        if self.outputs == 0 || self.outputs > MAX_CHANNELS {
            return Err(PlanError::Channels(self.outputs as u64));
        }
        Ok(inputs[0].with_channels(self.outputs))
    }

    pub(super) const fn cost(&self, input: Shape, output: Shape) -> Result<Cost, PlanError> {
        let macs = input.c as u64 * output.c as u64;
        Ok(Cost { params: macs + output.c as u64, buffers: 0, macs })
    }
}

impl Operation for Linear {
    fn layer(&self) -> &'static str {
        "linear"
    }

    fn details(&self, _op: &Op) -> Vec<String> {
        vec!["fully connected".into()]
    }

    fn tint(&self, _op: &Op) -> Tint {
        Tint::Classifier
    }

    fn parameters(&self, op: &Op) -> Vec<TensorSpec> {
        let shape = vec![op.output.c.into(), op.input.c.into()];
        let fans = Fans { is_linear: true, inputs: op.input.c.into(), outputs: op.output.c.into() };
        vec![
            TensorSpec::weight(shape, Role::Weight, fans),
            TensorSpec::bias(op.output.c, fans),
        ]
    }
}

#[cfg(feature = "torch")]
mod compute {
    use tch::Tensor;

    use super::Linear;
    use crate::model::ModelError;
    use crate::op::{Compute, Run};

    impl Compute for Linear {
        /// N x outputs x 1 x 1, so that whatever may follow reads it as a map.
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            let y = run.x(0).f_flatten(1, -1)?.f_linear(run.tensor(0), Some(run.tensor(1)))?;
            Ok(y.f_unsqueeze(-1)?.f_unsqueeze(-1)?)
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::Linear;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for Linear {
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let (inputs, outputs) = (i64::from(nodes.op.input.c), i64::from(nodes.op.output.c));
            let x = nodes.flat(0);
            let (weight, bias) = (nodes.tensor(0, "weight", &[outputs, inputs])?, nodes.tensor(1, "bias", &[outputs])?);
            Ok(nodes.last_as(true, "Gemm", &[&x, &weight, &bias], |node| node.with("transB", 1)))
        }
    }
}
