//! Lowering: the plan's operations grouped into the steps of the forward pass.
//!
//! A convolution, the norm, the activation and the residual behind it are one node, so that they can run fused; every
//! value is dropped as soon as its last reader is through.

use crate::op::{Activation, OpKind};
use crate::plan::Plan;

/// A step of the forward pass.
#[derive(Debug)]
pub(super) struct Node {
    pub kind: NodeKind,
    /// Values it reads.
    pub inputs: Vec<usize>,
    /// The value it makes.
    pub output: usize,
    /// Values that nobody reads after this node.
    pub dead: Vec<usize>,
}

/// What a node computes; operations are named by their positions in the plan.
#[derive(Clone, Copy, Debug)]
pub(super) enum NodeKind {
    /// A convolution with what follows it. The residual is the node's second input.
    Conv { op: usize, norm: Option<usize>, activation: Option<Activation>, add: Option<usize> },
    /// A norm with the activation behind it.
    BatchNorm { op: usize, activation: Option<Activation> },
    /// A non-linearity that alone reads a value in memory of its own, and so may overwrite it where no gradient is wanted.
    Overwrite { op: usize, activation: Activation },
    /// Any operation by itself.
    Op { op: usize },
}

/// Groups the operations of `plan`.
pub(super) fn lower(plan: &Plan) -> Vec<Node> {
    let readers = readers(plan);
    let mut nodes: Vec<Node> = Vec::new();
    for (index, op) in plan.ops.iter().enumerate() {
        let inputs: Vec<usize> = op.inputs.iter().collect();
        let alone = readers[inputs[0]] == 1;
        let kind = match op.kind {
            OpKind::Conv(_) => NodeKind::Conv { op: index, norm: None, activation: None, add: None },
            OpKind::BatchNorm(_) => NodeKind::BatchNorm { op: index, activation: None },
            OpKind::Act(activation) if alone && is_fresh(plan, inputs[0]) => {
                NodeKind::Overwrite { op: index, activation }
            }
            _ => NodeKind::Op { op: index },
        };
        let node = Node { kind, inputs, output: index + 1, dead: Vec::new() };
        let absorbed = alone && nodes.last_mut().is_some_and(|before| before.absorb(plan, &node));
        if !absorbed {
            nodes.push(node);
        }
    }
    mark_last_readers(&mut nodes);
    nodes
}

/// Whether a value lies in memory that no other value shares. The image is the caller's.
fn is_fresh(plan: &Plan, value: usize) -> bool {
    value.checked_sub(1).is_some_and(|op| plan.ops[op].kind.compute().is_fresh())
}

impl Node {
    /// Takes over a norm, an activation or a residual that alone reads this node's value; says whether it did.
    fn absorb(&mut self, plan: &Plan, next: &Node) -> bool {
        // What else `next` reads was computed before this node, which is the last one so far.
        if next.inputs[0] != self.output || next.inputs[1..].contains(&self.output) {
            return false;
        }
        match (&mut self.kind, next.kind) {
            (
                NodeKind::Conv { norm: slot @ None, activation: None, .. },
                NodeKind::BatchNorm { op, activation: None },
            ) => *slot = Some(op),
            (
                NodeKind::Conv { activation: slot @ None, add: None, .. }
                | NodeKind::BatchNorm { activation: slot @ None, .. },
                NodeKind::Overwrite { activation, .. },
            ) => *slot = Some(activation),
            (NodeKind::Conv { norm: Some(_), add: slot @ None, .. }, NodeKind::Op { op })
                if matches!(plan.ops[op].kind, OpKind::Add(_)) =>
            {
                *slot = Some(op);
                self.inputs.push(next.inputs[1]);
            }
            _ => return false,
        }
        self.output = next.output;
        true
    }
}

/// How many operations read each value; value 0 is the image.
fn readers(plan: &Plan) -> Vec<usize> {
    let mut readers = vec![0; plan.ops.len() + 1];
    for value in plan.ops.iter().flat_map(|op| op.inputs.iter()) {
        readers[value] += 1;
    }
    readers
}

fn mark_last_readers(nodes: &mut [Node]) {
    let mut seen = std::collections::HashSet::new();
    for node in nodes.iter_mut().rev() {
        node.dead = node.inputs.iter().copied().filter(|value| seen.insert(*value)).collect();
    }
}
