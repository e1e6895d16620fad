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
