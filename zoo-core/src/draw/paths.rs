//! Paths: the way through a block, with what leaves it and comes back.
//!
//! Branches are found by which values the operations read, not by names: where values meet, their branches begin at the
//! last value that all of them come from. The branch with the most layers goes on along the path, the others stand beside
//! it. A block whose branches share layers is not of that kind; its layers are drawn one behind the other.

use std::cell::RefCell;

use super::canvas::Sign;
use super::diagram::{self, Element, Node, Tint};
use crate::op::{OpKind, Scale};
use crate::outline::{Block, Layer};

/// A block as a graph of its layers. Value 0 is what comes in, value n + 1 what layer n gives.
pub(super) struct Graph<'a, 'b> {
    pub layers: &'b [Layer<'a>],
    /// The values that each layer reads.
    pub sources: Vec<Vec<usize>>,
    /// For each value the last one that all ways to it lead through; 0 for what comes in.
    pub origins: Vec<usize>,
}

impl<'a, 'b> Graph<'a, 'b> {
    pub fn of(block: &'b Block<'a>) -> Graph<'a, 'b> {
        let layers = &block.layers;
        // Which layer an operation stands in.
        let holders = layers.iter().enumerate().flat_map(|(index, layer)| layer.ops.iter().map(move |_| index));
        let holders: Vec<usize> = holders.collect();
        let value = |read: usize| match read.checked_sub(block.first + 1).and_then(|op| holders.get(op)) {
            Some(layer) => layer + 1,
            None => 0,
        };
        let sources: Vec<Vec<usize>> =
            layers.iter().map(|layer| layer.ops[0].inputs.iter().map(value).collect()).collect();
        let mut origins = vec![0];
        for read in &sources {
            let origin = read.iter().copied().reduce(|a, b| common(&origins, a, b));
            origins.push(origin.unwrap_or(0));
        }
        Graph { layers, sources, origins }
    }

    /// The way from what comes in to what the block gives.
    pub fn elements(&self) -> Vec<Element> {
        let drawn = RefCell::new(vec![false; self.layers.len()]);
        match self.path(0, self.layers.len(), &drawn) {
            Some(path) if drawn.borrow().iter().all(|drawn| *drawn) => path,
            _ => self.straight(),
        }
    }

    /// The way from one value to another; none where a layer stands on two branches.
    fn path(&self, from: usize, mut to: usize, drawn: &RefCell<Vec<bool>>) -> Option<Vec<Element>> {
        let mut backwards = Vec::new();
        while to > from {
            let layer = to - 1;
            if std::mem::replace(&mut drawn.borrow_mut()[layer], true) {
                return None;
            }
            let (step, before) = match self.sources[layer].as_slice() {
                [source] => (vec![Element::Node(diagram::node(&self.layers[layer]))], *source),
                sources => {
                    let origin = self.origins[to];
                    let branches = sources.iter().map(|source| self.path(origin, *source, drawn));
                    (self.join(layer, branches.collect::<Option<_>>()?), origin)
                }
            };
            backwards.push(step);
            to = before;
        }
        let append = |mut path: Vec<Element>, step: Vec<Element>| {
            let before = path.len();
            path.extend(step.into_iter().map(|element| element.moved(before)));
            path
        };
        (to == from).then(|| backwards.into_iter().rev().fold(Vec::new(), append))
    }

    /// The longest branch, and behind it the join with the others.
    fn join(&self, layer: usize, mut branches: Vec<Vec<Element>>) -> Vec<Element> {
        let kind = self.layers[layer].ops[0].kind;
        if let (OpKind::Scale(Scale), [gate, features]) = (kind, branches.as_slice())
            && features.is_empty()
            && let Some(nodes) = gate.iter().map(as_gate_node).collect::<Option<Vec<Node>>>()
            && !nodes.is_empty()
        {
            return vec![Element::Gate(nodes)];
        }
        let boxes: Vec<usize> = branches.iter().map(|branch| branch.iter().map(Element::boxes).sum()).collect();
        let most = boxes.iter().max().copied().unwrap_or(0);
        let longest = boxes.iter().position(|count| *count == most).unwrap_or(0);
        let mut path = branches.remove(longest);
        path.push(Element::Join { from: 0, sign: sign(kind), sides: branches });
        path
    }

    /// All layers one behind the other; what meets comes from the first value that is read.
    fn straight(&self) -> Vec<Element> {
        let element = |(layer, read): (&Layer<'_>, &Vec<usize>)| match read.as_slice() {
            [_] => Element::Node(diagram::node(layer)),
            _ => {
                let from = read.iter().copied().min().unwrap_or(0);
                Element::Join { from, sign: sign(layer.ops[0].kind), sides: vec![Vec::new()] }
            }
        };
        self.layers.iter().zip(&self.sources).map(element).collect()
    }
}

/// The sign of an operation that reads several values.
pub(super) fn sign(kind: OpKind) -> Sign {
    match kind {
        OpKind::Add(_) => Sign::Plus,
        OpKind::Scale(_) => Sign::Times,
        _ => Sign::Concat,
    }
}

/// The last value that all ways to `a` and to `b` lead through.
fn common(origins: &[usize], mut a: usize, mut b: usize) -> usize {
    while a != b {
        if a > b {
            a = origins[a];
        } else {
            b = origins[b];
        }
    }
    a
}

fn as_gate_node(element: &Element) -> Option<Node> {
    match element {
        Element::Node(node) => Some(Node { kind: Tint::Gate, ..node.clone() }),
        Element::Gate(_) | Element::Join { .. } => None,
    }
}
