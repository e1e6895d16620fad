//! The operations that a plan is made of, one file each.
//!
//! A file has all that is known of its operation: its shape rule and cost (`const`, as tables are counted while compiling),
//! its tensors, its words in summaries and drawings, how libtorch computes it, and its nodes in ONNX. The list below and the method of
//! `PlanBuilder` that emits it are what else there is to touch when one is added. What joins several of them (a convolution with its norm and activation) is the model's.

#[cfg(feature = "torch")]
mod compute;
mod cost;
#[cfg(feature = "torch")]
mod onnx;
mod shape;
mod tensors;

#[cfg(feature = "torch")]
pub(crate) use compute::{Compute, Run, Tensors};
pub use cost::Cost;
#[cfg(feature = "torch")]
pub(crate) use onnx::{InOnnx, Nodes, Wire};
pub use shape::Shape;
pub use tensors::{Fans, Role, Start, TensorSpec};

use crate::draw::Tint;
use crate::plan::PlanError;

/// Most values that one operation may read; more are concatenated in two steps.
pub const MAX_INPUTS: usize = 8;

/// What is known of an operation beside its shape and cost, for summaries, drawings and files of weights.
pub(crate) trait Operation {
    /// The last word of its layer's name, such as `conv`.
    fn layer(&self) -> &'static str;

    /// Its word in summaries.
    fn word(&self, _op: &Op) -> &'static str {
        self.layer()
    }

    /// The same with what it was told: `3x3 conv /2`. `times` is the sign between the sides of a kernel.
    fn words(&self, op: &Op, _times: &str) -> String {
        self.word(op).into()
    }

    /// What a drawing says of it, where its colour and title do not.
    fn details(&self, _op: &Op) -> Vec<String> {
        Vec::new()
    }

    /// The colour in which it is drawn.
    fn tint(&self, _op: &Op) -> Tint {
        Tint::Pointwise
    }

    /// Its trainable tensors, the weight first.
    fn parameters(&self, _op: &Op) -> Vec<TensorSpec> {
        Vec::new()
    }

    /// Its running statistics.
    fn buffers(&self, _op: &Op) -> Vec<TensorSpec> {
        Vec::new()
    }

    /// Side of its kernel, where it has one.
    fn kernel(&self) -> Option<u32> {
        None
    }

    /// By how much it shrinks a map.
    fn stride(&self) -> u32 {
        1
    }
}

/// Writes the enumeration of all operations and what leads from it to each of them.
macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident($type:ident) in $module:ident;)*) => {
        $(mod $module; pub use $module::$type;)*

        /// A primitive operation.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum OpKind {
            $($(#[$doc])* $variant($type),)*
        }

        impl OpKind {
            /// Shape of the result from those of the inputs.
            pub(crate) const fn output(&self, inputs: &[Shape]) -> Result<Shape, PlanError> {
                match self {
                    $(OpKind::$variant(operation) => operation.output(inputs),)*
                }
            }

            const fn cost(&self, input: Shape, output: Shape) -> Result<Cost, PlanError> {
                match self {
                    $(OpKind::$variant(operation) => operation.cost(input, output),)*
                }
            }

            pub(crate) fn operation(&self) -> &dyn Operation {
                match self {
                    $(OpKind::$variant(operation) => operation,)*
                }
            }

            #[cfg(feature = "torch")]
            pub(crate) fn compute(&self) -> &dyn Compute {
                match self {
                    $(OpKind::$variant(operation) => operation,)*
                }
            }

            #[cfg(feature = "torch")]
            pub(crate) fn in_onnx(&self) -> &dyn InOnnx {
                match self {
                    $(OpKind::$variant(operation) => operation,)*
                }
            }
        }
    };
}

operations! {
    /// Convolution; groups equal to the channels make it depthwise.
    Conv(Convolution) in convolution;
    /// Batch normalisation.
    BatchNorm(BatchNorm) in batch_norm;
    /// Layer normalisation over the channels of each pixel.
    LayerNorm(LayerNorm) in layer_norm;
    /// A pointwise non-linearity.
    Act(Activation) in activation;
    /// Global average pooling to 1 x 1.
    Pool(GlobalPool) in global_pool;
    /// Pooling with a window.
    Window(Window) in window;
    /// Dropout of features, while training.
    Dropout(Dropout) in dropout;
    /// Fully connected layer with bias.
    Linear(Linear) in linear;
    /// A trained factor for each channel.
    Gain(Gain) in gain;
    /// The second input multiplied by the first, a 1 x 1 gate per channel.
    Scale(Scale) in scale;
    /// The sum of two inputs.
    Add(Add) in add;
    /// The channels of all inputs, one behind the other.
    Concat(Concat) in concat;
    /// Some of the channels.
    Narrow(Narrow) in narrow;
    /// Channels that change places between groups.
    Shuffle(Shuffle) in shuffle;
}

