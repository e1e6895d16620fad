//! Outline: the operations of a plan gathered into layers, layers into blocks, blocks into sections.
//!
//! Owns the reading of a flat plan that people use: a convolution with its norm and activation is one layer, a block is
//! a run of layers in one place, and stem, stages, head and top are sections. Summaries, comparisons and drawings all
//! start here.

use crate::op::{Activation, Convolution, Cost, Op, OpKind, Place, Shape};
use crate::plan::Plan;

/// A convolution or linear layer with the norm and activation behind it, or any other operation alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer<'a> {
    /// Position of the first operation in the plan, which is also the number of the value that comes in.
    pub first: usize,
    pub ops: &'a [Op],
}

/// A run of layers in one place.
#[derive(Clone, Debug)]
pub(crate) struct Block<'a> {
    pub first: usize,
    pub ops: &'a [Op],
    pub layers: Vec<Layer<'a>>,
}

/// Stem, a stage, head or top.
#[derive(Clone, Debug)]
pub(crate) struct Section<'a> {
    pub blocks: Vec<Block<'a>>,
}

/// Reads a plan's sections in order.
pub(crate) fn sections(plan: &Plan) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut first = 0;
    for ops in plan.ops.chunk_by(|a, b| a.place == b.place) {
        let block = Block { first, ops, layers: layers(first, ops) };
        first += ops.len();
        match sections.last_mut() {
            Some(section) if same_section(section.place(), block.place()) => section.blocks.push(block),
            _ => sections.push(Section { blocks: vec![block] }),
        }
    }
    sections
}

/// What a run of operations costs; the plan has already checked that the sums fit.
pub(crate) fn cost(ops: &[Op]) -> Cost {
    ops.iter().filter_map(|op| op.cost().ok()).fold(Cost::default(), |sum, cost| sum.plus(cost).unwrap_or(sum))
}

impl<'a> Section<'a> {
    pub fn place(&self) -> Place {
        self.blocks[0].place()
    }

    /// `stem`, `stages.3`, `head` or `top`.
    pub fn name(&self) -> String {
        match self.place() {
            Place::Stage { stage, .. } => format!("stages.{stage}"),
            _ => self.blocks[0].name(),
        }
    }

    pub fn cost(&self) -> Cost {
        let sum = |total: Cost, block: &Block<'_>| total.plus(cost(block.ops)).unwrap_or(total);
        self.blocks.iter().fold(Cost::default(), sum)
    }

    pub fn output(&self) -> Shape {
        self.blocks[self.blocks.len() - 1].output()
    }

    /// Consecutive blocks that are the same, shapes included.
    pub fn runs(&self) -> Vec<&[Block<'a>]> {
        self.blocks.chunk_by(|a, b| a.same_as(b)).collect()
    }
}

impl Block<'_> {
    pub fn place(&self) -> Place {
        self.ops[0].place
    }

    pub fn name(&self) -> String {
        self.ops[0].block_name()
    }

    pub fn output(&self) -> Shape {
        self.ops[self.ops.len() - 1].output
    }

    /// Whether two blocks do the same to tensors of the same shape. Drop-path grows with depth and does not count.
    pub fn same_as(&self, other: &Block<'_>) -> bool {
        self.ops.len() == other.ops.len()
            && self.ops.iter().zip(other.ops).all(|(a, b)| {
                a.part == b.part
                    && a.input == b.input
                    && a.output == b.output
                    && same_kind(a.kind, b.kind)
                    && a.cost() == b.cost()
                    && self.reads(a) == other.reads(b)
            })
    }

    /// The values that an operation reads, counted from the block's first.
    fn reads(&self, op: &Op) -> Vec<usize> {
        op.inputs.iter().map(|value| value.saturating_sub(self.first)).collect()
    }

    /// Product of the strides on the way through; where branches meet they have the same.
    pub fn stride(&self) -> u32 {
        let mut strides = vec![1];
        for op in self.ops {
            let read = self.reads(op).into_iter().filter_map(|value| strides.get(value).copied()).max();
            strides.push(read.unwrap_or(1) * op.kind.operation().stride());
        }
        strides.last().copied().unwrap_or(1)
    }

    /// The largest kernel, if there is a convolution at all.
    pub fn kernel(&self) -> Option<u32> {
        self.ops.iter().filter_map(|op| op.kind.operation().kernel()).max()
    }
}

impl Layer<'_> {
    /// Name within the block: `expand`, `se.pool`, `conv`, ...
    pub fn label(&self) -> String {
        let op = &self.ops[0];
        if op.is_convolution() && !op.part.is_empty() {
            return op.part.into();
        }
        let name = op.name();
        name.strip_prefix(&op.block_name()).unwrap_or(&name).trim_start_matches('.').into()
    }

    pub fn output(&self) -> Shape {
        self.ops[self.ops.len() - 1].output
    }

    pub fn cost(&self) -> Cost {
        cost(self.ops)
    }

    pub fn has_norm(&self) -> bool {
        self.ops.iter().any(Op::is_norm)
    }

    /// The activation behind a convolution or linear layer, or the layer itself.
    pub fn activation(&self) -> Option<Activation> {
        self.ops.iter().find_map(|op| if let OpKind::Act(act) = op.kind { Some(act) } else { None })
    }
}

/// The operation in a few words: `3x3 conv /2`, `dropout 0.2`, `silu`. `times` is the sign between kernel sides.
pub(crate) fn words(op: &Op, times: &str) -> String {
    op.kind.operation().words(op, times)
}

/// Equality of what is done, without drop-path.
pub(crate) fn same_kind(a: OpKind, b: OpKind) -> bool {
    match (a, b) {
        (OpKind::Add(_), OpKind::Add(_)) => true,
        // Channels and depthwise groups follow the width, which the shapes show.
        (OpKind::Conv(a), OpKind::Conv(b)) => {
            let kind = |conv: Convolution| (conv.kernel, conv.stride, conv.bias, conv.padding, conv.groups > 1);
            kind(a) == kind(b)
        }
        (OpKind::Linear(_), OpKind::Linear(_)) | (OpKind::Narrow(_), OpKind::Narrow(_)) => true,
        _ => a == b,
    }
}

fn same_section(a: Place, b: Place) -> bool {
    match (a, b) {
        (Place::Stage { stage: a, .. }, Place::Stage { stage: b, .. }) => a == b,
        _ => a == b,
    }
}

fn layers(first: usize, ops: &[Op]) -> Vec<Layer<'_>> {
    let mut layers: Vec<Layer<'_>> = Vec::new();
    for (index, op) in ops.iter().enumerate() {
        match layers.last_mut() {
            Some(layer) if goes_on(layer, op) => layer.ops = &ops[layer.first - first..=index],
            _ => layers.push(Layer { first: first + index, ops: &ops[index..=index] }),
        }
    }
    layers
}

/// Whether the operation behind a layer, which reads what it gives, belongs to it.
fn goes_on(layer: &Layer<'_>, op: &Op) -> bool {
    let last = &layer.ops[layer.ops.len() - 1];
    let follows = op.is_norm() || matches!(op.kind, OpKind::Act(_));
    let leads = last.is_convolution() || last.is_linear() || last.is_norm();
    let reads = op.inputs.iter().eq([layer.first + layer.ops.len()]);
    follows && leads && reads && last.part == op.part
}
