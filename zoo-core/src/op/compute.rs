//! How libtorch computes an operation: what it is given, and what it says as TorchScript.

use tch::Tensor;

use super::Op;
use crate::model::{MemoryFormat, Mode, ModelError};
use crate::plan::Padding;

/// What an operation is run with.
pub(crate) struct Run<'a> {
    /// The operation with its shapes.
    pub op: &'a Op,
    /// The values that it reads.
    pub inputs: &'a [&'a Tensor],
    /// Its parameters and behind them its running statistics.
    pub tensors: &'a [&'a Tensor],
    /// Whether it trains.
    pub mode: Mode,
    /// Whether norms use running statistics in training, too.
    pub frozen_statistics: bool,
    /// The plan's padding.
    pub padding: Padding,
    /// How maps lie in memory.
    pub format: MemoryFormat,
}

impl<'a> Run<'a> {
    /// Input `index`.
    pub fn x(&self, index: usize) -> &'a Tensor {
        self.inputs[index]
    }

    /// Tensor `index` of its own, in the order in which it lists them.
    pub fn tensor(&self, index: usize) -> &'a Tensor {
        self.tensors[index]
    }
}

/// What TorchScript for an operation is written with.
pub(crate) struct Source<'a> {
    /// The operation with its shapes.
    pub op: &'a Op,
    /// Expressions of the values that it reads.
    pub inputs: &'a [String],
    /// Expressions of its tensors.
    pub tensors: &'a [String],
    /// The plan's padding.
    pub padding: Padding,
}

impl Source<'_> {
    pub fn x(&self, index: usize) -> String {
        self.inputs[index].clone()
    }

    pub fn tensor(&self, index: usize) -> &str {
        &self.tensors[index]
    }
}

/// An operation that libtorch computes.
pub(crate) trait Compute {
    /// Its value.
    ///
    /// # Errors
    /// Where libtorch refuses.
    fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError>;

    /// Its value in evaluation, as an expression of TorchScript.
    fn script(&self, source: &Source<'_>) -> String;

    /// Whether its value shares no memory with what it read, so that a sole reader may overwrite it.
    fn is_fresh(&self) -> bool {
        true
    }
}
