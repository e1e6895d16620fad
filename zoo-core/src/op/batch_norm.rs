//! Batch normalisation.

use super::{Cost, Op, Operation, Shape, Role, TensorSpec};
use crate::plan::PlanError;

/// Batch normalisation: each channel by its mean and variance over the batch, or by running ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance before the square root.
    pub eps: f64,
    /// Share of the new batch in the running statistics (PyTorch's sense: 1 - TensorFlow's decay).
    pub momentum: f64,
}

impl BatchNorm {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        Ok(inputs[0])
    }

    pub(super) const fn cost(&self, input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost { params: 2 * input.c as u64, buffers: 2 * input.c as u64, macs: 0 })
    }
}

impl Operation for BatchNorm {
    fn layer(&self) -> &'static str {
        "norm"
    }

    fn parameters(&self, op: &Op) -> Vec<TensorSpec> {
        vec![
            TensorSpec::vector("weight", op.input.c, Role::NormScale, 1.0),
            TensorSpec::vector("bias", op.input.c, Role::Bias, 0.0),
        ]
    }

    fn buffers(&self, op: &Op) -> Vec<TensorSpec> {
        vec![
            TensorSpec::vector("running_mean", op.input.c, Role::Bias, 0.0),
            TensorSpec::vector("running_var", op.input.c, Role::NormScale, 1.0),
        ]
    }
}

#[cfg(feature = "torch")]
pub(crate) mod compute {
    use tch::Tensor;
    use zoo_native::norm::{Activation as Fused, Norm, norm_activation};

    use super::BatchNorm;
    use crate::model::{Mode, ModelError};
    use crate::op::{Activation, Compute, Run};

    impl BatchNorm {
        /// The norm of `x`, then `activation`, then the sum with `residual`, in one pass where a kernel takes all of it.
        pub(crate) fn run_with(
            &self,
            run: &Run<'_>,
            x: &Tensor,
            activation: Option<Activation>,
            residual: Option<&Tensor>,
        ) -> Result<Tensor, ModelError> {
            let (fused, rest) = match activation {
                None => (Fused::None, None),
                Some(activation) => match activation.in_norm() {
                    Some(fused) => (fused, None),
                    None => (Fused::None, Some(activation)),
                },
            };
            let tensors = Norm {
                weight: run.tensor(0),
                bias: run.tensor(1),
                running: Some((run.tensor(2), run.tensor(3))),
                momentum: self.momentum,
                eps: self.eps,
            };
            let training = run.mode == Mode::Train && !run.frozen_statistics;
            if training && x.numel() as i64 == x.size()[1] {
                // Its mean is the value itself: all that is left is the shift, and nothing is learned. As in PyTorch.
                return Err(ModelError::OneValue { norm: run.op.name() });
            }
            let y = norm_activation(x, tensors, training, fused, residual.filter(|_| rest.is_none()))?;
            let Some(rest) = rest else { return Ok(y) };
            let y = rest.apply(&y)?;
            match residual {
                Some(residual) => Ok(residual.f_add(&y)?),
                None => Ok(y),
            }
        }
    }

    impl Compute for BatchNorm {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            self.run_with(run, run.x(0), None, None)
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::BatchNorm;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for BatchNorm {
        /// Of a norm behind no convolution, whose tensors are the scale and the shift that it comes to.
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let (x, dims) = (nodes.map(0), [1, nodes.op.input.c.into(), 1, 1]);
            let (scale, shift) = (nodes.tensor(0, "scale", &dims)?, nodes.tensor(1, "shift", &dims)?);
            let scaled = nodes.before("scaled", "Mul", &[&x, &scale], |node| node);
            Ok(nodes.last("Add", &[&scaled, &shift], |node| node))
        }
    }
}
