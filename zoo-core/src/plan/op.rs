//! The primitive operations a plan is made of, with their shapes and what each costs.

use super::PlanError;

/// Shape of one image's tensor: channels, height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub c: u32,
    /// Height in pixels.
    pub h: u32,
    /// Width in pixels.
    pub w: u32,
}

impl Shape {
    /// Whether two shapes are the same, for blocks, which count while compiling and cannot use `==`.
    pub const fn equals(self, other: Shape) -> bool {
        self.c == other.c && self.h == other.h && self.w == other.w
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{} x {} x {}", self.c, self.h, self.w))
    }
}

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
            Activation::HardSwish => "hard-swish",
            Activation::Sigmoid => "sigmoid",
            Activation::HardSigmoid => "hard-sigmoid",
        }
    }
}

/// A primitive operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OpKind {
    /// Square convolution; `groups` equal to the channels makes it depthwise.
    Conv {
        /// Side of the kernel, odd.
        kernel: u32,
        /// Stride in both directions.
        stride: u32,
        /// Groups; 1 is dense.
        groups: u32,
        /// Whether it has a bias.
        bias: bool,
    },
    /// Batch normalisation with the table's constants.
    Norm,
    /// A pointwise non-linearity.
    Act(Activation),
    /// Global average pooling to 1 x 1.
    Pool,
    /// Dropout of features, while training.
    Dropout {
        /// Probability of dropping.
        rate: f64,
    },
    /// Fully connected layer with bias.
    Linear,
    /// The second input multiplied by the first, a 1 x 1 gate per channel.
    Scale,
    /// The first input, dropped per sample at `drop_path` while training, plus the second.
    Add {
        /// Probability of dropping the first input for a sample.
        drop_path: f64,
    },
}

/// Which part of the network an operation belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before the stages.
    Stem,
    /// A block of a stage, both counted from 0.
    Stage {
        /// Run of consecutive rows of the same block type and width.
        stage: u32,
        /// Block within the stage.
        block: u32,
    },
    /// The convolution behind the stages.
    Head,
    /// Pooling and classifier.
    Top,
}

/// One operation of a plan. Its result is the value numbered by its own position plus one; value 0 is the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Op {
    /// What is done.
    pub kind: OpKind,
    /// Where in the network.
    pub place: Place,
    /// Which layer of the block, such as `expand` or `depthwise`; empty in stem and head.
    pub part: &'static str,
    /// The values it reads; the second is used by [`OpKind::Scale`] and [`OpKind::Add`] alone.
    pub inputs: [u32; 2],
    /// Shape of the first input.
    pub input: Shape,
    /// Shape of the result.
    pub output: Shape,
}

/// What an operation, a stage or a network costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Trainable parameters.
    pub params: u64,
    /// Running means and variances (`num_batches_tracked` is not counted).
    pub buffers: u64,
    /// Multiply-accumulates of convolutions and linear layers for one image, nothing else.
    pub macs: u64,
}

impl Op {
    pub(crate) const NONE: Op = {
        let shape = Shape { c: 0, h: 0, w: 0 };
        Op { kind: OpKind::Norm, place: Place::Stem, part: "", inputs: [0, 0], input: shape, output: shape }
    };

    /// Exact cost of this operation for one image; an error where a count does not fit 64 bits.
    pub const fn cost(&self) -> Result<Cost, PlanError> {
        let (c_in, c_out) = (self.input.c as u64, self.output.c as u64);
        match self.kind {
            OpKind::Conv { groups: 0, .. } => Err(PlanError::Convolution),
            OpKind::Conv { kernel, groups, bias, .. } => {
                // Channels are at most 10⁶ and kernels at most 65,535: the product of two may overflow, so every one is
                // checked.
                let taps = kernel as u64 * kernel as u64;
                let Some(weights) = checked_product([c_in / groups as u64, c_out, taps]) else {
                    return Err(PlanError::Count);
                };
                let Some(macs) = checked_product([weights, self.output.h as u64, self.output.w as u64]) else {
                    return Err(PlanError::Count);
                };
                let params = weights.saturating_add(if bias { c_out } else { 0 });
                Ok(Cost { params, buffers: 0, macs })
            }
            OpKind::Linear => Ok(Cost { params: c_in * c_out + c_out, buffers: 0, macs: c_in * c_out }),
            OpKind::Norm => Ok(Cost { params: 2 * c_in, buffers: 2 * c_in, macs: 0 }),
            OpKind::Act(_) | OpKind::Pool | OpKind::Dropout { .. } | OpKind::Scale | OpKind::Add { .. } => {
                Ok(Cost { params: 0, buffers: 0, macs: 0 })
            }
        }
    }

    /// Whether the operation is a depthwise convolution.
    pub const fn is_depthwise(&self) -> bool {
        matches!(self.kind, OpKind::Conv { groups, .. } if groups > 1 && groups == self.input.c)
    }

    /// The word for the operation in summaries: `conv`, `depthwise`, `norm`, the activation's name, ...
    pub const fn word(&self) -> &'static str {
        match self.kind {
            OpKind::Conv { .. } if self.is_depthwise() => "depthwise",
            OpKind::Conv { .. } => "conv",
            OpKind::Norm => "norm",
            OpKind::Act(activation) => activation.name(),
            OpKind::Pool => "pool",
            OpKind::Dropout { .. } => "dropout",
            OpKind::Linear => "linear",
            OpKind::Scale => "scale",
            OpKind::Add { .. } => "add",
        }
    }

    /// Name of the block that the operation stands in: `stem`, `stages.2.0`, `head` or `top`.
    pub fn block_name(&self) -> String {
        match self.place {
            Place::Stem => "stem".into(),
            Place::Stage { stage, block } => format!("stages.{stage}.{block}"),
            Place::Head => "head".into(),
            Place::Top => "top".into(),
        }
    }

    /// Name of the layer, unique within a plan: `stages.2.0.depthwise.norm`. Its tensors add `.weight`, `.bias`,
    /// `.running_mean` and `.running_var`.
    pub fn name(&self) -> String {
        let layer = match self.kind {
            OpKind::Conv { .. } => "conv",
            OpKind::Norm => "norm",
            OpKind::Act(_) => "act",
            OpKind::Pool => "pool",
            OpKind::Dropout { .. } => "dropout",
            OpKind::Linear => "linear",
            OpKind::Scale => "scale",
            OpKind::Add { .. } => "add",
        };
        let block = self.block_name();
        if self.part.is_empty() { format!("{block}.{layer}") } else { format!("{block}.{}.{layer}", self.part) }
    }
}

impl Cost {
    /// The sum of two costs; an error where one does not fit 64 bits.
    pub const fn plus(self, other: Cost) -> Result<Cost, PlanError> {
        let sums = (
            self.params.checked_add(other.params),
            self.buffers.checked_add(other.buffers),
            self.macs.checked_add(other.macs),
        );
        match sums {
            (Some(params), Some(buffers), Some(macs)) => Ok(Cost { params, buffers, macs }),
            _ => Err(PlanError::Count),
        }
    }
}

const fn checked_product(factors: [u64; 3]) -> Option<u64> {
    match factors[0].checked_mul(factors[1]) {
        Some(product) => product.checked_mul(factors[2]),
        None => None,
    }
}
