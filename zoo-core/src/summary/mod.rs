//! Summary: a network as a table of layers with shapes, parameters and MACs, for people and as data.
//!
//! Owns the figures of every operation and their sums per block and stage. The same [`Summary`] is printed as text and
//! serialised, so that the two cannot disagree.

pub(crate) mod number;
mod table;

use std::fmt;

use serde::Serialize;

use crate::op::{Cost, Op, Shape};
use crate::outline::{self, Section};
use crate::plan::{InputSize, Padding, Plan};
pub use number::grouped;
use number::{grouped_or_dash, percent};
pub use table::{Align, Table};

/// A plan with the names that it goes by.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The network.
    pub plan: &'a Plan,
    /// The model's name, such as `efficientnet-b0`.
    pub model: &'a str,
    /// The profile's name, such as `native`.
    pub profile: &'a str,
}

/// One operation with its figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Layer {
    /// Name of the operation, unique within the network.
    pub name: String,
    /// What is done: `conv`, `depthwise`, `norm`, the activation's name, ...
    pub op: &'static str,
    /// Channels, height and width of the input.
    pub input: [u32; 3],
    /// Channels, height and width of the result.
    pub output: [u32; 3],
    /// Trainable parameters.
    pub params: u64,
    /// Multiply-accumulates of convolutions and linear layers.
    pub macs: u64,
}

/// Sums over stem, a stage, head or top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stage {
    /// `stem`, `stages.3`, `head` or `top`.
    pub name: String,
    /// Number of blocks; 1 for stem, head and top.
    pub blocks: usize,
    /// Channels, height and width of the result.
    pub output: [u32; 3],
    /// Trainable parameters.
    pub params: u64,
    /// Running means and variances.
    pub buffers: u64,
    /// Multiply-accumulates of convolutions and linear layers.
    pub macs: u64,
}

/// A network's options, totals and layers. [`Display`](fmt::Display) prints the table.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The model's name.
    pub model: String,
    /// Width multiplier.
    pub width: f64,
    /// Depth multiplier.
    pub depth: f64,
    /// Size of the input, a number where it is a square of the table's channels.
    pub input_size: InputSize,
    /// Number of classes.
    pub classes: u32,
    /// The profile's name.
    pub profile: String,
    /// Trainable parameters.
    pub params: u64,
    /// Running means and variances, which are not trained.
    pub buffers: u64,
    /// Multiply-accumulates of convolutions and linear layers for one image.
    pub macs: u64,
    /// Every operation in order.
    pub layers: Vec<Layer>,
    /// Sums per stage.
    pub stages: Vec<Stage>,
    #[serde(skip)]
    text: String,
}

/// The operations of a plan with their figures, in order.
pub fn layers(plan: &Plan) -> Vec<Layer> {
    let layer = |op: &Op| {
        let cost = outline::cost(std::slice::from_ref(op));
        Layer {
            name: op.name(),
            op: op.word(),
            input: dimensions(op.input),
            output: dimensions(op.output),
            params: cost.params,
            macs: cost.macs,
        }
    };
    plan.ops.iter().map(layer).collect()
}

impl Summary {
    /// Summarises a network.
    pub fn new(named: Named<'_>) -> Summary {
        let plan = named.plan;
        let sections = outline::sections(plan);
        Summary {
            model: named.model.into(),
            width: plan.options.width,
            depth: plan.options.depth,
            input_size: plan.options.input(),
            classes: plan.options.classes,
            profile: named.profile.into(),
            params: plan.cost.params,
            buffers: plan.cost.buffers,
            macs: plan.cost.macs,
            layers: layers(plan),
            stages: sections.iter().map(stage).collect(),
            text: text(named, &sections),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Named<'_> {
    /// The options in words: `width 1, depth 1, input 3 x 224 x 224, 1,000 classes, profile native`. A table prints
    /// `x` as the sign between sizes, a drawing `×`.
    pub(crate) fn options(&self, separator: &str, times: &str) -> String {
        let options = &self.plan.options;
        let mut words = vec![
            format!("width {}", options.width),
            format!("depth {}", options.depth),
            format!("input {}", shape_words(self.plan.input, times)),
            format!("{} classes", grouped(options.classes.into())),
            format!("profile {}", self.profile),
        ];
        if options.padding == Padding::Same {
            words.push("padding same".into());
        }
        words.join(separator)
    }
}

/// A shape with any sign between sizes.
pub(crate) fn shape_words(shape: Shape, times: &str) -> String {
    format!("{} {times} {} {times} {}", shape.c, shape.h, shape.w)
}

fn dimensions(shape: Shape) -> [u32; 3] {
    [shape.c, shape.h, shape.w]
}

fn stage(section: &Section<'_>) -> Stage {
    let cost = section.cost();
    Stage {
        name: section.name(),
        blocks: section.blocks.len(),
        output: dimensions(section.output()),
        params: cost.params,
        buffers: cost.buffers,
        macs: cost.macs,
    }
}

fn text(named: Named<'_>, sections: &[Section<'_>]) -> String {
    let total = named.plan.cost;
    let mut text = format!("{}\n{}\n\n", named.model, named.options(", ", "x"));
    text += &layer_table(sections, total).render();
    text.push('\n');
    text += &stage_table(sections, total).render();
    let everything = total.params.saturating_add(total.buffers);
    text + &format!(
        "\nParameters     {:>16}\n  trainable    {:>16}\n  not trained  {:>16}  (running means and variances)\nMACs           \
         {:>16}  (convolutions and linear layers)\n",
        grouped(everything),
        grouped(total.params),
        grouped(total.buffers),
        grouped(total.macs),
    )
}

/// A row for each operation, below a heading row for each block.
fn layer_table(sections: &[Section<'_>], total: Cost) -> Table {
    let mut table = Table::new(&[
        ("Layer", Align::Left),
        ("Operation", Align::Left),
        ("Output", Align::Left),
        ("Parameters", Align::Right),
        ("MACs", Align::Right),
    ]);
    for block in sections.iter().flat_map(|section| &section.blocks) {
        let cost = outline::cost(block.ops);
        let name = block.name();
        table.row([
            name.clone(),
            String::new(),
            block.output().to_string(),
            grouped_or_dash(cost.params),
            grouped_or_dash(cost.macs),
        ]);
        for op in block.ops {
            let cost = outline::cost(std::slice::from_ref(op));
            let full = op.name();
            table.row([
                format!("  {}", full.strip_prefix(&name).unwrap_or(&full).trim_start_matches('.')),
                outline::words(op, "x"),
                op.output.to_string(),
                grouped_or_dash(cost.params),
                grouped_or_dash(cost.macs),
            ]);
        }
    }
    table.rule();
    table.row(["total".into(), String::new(), String::new(), grouped(total.params), grouped(total.macs)]);
    table
}

/// A row for each stage, with its share of the whole.
fn stage_table(sections: &[Section<'_>], total: Cost) -> Table {
    let mut table = Table::new(&[
        ("Stage", Align::Left),
        ("Blocks", Align::Right),
        ("Output", Align::Left),
        ("Parameters", Align::Right),
        ("%", Align::Right),
        ("MACs", Align::Right),
        ("%", Align::Right),
    ]);
    for section in sections {
        let cost = section.cost();
        table.row([
            section.name(),
            section.blocks.len().to_string(),
            section.output().to_string(),
            grouped_or_dash(cost.params),
            format!("{:.1}", percent(cost.params, total.params)),
            grouped_or_dash(cost.macs),
            format!("{:.1}", percent(cost.macs, total.macs)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests;
