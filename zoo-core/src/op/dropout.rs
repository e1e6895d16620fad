//! Dropout of features.

use super::{Cost, Op, Operation, Shape};
use crate::plan::PlanError;

/// Dropout of features, while training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Probability of dropping.
    pub rate: f64,
}

impl Dropout {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        Ok(inputs[0])
    }

    pub(super) const fn cost(&self, _input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost::NONE)
    }
}

impl Operation for Dropout {
    fn layer(&self) -> &'static str {
        "dropout"
    }

    fn words(&self, _op: &Op, _times: &str) -> String {
        format!("dropout {}", self.rate)
    }

    fn details(&self, _op: &Op) -> Vec<String> {
        vec![format!("rate {}", self.rate)]
    }
}

#[cfg(feature = "torch")]
mod compute {
    use tch::Tensor;

    use super::Dropout;
    use crate::model::{Mode, ModelError};
    use crate::op::{Compute, Run};

    impl Compute for Dropout {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            match run.mode == Mode::Train && self.rate > 0.0 {
                true => Ok(run.x(0).f_dropout(self.rate, true)?),
                false => Ok(run.x(0).shallow_clone()),
            }
        }

        fn is_fresh(&self) -> bool {
            false
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::Dropout;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for Dropout {
        /// Nothing is dropped in evaluation.
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            Ok(nodes.any(0))
        }
    }
}
