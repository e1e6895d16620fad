//! Which layers of a graph can be int8, by name, and which of them stay in float.

use std::collections::BTreeSet;

use zoo_core::nearest;
use zoo_core::onnx::{Graph, Node};
use zoo_host::glob::matches;

use crate::QuantizeError;

/// The engine that a graph is written for. Both compute any of them; what differs is which operators they fuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Activation functions stay in float between a convolution and the bytes behind it, which OpenVINO computes in the
    /// convolution. ONNX Runtime would run such convolutions in float.
    OpenVino,
    /// Every operator reads and makes bytes: ONNX Runtime's int8 kernels.
    OnnxRuntime,
}

impl Engine {
    /// All, by name.
    pub const ALL: [Engine; 2] = [Engine::OpenVino, Engine::OnnxRuntime];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Engine::OpenVino => "openvino",
            Engine::OnnxRuntime => "onnxruntime",
        }
    }
}

/// Words that stand for several layers, beside their names.
const GATES: &str = "gates";
const FIRST: &str = "first";
const LAST: &str = "last";

/// How a node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It has weights, which become int8.
    Weighted,
    /// It computes with what it reads, and a kernel for bytes exists.
    Plain,
    /// It moves numbers and changes none: the grid of its result is that of its input.
    Mover,
    /// It stays in float.
    Float,
}

/// What `node` is to a graph for `engine`.
pub(crate) fn part(graph: &Graph, node: &Node, engine: Engine) -> Part {
    let is_constant = |index: usize| node.inputs.get(index).is_some_and(|name| graph.tensor(name).is_some());
    match node.kind.as_str() {
        "Conv" | "Gemm" if is_constant(1) => Part::Weighted,
        "Add" if !is_constant(0) && !is_constant(1) => Part::Plain,
        "GlobalAveragePool" | "Concat" => Part::Plain,
        "Mul" | "Sigmoid" if engine == Engine::OnnxRuntime && !is_constant(0) && !is_constant(1) => Part::Plain,
        "Flatten" | "Reshape" | "Transpose" | "Slice" | "MaxPool" => Part::Mover,
        _ => Part::Float,
    }
}

/// The layers that can be int8, in the order in which they run.
pub fn layers(graph: &Graph, engine: Engine) -> Vec<String> {
    let can = |node: &&Node| matches!(part(graph, node, engine), Part::Weighted | Part::Plain);
    graph.nodes.iter().filter(can).map(|node| node.name.clone()).collect()
}

/// Operators that have no kernel for bytes, each with how often it stands in the graph; an activation function that engines
/// compute in the convolution before it is none.
pub fn not_quantizable(graph: &Graph, engine: Engine) -> Vec<(String, usize)> {
    let fused = ["Clip", "Relu", "Sigmoid", "HardSigmoid", "HardSwish", "Mul"];
    let mut found: Vec<(String, usize)> = Vec::new();
    for node in graph.nodes.iter().filter(|node| part(graph, node, engine) == Part::Float) {
        if fused.contains(&node.kind.as_str()) {
            continue;
        }
        match found.iter_mut().find(|(kind, _)| *kind == node.kind) {
            Some((_, count)) => *count += 1,
            None => found.push((node.kind.clone(), 1)),
        }
    }
    found
}

/// The layers that `words` keep in float: names, patterns of them such as `stages.0.*`, and `first`, `last` and `gates`.
///
/// # Errors
/// For a word that no layer has.
pub fn kept(graph: &Graph, words: &[String], engine: Engine) -> Result<BTreeSet<String>, QuantizeError> {
    let all = layers(graph, engine);
    let mut kept = BTreeSet::new();
    let weighted = |node: &&Node| part(graph, node, engine) == Part::Weighted;
    for word in words {
        let found: Vec<String> = match word.as_str() {
            // A network without gates has none to keep.
            GATES => {
                kept.extend(gates(graph, engine));
                continue;
            }
            FIRST => graph.nodes.iter().find(weighted).map(|node| node.name.clone()).into_iter().collect(),
            LAST => graph.nodes.iter().rfind(weighted).map(|node| node.name.clone()).into_iter().collect(),
            pattern => all.iter().filter(|name| matches(pattern, name)).cloned().collect(),
        };
        if found.is_empty() {
            let known = all.iter().map(String::as_str).chain([GATES, FIRST, LAST]);
            let nearest = nearest(word, known).map(String::from);
            return Err(QuantizeError::UnknownLayer { name: word.clone(), nearest });
        }
        kept.extend(found);
    }
    Ok(kept)
}

/// The layers that compute gates, of squeeze-and-excitation: all from a mean over a map up to the product with that map.
fn gates(graph: &Graph, engine: Engine) -> Vec<String> {
    let mut found = Vec::new();
    for (at, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.kind == "GlobalAveragePool") {
        let mut behind = BTreeSet::from([node.outputs[0].as_str()]);
        let mut chain = vec![node.name.clone()];
        for next in &graph.nodes[at + 1..] {
            let reads = next.inputs.iter().any(|input| behind.contains(input.as_str()));
            if !reads {
                continue;
            }
            if next.kind == "Mul" && next.inputs.iter().any(|input| *input == node.inputs[0]) {
                found.append(&mut chain);
                break;
            }
            chain.push(next.name.clone());
            behind.insert(&next.outputs[0]);
        }
    }
    let all = layers(graph, engine);
    found.retain(|name| all.contains(name));
    found
}
