//! Global average pooling.

use super::{Cost, Op, Operation, Shape};
use crate::draw::Tint;
use crate::plan::PlanError;

/// The mean of each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalPool;

impl GlobalPool {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        Ok(Shape { c: inputs[0].c, h: 1, w: 1 })
    }

    pub(super) const fn cost(&self, _input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost::NONE)
    }
}

impl Operation for GlobalPool {
    fn layer(&self) -> &'static str {
        "pool"
    }

    fn details(&self, _op: &Op) -> Vec<String> {
        vec!["global average".into()]
    }

    fn tint(&self, _op: &Op) -> Tint {
        Tint::Classifier
    }
}

#[cfg(feature = "torch")]
mod compute {
    use tch::{Kind, Tensor};

    use super::GlobalPool;
    use crate::model::ModelError;
    use crate::op::{Compute, Run};

    impl Compute for GlobalPool {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            Ok(run.x(0).f_mean_dim([2i64, 3].as_slice(), true, None::<Kind>)?)
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::GlobalPool;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for GlobalPool {
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let x = nodes.map(0);
            Ok(nodes.last("GlobalAveragePool", &[&x], |node| node))
        }
    }
}
