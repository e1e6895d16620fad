//! Concatenation of channels.

use super::{Cost, Operation, Shape};
use crate::plan::PlanError;
use crate::plan::error::MAX_CHANNELS;

/// The channels of all inputs, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concat;

impl Concat {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        let mut channels = 0u64;
        let mut index = 0;
        while index < inputs.len() {
            if !inputs[index].same_map(inputs[0]) {
                return Err(PlanError::Concat);
            }
            channels += inputs[index].c as u64;
            index += 1;
        }
        if channels > MAX_CHANNELS as u64 {
            return Err(PlanError::Channels(channels));
        }
        Ok(inputs[0].with_channels(channels as u32))
    }

    pub(super) const fn cost(&self, _input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost::NONE)
    }
}

impl Operation for Concat {
    fn layer(&self) -> &'static str {
        "concat"
    }
}

#[cfg(feature = "torch")]
mod compute {
    use tch::Tensor;

    use super::Concat;
    use crate::model::ModelError;
    use crate::op::{Compute, Run};

    impl Compute for Concat {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            Ok(run.format.of(&Tensor::f_cat(run.inputs, 1)?)?)
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::Concat;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for Concat {
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let maps: Vec<String> = (0..nodes.inputs.len()).map(|index| nodes.map(index)).collect();
            let maps: Vec<&str> = maps.iter().map(String::as_str).collect();
            Ok(nodes.last("Concat", &maps, |node| node.with("axis", 1)))
        }
    }
}
