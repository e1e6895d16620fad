//! Pooling with a window, as stems and transitions have it.

use super::{Cost, Op, Operation, Shape};
use crate::draw::Tint;
use crate::plan::PlanError;

/// What becomes of the values in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The largest.
    Max,
    /// Their mean; zeros of the padding do not count.
    Average,
}

/// Pooling with a square window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// What becomes of the values.
    pub pooling: Pooling,
    /// Side of the window.
    pub kernel: u32,
    /// Stride in both directions.
    pub stride: u32,
    /// Pixels added on every side; where nothing is said, as the plan's padding has it.
    pub padding: Option<u32>,
}

impl Window {
    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        // Windows that lie in the padding alone would have no values.
        if let Some(padding) = self.padding
            && padding > self.kernel / 2
        {
            return Err(PlanError::Convolution);
        }
        inputs[0].slide(self.kernel, self.stride, self.padding)
    }

    pub(super) const fn cost(&self, _input: Shape, _output: Shape) -> Result<Cost, PlanError> {
        Ok(Cost::NONE)
    }
}

impl Operation for Window {
    fn layer(&self) -> &'static str {
        "pool"
    }

    fn word(&self, _op: &Op) -> &'static str {
        match self.pooling {
            Pooling::Max => "max-pool",
            Pooling::Average => "average-pool",
        }
    }

    fn words(&self, op: &Op, times: &str) -> String {
        let stride = if self.stride > 1 { format!(" /{}", self.stride) } else { String::new() };
        format!("{}{times}{} {}{stride}", self.kernel, self.kernel, self.word(op))
    }

    fn details(&self, _op: &Op) -> Vec<String> {
        let stride = if self.stride > 1 { format!(" / {}", self.stride) } else { String::new() };
        let pooling = match self.pooling {
            Pooling::Max => "maximum",
            Pooling::Average => "average",
        };
        vec![format!("{} × {}{stride}", self.kernel, self.kernel), pooling.into()]
    }

    fn tint(&self, _op: &Op) -> Tint {
        Tint::Pointwise
    }

    fn kernel(&self) -> Option<u32> {
        Some(self.kernel)
    }

    fn stride(&self) -> u32 {
        self.stride
    }
}

#[cfg(feature = "torch")]
mod compute {
    use tch::Tensor;

    use super::{Pooling, Window};
    use crate::model::{ModelError, border};
    use crate::op::{Compute, Run};

    impl Window {
        fn pool(&self, x: &Tensor, padding: [i64; 2]) -> Result<Tensor, ModelError> {
            let (kernel, stride) = ([i64::from(self.kernel); 2], [i64::from(self.stride); 2]);
            Ok(match self.pooling {
                Pooling::Max => x.f_max_pool2d(kernel, stride, padding, [1, 1], false)?,
                Pooling::Average => x.f_avg_pool2d(kernel, stride, padding, false, false, None::<i64>)?,
            })
        }
    }

    impl Compute for Window {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            let border = border(run.op.input, self.kernel, self.stride, self.padding, run.padding);
            let x = run.x(0);
            if border.top == border.bottom && border.left == border.right {
                return Ok(run.format.of(&self.pool(x, [border.top, border.left])?)?);
            }
            let sides = [border.left, border.right, border.top, border.bottom];
            let pooled = match self.pooling {
                Pooling::Max => {
                    let lowest = f64::NEG_INFINITY;
                    self.pool(&x.f_pad(sides, "constant", lowest)?, [0, 0])?
                }
                Pooling::Average => {
                    // The share of the window that lies in the map.
                    let inside = x.f_ones_like()?.f_constant_pad_nd(sides)?;
                    let values = self.pool(&x.f_constant_pad_nd(sides)?, [0, 0])?;
                    values.f_div(&self.pool(&inside, [0, 0])?)?
                }
            };
            Ok(run.format.of(&pooled)?)
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::{Pooling, Window};
    use crate::model::border;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for Window {
        /// A mean is over what lies in the map, whatever the padding on each side.
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let border = border(nodes.op.input, self.kernel, self.stride, self.padding, nodes.padding);
            let pads = [border.top, border.left, border.bottom, border.right];
            let x = nodes.map(0);
            let geometry = |node: crate::onnx::Node| {
                let node = node.with("kernel_shape", [i64::from(self.kernel); 2]);
                node.with("strides", [i64::from(self.stride); 2]).with("pads", pads)
            };
            Ok(match self.pooling {
                Pooling::Max => nodes.last("MaxPool", &[&x], geometry),
                Pooling::Average => {
                    nodes.last("AveragePool", &[&x], |node| geometry(node).with("count_include_pad", 0))
                }
            })
        }
    }
}
