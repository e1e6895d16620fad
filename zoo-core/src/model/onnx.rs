//! A model as a graph of ONNX: its plan, operation by operation, with norms folded into convolutions.

use std::collections::{BTreeMap, HashMap};

use super::fold::Affine;
use super::node::NodeKind;
use super::{Model, ModelError};
use crate::onnx::{Dimension, Element, Graph, INPUT, Initializer, LOGITS, Node, OnnxError, OnnxOptions, Pixels, Value};
use crate::op::{Nodes, OpKind, Wire};
use crate::plan::Plan;
use tch::Tensor;

/// Keys of the metadata that a graph says of itself: counts, and what its input is.
const PARAMETERS: &str = "zoo.parameters";
pub(crate) const MACS: &str = "zoo.macs";
const LAYOUT: &str = "zoo.input_layout";
const VALUES: &str = "zoo.input_values";

impl Model {
    /// The network as ONNX, for evaluation of images of the plan's size. Norms are folded into the convolutions before them
    /// in f64; weights are written as f32.
    ///
    /// The input is named `input` and the output, N x classes, `logits`.
    ///
    /// # Errors
    /// Where the options cannot be, where a weight is no number, and where the network is larger than a file of ONNX.
    pub fn to_onnx(&self, options: &OnnxOptions) -> Result<Graph, OnnxError> {
        options.check()?;
        let (mut graph, image) = started(&self.plan, options)?;
        let folded: HashMap<usize, usize> = self.nodes.iter().filter_map(|node| folded_norm(&node.kind)).collect();
        let norms: Vec<usize> = folded.values().copied().collect();
        let mut wires = vec![image];
        for (index, op) in self.plan.ops.iter().enumerate() {
            let inputs: Vec<Wire> = op.inputs.iter().map(|value| wires[value].clone()).collect();
            if norms.contains(&index) {
                // It is in the convolution, whose value is its own.
                wires.extend(inputs);
                continue;
            }
            let tensors = self.in_evaluation(index, folded.get(&index).copied())?;
            let (padding, name) = (self.plan.options.padding, op.name());
            let mut nodes = Nodes { op, name, inputs, tensors, padding, options, graph: &mut graph };
            let wire = op.kind.in_onnx().write(&mut nodes)?;
            wires.push(wire);
        }
        if let Some(last) = wires.pop() {
            finish(&mut graph, last);
        }
        Ok(graph)
    }

    /// The tensors of an operation as evaluation has them.
    fn in_evaluation(&self, op: usize, norm: Option<usize>) -> Result<Vec<Tensor>, ModelError> {
        match self.plan.ops[op].kind {
            OpKind::Conv(_) => {
                let (weight, bias) = self.folded(op, norm)?;
                Ok(std::iter::once(weight).chain(bias).collect())
            }
            _ => match self.folding(op)? {
                Some(Affine { scale, shift }) => Ok(vec![scale, shift]),
                None => self.detached(op),
            },
        }
    }
}

/// A convolution, and the norm that it takes over.
fn folded_norm(kind: &NodeKind) -> Option<(usize, usize)> {
    match kind {
        NodeKind::Conv { op, norm: Some(norm), .. } => Some((*op, *norm)),
        _ => None,
    }
}

/// A graph with its input and output, and the plan's image in it.
fn started(plan: &Plan, options: &OnnxOptions) -> Result<(Graph, Wire), OnnxError> {
    let batch = options.batch.dimension();
    let shaped = |name: &str, element: Element, sizes: &[u32]| {
        let sizes = sizes.iter().map(|size| Dimension::Fixed((*size).into()));
        let shape = std::iter::once(batch.clone()).chain(sizes).collect();
        Value { name: name.into(), element, shape }
    };
    let crate::Shape { c, h, w } = plan.input;
    let (input, layout, values) = match options.pixels {
        Some(_) => (shaped(INPUT, Element::U8, &[h, w, c]), "NHWC", "bytes"),
        None => (shaped(INPUT, Element::F32, &[c, h, w]), "NCHW", "normalised"),
    };
    let logits = plan.ops.last().map_or(plan.input, |op| op.output);
    let features = logits.c.saturating_mul(logits.h).saturating_mul(logits.w);
    let said = [
        (PARAMETERS, plan.cost.params.to_string()),
        (MACS, plan.cost.macs.to_string()),
        (LAYOUT, layout.into()),
        (VALUES, values.into()),
    ];
    let mut graph = Graph {
        name: "zoo".into(),
        opset: options.opset,
        inputs: vec![input],
        outputs: vec![shaped(LOGITS, Element::F32, &[features])],
        nodes: Vec::new(),
        tensors: Vec::new(),
        values: Vec::new(),
        metadata: BTreeMap::from(said.map(|(key, word)| (key.to_string(), word))),
    };
    let name = match options.pixels {
        Some(pixels) => normalised(&mut graph, pixels, c)?,
        None => INPUT.into(),
    };
    Ok((graph, Wire { name, is_flat: false }))
}

/// The bytes of pictures as the plan's image.
fn normalised(graph: &mut Graph, pixels: Pixels, channels: u32) -> Result<String, OnnxError> {
    if channels != 1 && channels != 3 {
        return Err(OnnxError::Channels(channels));
    }
    // Of grey pictures, whose three numbers are the same.
    let of_bytes = |name: &str, numbers: [f32; 3]| {
        let numbers = numbers.map(|number| (f64::from(number) * 255.0) as f32);
        Initializer::floats(name, &[1, channels.into(), 1, 1], &numbers[..channels as usize])
    };
    graph.tensors.push(of_bytes("input.mean", pixels.mean));
    graph.tensors.push(of_bytes("input.std", pixels.std));
    const FLOAT: i64 = 1;
    graph.nodes.extend([
        Node::new("Cast", "input.float", &[INPUT]).with("to", FLOAT),
        Node::new("Transpose", "input.map", &["input.float"]).with("perm", [0, 3, 1, 2]),
        Node::new("Sub", "input.centred", &["input.map", "input.mean"]),
        Node::new("Div", "input.normalised", &["input.centred", "input.std"]),
    ]);
    Ok("input.normalised".into())
}

/// Makes the plan's last value the output.
fn finish(graph: &mut Graph, last: Wire) {
    if last.is_flat {
        graph.values.retain(|value| value.name != last.name);
        graph.rename(&last.name, LOGITS);
    } else {
        graph.nodes.push(Node::new("Flatten", LOGITS, &[&last.name]).with("axis", 1));
    }
}
