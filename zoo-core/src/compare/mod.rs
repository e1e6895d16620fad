//! Comparison: which layers of two networks differ, and what each difference costs.
//!
//! Owns the alignment of two plans: sections by name, blocks by position in their stage, layers by name in their block.
//! The costs of the rows sum exactly to the difference of the totals, since every layer of either plan is either in a
//! row or costs the same on both sides.

mod text;

use std::fmt;

use serde::Serialize;

use crate::op::{Activation, Convolution, Cost, Op, OpKind};
use crate::outline::{self, Block, Layer, Section};
use crate::summary::Named;

/// One of the two networks.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Side {
    /// The model's name.
    pub model: String,
    /// The options in words.
    pub options: String,
    /// Trainable parameters.
    pub params: u64,
    /// Running means and variances.
    pub buffers: u64,
    /// Multiply-accumulates of convolutions and linear layers.
    pub macs: u64,
}

/// A layer, or a run of blocks, that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// Name of the layer or blocks, such as `stages.2.1-3.se.reduce`: the same difference in blocks 1 to 3.
    pub name: String,
    /// Number of blocks that the row stands for.
    pub blocks: usize,
    /// What the model has there, if anything.
    pub model: Option<String>,
    /// What the other has there, if anything.
    pub against: Option<String>,
    /// Trainable parameters that the model has more (or, negative, less) than the other, over all blocks of the row.
    pub params: i128,
    /// Multiply-accumulates likewise.
    pub macs: i128,
}

/// Two networks and the rows in which they differ. [`Display`](fmt::Display) prints the table.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The network that is compared.
    pub model: Side,
    /// The network that it is compared with.
    pub against: Side,
    /// What differs, in the order of the network.
    pub differences: Vec<Difference>,
    /// Trainable parameters of the model less those of the other.
    pub params: i128,
    /// Multiply-accumulates of the model less those of the other.
    pub macs: i128,
}

impl Comparison {
    /// Compares `model` with `against`.
    pub fn new(model: Named<'_>, against: Named<'_>) -> Comparison {
        let (left, right) = (outline::sections(model.plan), outline::sections(against.plan));
        let pairs = align(&left, &right, Section::name);
        let (more, less) = (model.plan.cost, against.plan.cost);
        Comparison {
            model: side(model),
            against: side(against),
            differences: pairs.into_iter().flat_map(|(a, b)| section_differences(a, b)).collect(),
            params: difference(more.params, less.params),
            macs: difference(more.macs, less.macs),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::render(self))
    }
}

fn side(named: Named<'_>) -> Side {
    let cost = named.plan.cost;
    Side {
        model: named.model.into(),
        options: named.options(", ", "x"),
        params: cost.params,
        buffers: cost.buffers,
        macs: cost.macs,
    }
}

fn difference(more: u64, less: u64) -> i128 {
    i128::from(more) - i128::from(less)
}

/// Pairs the items of two lists by name, in an order that keeps both; what has no partner stands alone.
fn align<'a, T>(left: &'a [T], right: &'a [T], name: impl Fn(&T) -> String) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    let left_names: Vec<String> = left.iter().map(&name).collect();
    let right_names: Vec<String> = right.iter().map(&name).collect();
    let mut pairs = Vec::new();
    let mut next = 0;
    for (item, label) in left.iter().zip(&left_names) {
        // A partner before `next` has been passed: the two orders cross, and both then stand alone.
        let Some(found) = right_names.iter().skip(next).position(|other| other == label) else {
            pairs.push((Some(item), None));
            continue;
        };
        pairs.extend(right[next..next + found].iter().map(|other| (None, Some(other))));
        pairs.push((Some(item), Some(&right[next + found])));
        next += found + 1;
    }
    pairs.extend(right[next..].iter().map(|other| (None, Some(other))));
    pairs
}

/// Rows of one section: the same difference in consecutive blocks is one row, and so are blocks without partners.
fn section_differences(model: Option<&Section<'_>>, against: Option<&Section<'_>>) -> Vec<Difference> {
    let [left, right] =
        [model, against].map(|section| section.map_or([].as_slice(), |section| section.blocks.as_slice()));
    let common = left.len().min(right.len());
    let pairs: Vec<Vec<Difference>> = left.iter().zip(right).map(|(a, b)| block_differences(a, b)).collect();
    let mut rows = Vec::new();
    let mut first = 0;
    for run in pairs.chunk_by(|a, b| a == b) {
        let blocks = block_range(&left[first..first + run.len()]);
        rows.extend(run[0].iter().map(|row| Difference {
            name: format!("{blocks}.{}", row.name),
            blocks: run.len(),
            params: row.params * run.len() as i128,
            macs: row.macs * run.len() as i128,
            ..row.clone()
        }));
        first += run.len();
    }
    rows.extend(missing_blocks(&left[common..], 1));
    rows.extend(missing_blocks(&right[common..], -1));
    rows
}

