//! Layer normalisation over channels, as ConvNeXt has it (Liu et al. 2022, arXiv:2201.03545, section 2.6).

use super::{Cost, Op, Operation, Shape, Role, TensorSpec};
use crate::plan::PlanError;

/// Each pixel by the mean and variance of its channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// Added to the variance before the square root.
    pub eps: f64,
}

impl LayerNorm {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        Ok(inputs[0])
    }

    pub(super) const fn cost(&self, input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost { params: 2 * input.c as u64, buffers: 0, macs: 0 })
    }
}

impl Operation for LayerNorm {
    fn layer(&self) -> &'static str {
        "norm"
    }

    fn word(&self, _op: &Op) -> &'static str {
        "layer-norm"
    }

    fn parameters(&self, op: &Op) -> Vec<TensorSpec> {
        vec![
            TensorSpec::vector("weight", op.input.c, Role::NormScale, 1.0),
            TensorSpec::vector("bias", op.input.c, Role::Bias, 0.0),
        ]
    }
}

#[cfg(feature = "torch")]
mod compute {
    use tch::Tensor;

    use super::LayerNorm;
    use crate::model::ModelError;
    use crate::op::{Compute, Run};

    impl Compute for LayerNorm {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            let channels = [i64::from(run.op.input.c)];
            let last = run.x(0).f_permute([0, 2, 3, 1])?.f_contiguous()?;
            let normal = last.f_layer_norm(channels, Some(run.tensor(0)), Some(run.tensor(1)), self.eps, false)?;
            Ok(run.format.of(&normal.f_permute([0, 3, 1, 2])?)?)
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::LayerNorm;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for LayerNorm {
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            if nodes.options.opset < 17 { self.spelled_out(nodes) } else { self.operator(nodes) }
        }
    }

    impl LayerNorm {
        /// The operator normalises what is innermost, which channels are not in ONNX.
        fn operator(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let (x, channels) = (nodes.map(0), [i64::from(nodes.op.input.c)]);
            let (weight, bias) = (nodes.tensor(0, "weight", &channels)?, nodes.tensor(1, "bias", &channels)?);
            let last = nodes.before("channels_last", "Transpose", &[&x], |node| node.with("perm", [0, 2, 3, 1]));
            let normal = nodes.before("normal", "LayerNormalization", &[&last, &weight, &bias], |node| {
                node.with("axis", -1).with("epsilon", self.eps as f32)
            });
            Ok(nodes.last("Transpose", &[&normal], |node| node.with("perm", [0, 3, 1, 2])))
        }

        fn spelled_out(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let (x, dims) = (nodes.map(0), [1, nodes.op.input.c.into(), 1, 1]);
            let (weight, bias) = (nodes.tensor(0, "weight", &dims)?, nodes.tensor(1, "bias", &dims)?);
            let eps = nodes.number(&format!("epsilon_{:e}", self.eps), self.eps as f32);
            let channels = |node: crate::onnx::Node| node.with("axes", [1]).with("keepdims", 1);
            let mean = nodes.before("mean", "ReduceMean", &[&x], channels);
            let centred = nodes.before("centred", "Sub", &[&x, &mean], |node| node);
            let square = nodes.before("square", "Mul", &[&centred, &centred], |node| node);
            let variance = nodes.before("variance", "ReduceMean", &[&square], channels);
            let raised = nodes.before("raised", "Add", &[&variance, &eps], |node| node);
            let deviation = nodes.before("deviation", "Sqrt", &[&raised], |node| node);
            let normal = nodes.before("normal", "Div", &[&centred, &deviation], |node| node);
            let scaled = nodes.before("scaled", "Mul", &[&normal, &weight], |node| node);
            Ok(nodes.last("Add", &[&scaled, &bias], |node| node))
        }
    }
}
