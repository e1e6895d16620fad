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
#[non_exhaustive]
pub enum Start {
    /// With one value everywhere.
    Constant(f64),
    /// As the table's `init` has it for weights.
    Weight(Fans),
    /// As the table's `init` has it for the biases beside them.
    Bias(Fans),
}

/// How many weights of a layer meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fans {
    /// Whether the layer is linear, which `init` tells from convolutions.
    pub is_linear: bool,
    /// Inputs of an output.
    pub inputs: f64,
    /// Outputs of an input.
    pub outputs: f64,
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

    /// The weight of a layer.
    pub(super) fn weight(shape: Vec<i64>, role: Role, fans: Fans) -> TensorSpec {
        TensorSpec { name: "weight", shape, role, start: Start::Weight(fans) }
    }

    /// The bias beside it.
    pub(super) fn bias(channels: u32, fans: Fans) -> TensorSpec {
        TensorSpec { name: "bias", shape: vec![channels.into()], role: Role::Bias, start: Start::Bias(fans) }
    }
}
