//! The tensors of an operation: names, shapes, roles and how they start.

/// What a trainable tensor is, for optimizers that treat some apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weight of a dense or grouped convolution or a linear layer.
    Weight,
    /// Weight of a depthwise convolution.
    DepthwiseWeight,
    /// Scale of a norm, or a gain.
    NormScale,
    /// Any bias.
    Bias,
}

/// How a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// With one value everywhere.
    Constant(f64),
    /// As the table's `init` has it for convolutions; the weights that lead out of an input number `fan_out`.
    Kernel {
        /// Outputs over which the weight of one input is spread.
        fan_out: f64,
    },
    /// As the table's `init` has it for linear layers.
    Linear,
}

/// A tensor that an operation has.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// The last word of its name: `weight`, `bias`, `running_mean`, `running_var`.
    pub name: &'static str,
    /// Its sizes.
    pub shape: Vec<i64>,
    /// What it is.
    pub role: Role,
    /// How it starts.
    pub start: Start,
}

impl TensorSpec {
    /// A vector of one value for each channel.
    pub(super) fn vector(name: &'static str, channels: u32, role: Role, value: f64) -> TensorSpec {
        TensorSpec { name, shape: vec![channels.into()], role, start: Start::Constant(value) }
    }
}
