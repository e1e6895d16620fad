//! Residuals.

use super::{Cost, Operation, Shape};
use crate::plan::PlanError;

/// The first input, dropped per sample while training, plus the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Add {
    /// Probability of dropping the first input for a sample.
    pub drop_path: f64,
}

impl Add {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        if !inputs[0].equals(inputs[1]) {
            return Err(PlanError::ShapeMismatch);
        }
        Ok(inputs[0])
    }

    pub(super) const fn cost(&self, _input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost::NONE)
    }
}

impl Operation for Add {
    fn layer(&self) -> &'static str {
        "add"
    }
}

#[cfg(feature = "torch")]
pub(crate) mod compute {
    use tch::Tensor;

    use super::Add;
    use crate::model::{Mode, ModelError};
    use crate::op::{Compute, Run};

    impl Add {
        /// The rate at which samples are dropped in this mode.
        pub(crate) fn rate(&self, mode: Mode) -> f64 {
            if mode == Mode::Train { self.drop_path } else { 0.0 }
        }

        /// The sum, where samples of `x` are dropped.
        pub(crate) fn sum(&self, x: &Tensor, shortcut: &Tensor, mode: Mode) -> Result<Tensor, ModelError> {
            match self.rate(mode) {
                0.0 => Ok(shortcut.f_add(x)?),
                rate => Ok(shortcut.f_addcmul(x, &sample_mask(x, rate)?)?),
            }
        }
    }

    /// Zero for samples that are dropped, with probability `rate`; for the others what keeps the expectation.
    fn sample_mask(x: &Tensor, rate: f64) -> Result<Tensor, ModelError> {
        let kept = 1.0 - rate;
        let mut mask = Tensor::f_empty([x.size()[0], 1, 1, 1], (x.kind(), x.device()))?;
        Ok(mask.f_bernoulli_float_(kept)?.f_div_scalar(kept)?)
    }

    impl Compute for Add {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            self.sum(run.x(0), run.x(1), run.mode)
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::Add;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for Add {
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let is_flat = nodes.any(0).is_flat && nodes.any(1).is_flat;
            let (x, shortcut) = match is_flat {
                true => (nodes.any(0).name, nodes.any(1).name),
                false => (nodes.map(0), nodes.map(1)),
            };
            Ok(nodes.last_as(is_flat, "Add", &[&shortcut, &x], |node| node))
        }
    }
}
