//! Convolution: dense, grouped and depthwise.

use super::{Cost, Op, Operation, Shape, Fans, Role, TensorSpec};
use crate::draw::Tint;
use crate::plan::PlanError;
use crate::plan::error::MAX_CHANNELS;

/// Convolution with a square kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Output channels, a multiple of the groups.
    pub channels: u32,
    /// Side of the kernel.
    pub kernel: u32,
    /// Stride in both directions.
    pub stride: u32,
    /// Groups; 1 is dense.
    pub groups: u32,
    /// Whether it has a bias.
    pub bias: bool,
    /// Zeros on every side; where nothing is said, those of the plan's padding, so that only the stride shrinks the map.
    pub padding: Option<u32>,
}

impl Convolution {
    /// A dense 1 x 1 convolution without bias, to be changed by struct update.
    pub const DEFAULT: Convolution =
        Convolution { channels: 1, kernel: 1, stride: 1, groups: 1, bias: false, padding: None };

    pub(super) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
        let Convolution { channels, groups, .. } = *self;
        let divides = groups != 0 && inputs[0].c.is_multiple_of(groups) && channels.is_multiple_of(groups);
        if !divides {
            return Err(PlanError::Convolution);
        }
        if channels == 0 || channels > MAX_CHANNELS {
            return Err(PlanError::Channels(channels as u64));
        }
        match inputs[0].slide(self.kernel, self.stride, self.padding) {
            Ok(map) => Ok(map.with_channels(channels)),
            Err(error) => Err(error),
        }
    }

    pub(super) const fn cost(&self, input: Shape, output: Shape) -> Result<Cost, PlanError> {
        let (c_in, c_out) = (input.c as u64, output.c as u64);
        if self.groups == 0 {
            return Err(PlanError::Convolution);
        }
        // Channels are at most 10⁶ and kernels at most 255: products may overflow, so every one is checked.
        let taps = self.kernel as u64 * self.kernel as u64;
        let Some(weights) = checked_product([c_in / self.groups as u64, c_out, taps]) else {
            return Err(PlanError::Count);
        };
        let Some(macs) = checked_product([weights, output.h as u64, output.w as u64]) else {
            return Err(PlanError::Count);
        };
        let params = weights.saturating_add(if self.bias { c_out } else { 0 });
        Ok(Cost { params, buffers: 0, macs })
    }
}

const fn checked_product(factors: [u64; 3]) -> Option<u64> {
    match factors[0].checked_mul(factors[1]) {
        Some(product) => product.checked_mul(factors[2]),
        None => None,
    }
}

impl Operation for Convolution {
    fn layer(&self) -> &'static str {
        "conv"
    }

    fn word(&self, op: &Op) -> &'static str {
        if op.is_depthwise() { "depthwise" } else { "conv" }
    }

    fn words(&self, op: &Op, times: &str) -> String {
        let mut words = format!("{}{times}{} {}", self.kernel, self.kernel, self.word(op));
        if self.groups > 1 && !op.is_depthwise() {
            words += &format!(" g{}", self.groups);
        }
        if self.stride > 1 {
            words += &format!(" /{}", self.stride);
        }
        words
    }

    fn details(&self, op: &Op) -> Vec<String> {
        let mut words = vec![format!("{} × {}", self.kernel, self.kernel)];
        if self.stride > 1 {
            words[0] += &format!(" / {}", self.stride);
        }
        if self.groups > 1 && !op.is_depthwise() {
            words.push(format!("{} groups", self.groups));
        }
        if self.bias {
            words.push("bias".into());
        }
        words
    }

    fn tint(&self, op: &Op) -> Tint {
        if op.is_depthwise() { Tint::Depthwise } else { Tint::Convolution }
    }

    fn parameters(&self, op: &Op) -> Vec<TensorSpec> {
        let (kernel, groups) = (i64::from(self.kernel), i64::from(self.groups.max(1)));
        let (c_in, c_out) = (i64::from(op.input.c), i64::from(op.output.c));
        let role = if op.is_depthwise() { Role::DepthwiseWeight } else { Role::Weight };
        let fan = |channels: i64| (kernel * kernel * channels / groups) as f64;
        let fans = Fans { is_linear: false, inputs: fan(c_in), outputs: fan(c_out) };
        let mut tensors = vec![TensorSpec::weight(vec![c_out, c_in / groups, kernel, kernel], role, fans)];
        if self.bias {
            tensors.push(TensorSpec::bias(op.output.c, fans));
        }
        tensors
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
    use zoo_native::dense::dense_conv2d;
    use zoo_native::depthwise::depthwise_conv2d;

    use super::Convolution;
    use crate::model::{Geometry, ModelError};
    use crate::op::{Compute, Run};

    impl Compute for Convolution {
        fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError> {
            let (x, weight, bias) = (run.x(0), run.tensor(0), self.bias.then(|| run.tensor(1)));
            let geometry = Geometry::of(self, run.op.input, run.padding);
            if run.op.is_depthwise() && bias.is_none() && run.op.input.c == run.op.output.c {
                return Ok(depthwise_conv2d(x, weight, geometry.stride, geometry.border)?);
            }
            if geometry.groups == 1 {
                return Ok(dense_conv2d(x, weight, bias, geometry.stride, geometry.border)?);
            }
            geometry.convolve(x, weight, bias)
        }
    }
}

#[cfg(feature = "torch")]
mod in_onnx {
    use super::Convolution;
    use crate::model::Geometry;
    use crate::onnx::OnnxError;
    use crate::op::{InOnnx, Nodes, Wire};

    impl InOnnx for Convolution {
        /// With the bias that a norm behind it left.
        fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError> {
            let Geometry { stride, groups, border } = Geometry::of(self, nodes.op.input, nodes.padding);
            let (x, kernel) = (nodes.map(0), i64::from(self.kernel));
            let channels = i64::from(nodes.op.output.c);
            let dims = [channels, i64::from(nodes.op.input.c) / groups, kernel, kernel];
            let mut inputs = vec![x, nodes.tensor(0, "weight", &dims)?];
            if nodes.tensors.len() > 1 {
                inputs.push(nodes.tensor(1, "bias", &[channels])?);
            }
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            Ok(nodes.last("Conv", &inputs, |node| {
                node.with("kernel_shape", [kernel; 2])
                    .with("strides", [stride; 2])
                    .with("pads", [border.top, border.left, border.bottom, border.right])
                    .with("dilations", [1, 1])
                    .with("group", groups)
            }))
        }
    }
}
