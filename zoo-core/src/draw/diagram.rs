//! Diagram: what is drawn of a block, before anything has a place: nodes, gates beside them, and branches around them.
//!
//! Gates, residuals and branches are found by which values the operations read (`paths`), not by layer names, so that
//! blocks of other crates are drawn as well as those here.

use super::canvas::{Color, LINE, RESIDUAL, Sign};
use super::paths::Graph;
use crate::op::{OpKind, Shape};
use crate::outline::{Block, Layer};
use crate::summary::number::short;
use crate::summary::shape_words;

/// What a node does, which is what its colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tint {
    Convolution,
    Depthwise,
    Gate,
    Pointwise,
    Classifier,
}

/// A layer to be drawn as a box.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub kind: Tint,
    /// Name of the layer, unique in the network.
    pub name: String,
    /// Name within the block.
    pub title: String,
    /// Kernel, stride, norm and activation.
    pub words: String,
    /// Shape of the result.
    pub shape: Shape,
    /// Trainable parameters.
    pub params: u64,
}

/// A step of a path through a block.
#[derive(Clone, Debug)]
pub(super) enum Element {
    Node(Node),
    /// A branch whose result multiplies the value that it started from.
    Gate(Vec<Node>),
    /// The path meets others, which begin at the value in front of the element at `from`. Of those without elements the
    /// value itself comes over, as in a residual.
    Join {
        from: usize,
        sign: Sign,
        sides: Vec<Vec<Element>>,
    },
}

impl Tint {
    pub const ALL: [Tint; 5] = [Tint::Convolution, Tint::Depthwise, Tint::Gate, Tint::Pointwise, Tint::Classifier];

    /// The word of the legend.
    pub fn word(self) -> &'static str {
        match self {
            Tint::Convolution => "convolution",
            Tint::Depthwise => "depthwise convolution",
            Tint::Gate => "squeeze-and-excitation",
            Tint::Pointwise => "norm, activation, dropout",
            Tint::Classifier => "pooling, linear",
        }
    }

    /// Tints and strokes that stay apart in greyscale and for most colour-blind readers.
    pub(super) fn fill(self) -> Color {
        match self {
            Tint::Convolution => Color(0xDC, 0xE9, 0xF8),
            Tint::Depthwise => Color(0xFD, 0xEA, 0xCB),
            Tint::Gate => Color(0xDB, 0xF1, 0xE2),
            Tint::Pointwise => Color(0xEE, 0xEE, 0xF1),
            Tint::Classifier => Color(0xF9, 0xDF, 0xE3),
        }
    }

    pub(super) fn stroke(self) -> Color {
        match self {
            Tint::Convolution => Color(0x2F, 0x6D, 0xB0),
            Tint::Depthwise => Color(0xC2, 0x78, 0x16),
            Tint::Gate => Color(0x2B, 0x8A, 0x57),
            Tint::Pointwise => Color(0x7B, 0x7F, 0x8C),
            Tint::Classifier => Color(0xB5, 0x3F, 0x57),
        }
    }
}

impl Element {
    /// The name by which the same step of different blocks is found.
    pub fn key(&self) -> &str {
        match self {
            Element::Node(node) => &node.title,
            Element::Gate(branch) => branch.first().map_or("gate", |node| prefix(&node.title)),
            Element::Join { sign, .. } => sign.word(),
        }
    }

    /// Whether a box of that kind is drawn for it.
    pub fn shows(&self, kind: Tint) -> bool {
        match self {
            Element::Node(node) => node.kind == kind,
            Element::Gate(_) => kind == Tint::Gate,
            Element::Join { sides, .. } => sides.iter().flatten().any(|element| element.shows(kind)),
        }
    }

    /// Whether it or what stands beside it is a join with that sign.
    pub fn joins(&self, with: Sign) -> bool {
        match self {
            Element::Node(_) => false,
            Element::Gate(_) => with == Sign::Times,
            Element::Join { sign, sides, .. } => {
                *sign == with || sides.iter().flatten().any(|element| element.joins(with))
            }
        }
    }

    /// How many layers are drawn for it as boxes.
    pub fn boxes(&self) -> usize {
        match self {
            Element::Node(_) => 1,
            Element::Gate(nodes) => nodes.len(),
            Element::Join { sides, .. } => sides.iter().flatten().map(Element::boxes).sum(),
        }
    }

    /// The same behind so many more elements.
    pub fn moved(self, by: usize) -> Element {
        match self {
            Element::Join { from, sign, sides } => Element::Join { from: from + by, sign, sides },
            other => other,
        }
    }
}

impl Sign {
    /// The operation.
    pub fn word(self) -> &'static str {
        match self {
            Sign::Plus => "add",
            Sign::Times => "scale",
            Sign::Concat => "concat",
        }
    }

    /// The colour of lines that lead to it and leave the path.
    pub fn color(self) -> Color {
        match self {
            Sign::Plus => RESIDUAL,
            Sign::Times | Sign::Concat => LINE,
        }
    }
}

/// The name that the layers of a branch share: `se` of `se.reduce`.
fn prefix(title: &str) -> &str {
    title.split('.').next().unwrap_or(title)
}

/// A whole gate as one node: its channels on the way in, at the narrowest and on the way out.
pub(super) fn gate_node(branch: &[Node]) -> Node {
    let channels = |node: Option<&Node>| node.map_or(0, |node| node.shape.c);
    let narrowest = branch.iter().map(|node| node.shape.c).min().unwrap_or(0);
    Node {
        kind: Tint::Gate,
        name: branch.first().map_or(String::new(), |node| node.name.clone()),
        title: branch.first().map_or("gate", |node| prefix(&node.title)).into(),
        words: format!("{} to {narrowest} to {}", channels(branch.first()), channels(branch.last())),
        shape: branch.last().map_or(Shape { c: 0, h: 1, w: 1 }, |node| node.shape),
        params: branch.iter().map(|node| node.params).sum(),
    }
}

/// The path through a block.
pub(super) fn elements(block: &Block<'_>) -> Vec<Element> {
    Graph::of(block).elements()
}

pub(super) fn node(layer: &Layer<'_>) -> Node {
    let op = &layer.ops[0];
    let label = layer.label();
    Node {
        kind: op.kind.operation().tint(op),
        name: format!("{}.{label}", op.block_name()),
        title: title(label),
        words: words(layer),
        shape: layer.output(),
        params: layer.cost().params,
    }
}

/// The label of a layer without its number among those of a stem or head, which tells tensors apart and is no word.
fn title(label: String) -> String {
    let is_number = |part: &str| part.parse::<u32>().is_ok();
    match label.split_once('.') {
        Some((number, rest)) if is_number(number) => rest.into(),
        None if is_number(&label) => "conv".into(),
        _ => label,
    }
}

/// `5 × 5 / 2 · BN · silu`; the colour says whether it is depthwise.
fn words(layer: &Layer<'_>) -> String {
    let op = &layer.ops[0];
    let mut words = op.kind.operation().details(op);
    words.extend(layer.ops.iter().find_map(|op| match op.kind {
        OpKind::BatchNorm(_) => Some("BN".to_string()),
        OpKind::LayerNorm(_) => Some("LN".to_string()),
        _ => None,
    }));
    words.extend(layer.activation().map(|activation| activation.name().into()));
    words.join(" · ")
}

/// `96 × 112 × 112`.
pub(super) fn dimensions(shape: Shape) -> String {
    shape_words(shape, "×")
}

/// `1.2 M params · 80 M MACs`.
pub(super) fn costs(params: u64, macs: u64) -> String {
    format!("{} params · {} MACs", short(params), short(macs))
}