/// One row for the blocks that only one side has; `sign` is 1 for the model's own.
fn missing_blocks(blocks: &[Block<'_>], sign: i128) -> Option<Difference> {
    if blocks.is_empty() {
        return None;
    }
    let words = if blocks.len() == 1 { "1 block".into() } else { format!("{} blocks", blocks.len()) };
    let costs = blocks.iter().map(|block| outline::cost(block.ops));
    let (params, macs) =
        costs.fold((0, 0), |(params, macs), cost| (params + i128::from(cost.params), macs + i128::from(cost.macs)));
    let (model, against) = if sign > 0 { (Some(words), None) } else { (None, Some(words)) };
    Some(Difference {
        name: block_range(blocks),
        blocks: blocks.len(),
        model,
        against,
        params: sign * params,
        macs: sign * macs,
    })
}

/// `stages.2.1-3`, or the one block's name.
fn block_range(blocks: &[Block<'_>]) -> String {
    let first = blocks[0].name();
    match blocks[blocks.len() - 1].name().rsplit_once('.') {
        Some((_, last)) if blocks.len() > 1 => format!("{first}-{last}"),
        _ => first,
    }
}

/// Rows of a pair of blocks, named within the block.
fn block_differences(model: &Block<'_>, against: &Block<'_>) -> Vec<Difference> {
    let pairs = align(&model.layers, &against.layers, Layer::label);
    pairs.into_iter().filter_map(|(a, b)| layer_difference(a, b)).collect()
}

fn layer_difference(model: Option<&Layer<'_>>, against: Option<&Layer<'_>>) -> Option<Difference> {
    let cost = |layer: Option<&Layer<'_>>| layer.map_or(Cost::default(), Layer::cost);
    let (more, less) = (cost(model), cost(against));
    if let (Some(a), Some(b)) = (model, against)
        && more == less
        && same_words(a, b)
    {
        return None;
    }
    let (words, other_words) = match (model, against) {
        (Some(a), Some(b)) => both(a, b),
        (a, b) => (a.map(main_words), b.map(main_words)),
    };
    Some(Difference {
        name: model.or(against)?.label(),
        blocks: 1,
        model: words,
        against: other_words,
        params: difference(more.params, less.params),
        macs: difference(more.macs, less.macs),
    })
}

/// Whether two layers of equal cost do the same. Shapes alone do not count: a wider pooling or residual costs nothing
/// and only follows from a row that is listed.
fn same_words(a: &Layer<'_>, b: &Layer<'_>) -> bool {
    a.ops.len() == b.ops.len()
        && a.ops
            .iter()
            .zip(b.ops)
            .all(|(a, b)| outline::same_kind(a.kind, b.kind) && (!weighs(a) || same_channels(a, b)))
}

fn weighs(op: &Op) -> bool {
    op.has_tensors()
}

fn same_channels(a: &Op, b: &Op) -> bool {
    (a.input.c, a.output.c) == (b.input.c, b.output.c)
}

/// What each side has: operation and channels, and then only what differs of the rest.
fn both(a: &Layer<'_>, b: &Layer<'_>) -> (Option<String>, Option<String>) {
    let (mut left, mut right) = (main_words(a), main_words(b));
    for (left_word, right_word) in details(a).into_iter().zip(details(b)) {
        if left_word != right_word {
            left += &format!(", {left_word}");
            right += &format!(", {right_word}");
        }
    }
    // The map's size follows from input and strides: worth a word only where nothing else tells the two apart.
    let map = |layer: &Layer<'_>| format!(", {} x {}", layer.output().h, layer.output().w);
    let maps = if left == right { [map(a), map(b)] } else { Default::default() };
    if maps[0] != maps[1] {
        left += &maps[0];
        right += &maps[1];
    }
    (Some(left), Some(right))
}

fn main_words(layer: &Layer<'_>) -> String {
    let op = &layer.ops[0];
    let words = outline::words(op, "x");
    match op.kind {
        OpKind::Conv(_) if op.is_depthwise() => format!("{words}, {}", op.output.c),
        OpKind::Conv(_) | OpKind::Linear(_) => format!("{words}, {} to {}", op.input.c, op.output.c),
        _ => words,
    }
}

fn details(layer: &Layer<'_>) -> [&'static str; 3] {
    let op = &layer.ops[0];
    let bias = matches!(op.kind, OpKind::Conv(Convolution { bias: true, .. }) | OpKind::Linear(_));
    [
        if bias { "bias" } else { "no bias" },
        if layer.has_norm() { "norm" } else { "no norm" },
        layer.activation().map_or("no activation", Activation::name),
    ]
}

#[cfg(test)]
mod tests;
