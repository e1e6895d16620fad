//! Pointwise non-linearities.

use super::{Cost, Op, Operation, Shape};
use crate::plan::PlanError;

/// A pointwise non-linearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Whatever the table's `act` section says.
    Table,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// x · sigmoid(x), also called swish
    Silu,
    /// x · Φ(x) with the normal distribution function, not its approximation by tanh
    Gelu,
    /// x · relu6(x + 3) / 6
    HardSwish,
    /// 1 / (1 + e⁻ˣ), a gate
    Sigmoid,
    /// relu6(x + 3) / 6, a gate
    HardSigmoid,
}

impl Activation {
    /// The name used in summaries and drawings.
    pub const fn name(self) -> &'static str {
        match self {
            Activation::Table => "table",
            Activation::Relu => "relu",
            Activation::Relu6 => "relu6",
            Activation::Silu => "silu",
            Activation::Gelu => "gelu",
            Activation::HardSwish => "hard-swish",
            Activation::Sigmoid => "sigmoid",
            Activation::HardSigmoid => "hard-sigmoid",
        }
    }

    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        Ok(inputs[0])
    }

    pub(super) const fn cost(&self, _input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost::NONE)
    }
}

impl Operation for Activation {
    fn layer(&self) -> &'static str {
        "act"
    }

    fn word(&self, _op: &Op) -> &'static str {
        self.name()
    }
}

#[cfg(feature = "torch")]
pub(crate) mod compute {
    use tch::Tensor;
    use zoo_native::convolution::Activation as InConvolution;
    use zoo_native::norm::Activation as InNorm;

    use super::Activation;
    use crate::model::ModelError;
    use crate::op::{Compute, Run};

    impl Activation {
        /// A tensor of its values.
        pub(crate) fn apply(self, x: &Tensor) -> Result<Tensor, ModelError> {
            Ok(match self {
                Activation::Table => x.shallow_clone(),
                Activation::Relu => x.f_relu()?,
                Activation::Relu6 => x.f_relu6()?,
                Activation::Silu => x.f_silu()?,
                Activation::Gelu => x.f_gelu("none")?,
                Activation::HardSwish => x.f_hardswish()?,
                Activation::Sigmoid => x.f_sigmoid()?,
                Activation::HardSigmoid => x.f_hardsigmoid()?,
            })
        }

        /// The same in the memory of `x`, which nobody else may read.
        pub(crate) fn apply_in_place(self, mut x: Tensor) -> Result<Tensor, ModelError> {
            Ok(match self {
                Activation::Table => x,
                Activation::Relu => x.f_relu_()?,
                Activation::Relu6 => x.f_relu6_()?,
                Activation::Silu => x.f_silu_()?,
                Activation::Gelu => x.f_gelu_("none")?,
                Activation::HardSwish => x.f_hardswish_()?,
                Activation::Sigmoid => x.f_sigmoid_()?,
                Activation::HardSigmoid => x.f_hardsigmoid_()?,
            })
        }

        /// What the kernels of convolutions call it, where they have it.
        pub(crate) fn in_convolution(self) -> Option<InConvolution> {
            match self {
                Activation::Table => Some(InConvolution::None),
                Activation::Relu => Some(InConvolution::Relu),
                Activation::Relu6 => Some(InConvolution::Relu6),
                Activation::Silu => Some(InConvolution::Silu),
                Activation::HardSwish => Some(InConvolution::HardSwish),
                Activation::Sigmoid => Some(InConvolution::Sigmoid),
                Activation::HardSigmoid => Some(InConvolution::HardSigmoid),
                Activation::Gelu => None,
            }
        }

        /// What the kernels of norms call it, where they have it.
        pub(crate) fn in_norm(self) -> Option<InNorm> {
            match self {
                Activation::Table => Some(InNorm::None),
                Activation::Relu => Some(InNorm::Relu),
                Activation::Relu6 => Some(InNorm::Relu6),
                Activation::Silu => Some(InNorm::Silu),
                Activation::HardSwish => Some(InNorm::HardSwish),
                Activation::Gelu | Activation::Sigmoid | Activation::HardSigmoid => None,
            }
        }
    }

    impl Compute for Activation {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            self.apply(run.x(0))
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::Activation;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for Activation {
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let Wire { name: x, is_flat } = nodes.any(0);
            let opset = nodes.options.opset;
            let mut one = |kind: &str| Ok(nodes.last_as(is_flat, kind, &[&x], |node| node));
            match self {
                Activation::Table => Ok(Wire { name: x, is_flat }),
                Activation::Relu => one("Relu"),
                Activation::Sigmoid => one("Sigmoid"),
                Activation::HardSwish if opset >= 14 => one("HardSwish"),
                Activation::Gelu if opset >= 20 => one("Gelu"),
                Activation::Relu6 => {
                    let (zero, six) = (nodes.number("zero", 0.0), nodes.number("six", 6.0));
                    Ok(nodes.last_as(is_flat, "Clip", &[&x, &zero, &six], |node| node))
                }
                // As two operators, which runtimes know and fuse; there is none of its name before opset 24.
                Activation::Silu => {
                    let gate = nodes.before("sigmoid", "Sigmoid", &[&x], |node| node);
                    Ok(nodes.last_as(is_flat, "Mul", &[&x, &gate], |node| node))
                }
                Activation::HardSigmoid => Ok(nodes.last_as(is_flat, "HardSigmoid", &[&x], sixth)),
                Activation::HardSwish => {
                    let gate = nodes.before("sigmoid", "HardSigmoid", &[&x], sixth);
                    Ok(nodes.last_as(is_flat, "Mul", &[&x, &gate], |node| node))
                }
                // In the order of PyTorch's exporter, which runtimes recognise.
                Activation::Gelu => {
                    let root = nodes.number("root_of_two", std::f32::consts::SQRT_2);
                    let (one, half) = (nodes.number("one", 1.0), nodes.number("half", 0.5));
                    let scaled = nodes.before("scaled", "Div", &[&x, &root], |node| node);
                    let erf = nodes.before("erf", "Erf", &[&scaled], |node| node);
                    let raised = nodes.before("raised", "Add", &[&erf, &one], |node| node);
                    let product = nodes.before("product", "Mul", &[&x, &raised], |node| node);
                    Ok(nodes.last_as(is_flat, "Mul", &[&product, &half], |node| node))
                }
            }
        }
    }

    /// relu6(x + 3) / 6; ONNX's own slope is a fifth.
    fn sixth(node: crate::onnx::Node) -> crate::onnx::Node {
        node.with("alpha", 1.0 / 6.0).with("beta", 0.5)
    }
}
