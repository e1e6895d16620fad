//! Diagram: what is drawn of a block, before anything has a place: nodes, gates beside them, and residuals around them.
//!
//! Gates and residuals are found by which values the operations read, not by layer names, so that blocks of other
//! crates are drawn as well as those here.

use super::canvas::Color;
use crate::outline::{Block, Layer, joins};
use crate::plan::{OpKind, Shape};
use crate::summary::number::short;
use crate::summary::shape_words;

/// What a node does, which is what its colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Convolution,
    Depthwise,
    Gate,
    Pointwise,
    Classifier,
}

/// A layer to be drawn as a box.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub kind: Kind,
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

/// A step of a block's main path.
#[derive(Clone, Debug)]
pub(super) enum Element {
    Node(Node),
    /// A branch whose result multiplies the value that it started from.
    Gate(Vec<Node>),
    /// The sum with the value in front of the element at `from`.
    Add {
        from: usize,
    },
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Convolution, Kind::Depthwise, Kind::Gate, Kind::Pointwise, Kind::Classifier];

    /// The word of the legend.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Convolution => "convolution",
            Kind::Depthwise => "depthwise convolution",
            Kind::Gate => "squeeze-and-excitation",
            Kind::Pointwise => "norm, activation, dropout",
            Kind::Classifier => "pooling, linear",
        }
    }

    /// Tints and strokes that stay apart in greyscale and for most colour-blind readers.
    pub fn fill(self) -> Color {
        match self {
            Kind::Convolution => Color(0xDC, 0xE9, 0xF8),
            Kind::Depthwise => Color(0xFD, 0xEA, 0xCB),
            Kind::Gate => Color(0xDB, 0xF1, 0xE2),
            Kind::Pointwise => Color(0xEE, 0xEE, 0xF1),
            Kind::Classifier => Color(0xF9, 0xDF, 0xE3),
        }
    }

    pub fn stroke(self) -> Color {
        match self {
            Kind::Convolution => Color(0x2F, 0x6D, 0xB0),
            Kind::Depthwise => Color(0xC2, 0x78, 0x16),
            Kind::Gate => Color(0x2B, 0x8A, 0x57),
            Kind::Pointwise => Color(0x7B, 0x7F, 0x8C),
            Kind::Classifier => Color(0xB5, 0x3F, 0x57),
        }
    }
}

impl Element {
    /// The name by which the same step of different blocks is found.
    pub fn key(&self) -> &str {
        match self {
            Element::Node(node) => &node.title,
            Element::Gate(branch) => branch.first().map_or("gate", |node| prefix(&node.title)),
            Element::Add { .. } => "add",
        }
    }

    /// Whether a box of that kind is drawn for it.
    pub fn shows(&self, kind: Kind) -> bool {
        match self {
            Element::Node(node) => node.kind == kind,
            Element::Gate(_) => kind == Kind::Gate,
            Element::Add { .. } => false,
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
        kind: Kind::Gate,
        name: branch.first().map_or(String::new(), |node| node.name.clone()),
        title: branch.first().map_or("gate", |node| prefix(&node.title)).into(),
        words: format!("{} to {narrowest} to {}", channels(branch.first()), channels(branch.last())),
        shape: branch.last().map_or(Shape { c: 0, h: 1, w: 1 }, |node| node.shape),
        params: branch.iter().map(|node| node.params).sum(),
    }
}

/// The main path of a block.
pub(super) fn elements(block: &Block<'_>) -> Vec<Element> {
    // With each element goes the number of the value in front of it.
    let mut elements: Vec<(usize, Element)> = Vec::new();
    for layer in &block.layers {
        let op = &layer.ops[0];
        let source = joins(op).map(|value| value as usize);
        match (op.kind, source) {
            (OpKind::Scale, Some(source)) => {
                let from = elements.partition_point(|(value, _)| *value < source);
                let branch = elements.drain(from..).filter_map(|(_, element)| as_gate_node(element)).collect();
                elements.push((source, Element::Gate(branch)));
            }
            (OpKind::Add { .. }, Some(source)) => {
                let from = elements.partition_point(|(value, _)| *value < source);
                elements.push((layer.first, Element::Add { from }));
            }
            _ => elements.push((layer.first, Element::Node(node(layer)))),
        }
    }
    elements.into_iter().map(|(_, element)| element).collect()
}

fn as_gate_node(element: Element) -> Option<Node> {
    match element {
        Element::Node(node) => Some(Node { kind: Kind::Gate, ..node }),
        Element::Gate(_) | Element::Add { .. } => None,
    }
}

fn node(layer: &Layer<'_>) -> Node {
    let op = &layer.ops[0];
    let title = layer.label();
    Node {
        kind: kind(layer),
        name: format!("{}.{title}", op.block_name()),
        title,
        words: words(layer),
        shape: layer.output(),
        params: layer.cost().params,
    }
}

fn kind(layer: &Layer<'_>) -> Kind {
    let op = &layer.ops[0];
    match op.kind {
        OpKind::Conv { .. } if op.is_depthwise() => Kind::Depthwise,
        OpKind::Conv { .. } => Kind::Convolution,
        OpKind::Pool | OpKind::Linear => Kind::Classifier,
        _ => Kind::Pointwise,
    }
}

/// `5 × 5 / 2 · BN · silu`; the colour says whether it is depthwise.
fn words(layer: &Layer<'_>) -> String {
    let op = &layer.ops[0];
    let mut words = match op.kind {
        OpKind::Conv { kernel, stride, groups, bias } => {
            let mut words = vec![format!("{kernel} × {kernel}")];
            if stride > 1 {
                words[0] += &format!(" / {stride}");
            }
            if groups > 1 && !op.is_depthwise() {
                words.push(format!("{groups} groups"));
            }
            if bias {
                words.push("bias".into());
            }
            words
        }
        OpKind::Linear => vec!["fully connected".into()],
        OpKind::Pool => vec!["global average".into()],
        OpKind::Dropout { rate } => vec![format!("rate {rate}")],
        _ => Vec::new(),
    };
    if layer.has_norm() {
        words.push("BN".into());
    }
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
