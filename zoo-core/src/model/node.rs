//! Lowering: the plan's operations grouped into the steps of the forward pass.
//!
//! A convolution, the norm, the activation and the residual behind it are one node, so that they can run fused; every
//! value is dropped as soon as its last reader is through.

use super::Parameter;
use crate::plan::{Activation, OpKind, Plan};

/// A step of the forward pass. Tensors are named by their index among the model's parameters and buffers.
#[derive(Debug)]
pub(super) struct Node {
    pub kind: NodeKind,
    /// Values it reads.
    pub inputs: [usize; 2],
    /// The value it makes.
    pub output: usize,
    /// Values that nobody reads after this node.
    pub dead: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Conv {
        op: usize,
        weight: usize,
        bias: Option<usize>,
        norm: Option<Norm>,
        activation: Option<Activation>,
        add: Option<usize>,
    },
    Norm {
        norm: Norm,
        activation: Option<Activation>,
    },
    Act(Activation),
    Pool,
    Dropout {
        op: usize,
    },
    Linear {
        weight: usize,
        bias: usize,
    },
    Scale,
    Add {
        op: usize,
    },
}

/// Where a norm's tensors are: scale and shift among the parameters, mean and variance among the buffers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Norm {
    pub scale: usize,
    pub mean: usize,
}

/// Groups the operations of `plan`, whose tensors are listed in its order.
pub(super) fn lower(plan: &Plan, parameters: &[Parameter]) -> Vec<Node> {
    let first_parameter = |op: usize| parameters.partition_point(|parameter| parameter.op < op);
    let readers = readers(plan);
    let mut nodes: Vec<Node> = Vec::new();
    let mut norms = 0;
    for (index, op) in plan.ops.iter().enumerate() {
        let inputs = op.inputs.map(|input| input as usize);
        let kind = match op.kind {
            OpKind::Conv { bias, .. } => {
                let weight = first_parameter(index);
                NodeKind::Conv {
                    op: index,
                    weight,
                    bias: bias.then_some(weight + 1),
                    norm: None,
                    activation: None,
                    add: None,
                }
            }
            OpKind::Norm => {
                norms += 1;
                NodeKind::Norm { norm: Norm { scale: first_parameter(index), mean: 2 * (norms - 1) }, activation: None }
            }
            OpKind::Act(activation) => NodeKind::Act(activation),
            OpKind::Pool => NodeKind::Pool,
            OpKind::Dropout { .. } => NodeKind::Dropout { op: index },
            OpKind::Linear => {
                let weight = first_parameter(index);
                NodeKind::Linear { weight, bias: weight + 1 }
            }
            OpKind::Scale => NodeKind::Scale,
            OpKind::Add { .. } => NodeKind::Add { op: index },
        };
        let node = Node { kind, inputs, output: index + 1, dead: Vec::new() };
        let absorbed = readers[inputs[0]] == 1 && nodes.last_mut().is_some_and(|before| before.absorb(&node));
        if !absorbed {
            nodes.push(node);
        }
    }
    mark_last_readers(&mut nodes);
    nodes
}

impl Node {
    /// Takes over a norm, an activation or a residual that alone reads this node's value; says whether it did.
    fn absorb(&mut self, next: &Node) -> bool {
        if next.inputs[0] != self.output {
            return false;
        }
        match (&mut self.kind, &next.kind) {
            (NodeKind::Conv { norm: slot @ None, activation: None, .. }, NodeKind::Norm { norm, activation: None }) => {
                *slot = Some(*norm)
            }
            (
                NodeKind::Conv { activation: slot @ None, add: None, .. }
                | NodeKind::Norm { activation: slot @ None, .. },
                NodeKind::Act(activation),
            ) => *slot = Some(*activation),
            (NodeKind::Conv { norm: Some(_), add: slot @ None, .. }, NodeKind::Add { op }) => {
                *slot = Some(*op);
                self.inputs[1] = next.inputs[1];
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
    for op in &plan.ops {
        readers[op.inputs[0] as usize] += 1;
        if matches!(op.kind, OpKind::Scale | OpKind::Add { .. }) {
            readers[op.inputs[1] as usize] += 1;
        }
    }
    readers
}

fn mark_last_readers(nodes: &mut [Node]) {
    let mut seen = std::collections::HashSet::new();
    for node in nodes.iter_mut().rev() {
        let reads = match node.kind {
            NodeKind::Scale | NodeKind::Add { .. } | NodeKind::Conv { add: Some(_), .. } => &node.inputs[..],
            _ => &node.inputs[..1],
        };
        node.dead = reads.iter().copied().filter(|value| seen.insert(*value)).collect();
    }
}