pub use window::Pooling;

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
    /// What stands behind the stages.
    Head,
    /// Pooling and classifier.
    Top,
}

/// The values that an operation reads, by their numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    values: [u32; MAX_INPUTS],
    count: usize,
}

impl Inputs {
    /// Those of `values`, at most [`MAX_INPUTS`] of them.
    pub(crate) const fn new(values: [u32; MAX_INPUTS], count: usize) -> Inputs {
        Inputs { values, count }
    }

    /// Their numbers in order.
    pub fn values(&self) -> &[u32] {
        &self.values[..self.count]
    }

    /// Their numbers, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [u32] {
        &mut self.values[..self.count]
    }

    /// As positions.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.values().iter().map(|value| *value as usize)
    }
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.values().fmt(f)
    }
}

/// One operation of a plan. Its result is the value numbered by its own position plus one; value 0 is the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Op {
    /// What is done.
    pub kind: OpKind,
    /// Where in the network.
    pub place: Place,
    /// Which layer of the block, such as `expand` or `depthwise`; empty where there is but one.
    pub part: &'static str,
    /// Which of the operations without tensors that share a name, counted from 0.
    pub(crate) number: u32,
    /// The values it reads.
    pub inputs: Inputs,
    /// Shape of the first input.
    pub input: Shape,
    /// Shape of the result.
    pub output: Shape,
}

impl Op {
    pub(crate) const NONE: Op = {
        let shape = Shape { c: 0, h: 0, w: 0 };
        Op {
            kind: OpKind::Pool(GlobalPool),
            place: Place::Stem,
            part: "",
            number: 0,
            inputs: Inputs::new([0; MAX_INPUTS], 0),
            input: shape,
            output: shape,
        }
    };

    /// Exact cost of this operation for one image; an error where a count does not fit 64 bits.
    pub const fn cost(&self) -> Result<Cost, PlanError> {
        self.kind.cost(self.input, self.output)
    }

    /// Whether the operation is a depthwise convolution.
    pub const fn is_depthwise(&self) -> bool {
        matches!(self.kind, OpKind::Conv(Convolution { groups, .. }) if groups > 1 && groups == self.input.c)
    }

    /// Whether it is a convolution.
    pub const fn is_convolution(&self) -> bool {
        matches!(self.kind, OpKind::Conv(_))
    }

    /// Whether it is a norm, of whatever kind.
    pub const fn is_norm(&self) -> bool {
        matches!(self.kind, OpKind::BatchNorm(_) | OpKind::LayerNorm(_))
    }

    /// Whether it is a convolution of the image itself, over all of its channels.
    pub fn reads_image(&self) -> bool {
        matches!(self.kind, OpKind::Conv(conv) if conv.groups == 1) && self.inputs.values().contains(&0)
    }

    /// Whether it is a fully connected layer.
    pub const fn is_linear(&self) -> bool {
        matches!(self.kind, OpKind::Linear(_))
    }

    /// The word for the operation in summaries: `conv`, `depthwise`, `norm`, the activation's name, ...
    pub fn word(&self) -> &'static str {
        self.kind.operation().word(self)
    }

    /// Its trainable tensors, the weight first.
    pub fn parameters(&self) -> Vec<TensorSpec> {
        self.kind.operation().parameters(self)
    }

    /// Its running statistics.
    pub fn buffers(&self) -> Vec<TensorSpec> {
        self.kind.operation().buffers(self)
    }

    /// Whether it has trainable tensors.
    pub fn has_tensors(&self) -> bool {
        !self.parameters().is_empty()
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
        let (block, layer) = (self.block_name(), self.kind.operation().layer());
        let name =
            if self.part.is_empty() { format!("{block}.{layer}") } else { format!("{block}.{}.{layer}", self.part) };
        if self.number == 0 { name } else { format!("{name}.{}", self.number) }
    }
}
