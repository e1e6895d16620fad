//! How libtorch computes an operation: what it is given and what it gives.

use tch::Tensor;

use super::Op;
use crate::model::{Buffer, MemoryFormat, Mode, ModelError, Parameter};
use crate::plan::Padding;

/// The tensors of an operation: its parameters and behind them its running statistics.
#[derive(Clone, Copy)]
pub(crate) enum Tensors<'a> {
    /// Those of a model that trains.
    OfModel(&'a [Parameter], &'a [Buffer]),
    /// Those of a copy for evaluation.
    Detached(&'a [Tensor]),
}

impl<'a> Tensors<'a> {
    pub fn get(self, index: usize) -> &'a Tensor {
        match self {
            Tensors::OfModel(parameters, buffers) => match parameters.get(index) {
                Some(parameter) => &parameter.tensor,
                None => &buffers[index - parameters.len()].tensor,
            },
            Tensors::Detached(tensors) => &tensors[index],
        }
    }

    pub fn len(self) -> usize {
        match self {
            Tensors::OfModel(parameters, buffers) => parameters.len() + buffers.len(),
            Tensors::Detached(tensors) => tensors.len(),
        }
    }

    pub fn iter(self) -> impl Iterator<Item = &'a Tensor> {
        (0..self.len()).map(move |index| self.get(index))
    }
}

/// What an operation is run with.
pub(crate) struct Run<'a> {
    /// The operation with its shapes.
    pub op: &'a Op,
    /// The values that it reads.
    pub inputs: &'a [&'a Tensor],
    /// Its tensors.
    pub tensors: Tensors<'a>,
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
        self.tensors.get(index)
    }
}

/// An operation that libtorch computes.
pub(crate) trait Compute {
    /// Its value.
    ///
    /// # Errors
    /// Where libtorch refuses.
    fn run(&self, run: &Run<'_>) -> Result<Tensor, ModelError>;

    /// Whether its value shares no memory with what it read, so that a sole reader may overwrite it.
    fn is_fresh(&self) -> bool {
        true
    }
}
