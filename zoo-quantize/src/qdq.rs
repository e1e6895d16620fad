//! The quantised graph: pairs of `QuantizeLinear` and `DequantizeLinear` around the layers that are int8.
//!
//! A value is quantised once, and all of its readers share the pair, which both engines fuse. Of MobileNetV2 ONNX Runtime
//! 1.32 makes 52 `QLinearConv`, 10 `QLinearAdd`, a `QLinearGlobalAveragePool` and a `QGemm`, and OpenVINO 2026.4 int8
//! convolutions of all; with bytes that have a sign ONNX Runtime leaves 15 convolutions in float and takes 1.8 times as long.
//! A ReLU or ReLU6 whose bounds are the ends of the grid behind it does nothing any more and goes.

use std::collections::{BTreeSet, HashMap};

use zoo_core::onnx::{Element, Graph, Initializer, Node};

use crate::QuantizeError;
use crate::grid::{Grid, Weights};
use crate::layers::{Engine, Part, part};
use crate::observe::Statistics;
use crate::operator::wrong;
use crate::range::Method;

/// The end of a grid may lie so much beyond the bound that it stands for, by rounding to f32.
const SLACK: f32 = 1.0 + 1e-5;

/// Everything that a quantised graph follows from, beside the float one.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// What was seen of its values.
    pub statistics: &'a Statistics,
    /// How ranges follow from that.
    pub method: Method,
    /// Bits of a weight, sign included.
    pub bits: u32,
    /// What the graph is written for.
    pub engine: Engine,
    /// Names of layers that stay in float.
    pub kept: &'a BTreeSet<String>,
}

/// The graph with its layers quantised.
///
/// # Errors
/// Where a value was not seen.
pub fn quantized(graph: &Graph, recipe: &Recipe<'_>) -> Result<Graph, QuantizeError> {
    let surgery = Surgery::plan(graph, recipe)?;
    surgery.write()
}

struct Surgery<'a> {
    graph: &'a Graph,
    recipe: &'a Recipe<'a>,
    /// Which nodes are int8.
    int8: Vec<bool>,
    /// The values that are quantised.
    grids: HashMap<&'a str, Grid>,
    /// Activation functions that a grid does the work of: by the value before them the one behind them.
    absorbed: HashMap<&'a str, &'a str>,
}

impl<'a> Surgery<'a> {
    fn plan(graph: &'a Graph, recipe: &'a Recipe<'a>) -> Result<Surgery<'a>, QuantizeError> {
        let parts: Vec<Part> = graph.nodes.iter().map(|node| part(graph, node, recipe.engine)).collect();
        let takes_part = |part: Part| matches!(part, Part::Weighted | Part::Plain);
        let is_int8 = |(node, part): (&Node, &Part)| takes_part(*part) && !recipe.kept.contains(&node.name);
        let int8: Vec<bool> = graph.nodes.iter().zip(&parts).map(is_int8).collect();
        let readers = readers(graph);
        let is_output = |value: &str| graph.outputs.iter().any(|output| output.name == value);
        let mut wanted: BTreeSet<&str> = BTreeSet::new();
        for (at, node) in graph.nodes.iter().enumerate().filter(|(at, _)| int8[*at]) {
            match parts[at] {
                Part::Weighted => wanted.insert(&node.inputs[0]),
                _ => node.inputs.iter().fold(true, |_, input| wanted.insert(input)),
            };
            let end = behind_activation(graph, node, &readers).map_or(node.outputs[0].as_str(), |(_, end)| end);
            if (parts[at] == Part::Plain || recipe.engine == Engine::OnnxRuntime) && !is_output(end) {
                wanted.insert(end);
            }
        }
        // What moves numbers moves bytes, too.
        for (node, _) in graph.nodes.iter().zip(&parts).rev().filter(|(_, part)| **part == Part::Mover) {
            if wanted.contains(node.outputs[0].as_str()) {
                wanted.insert(&node.inputs[0]);
            }
        }
        let mut surgery = Surgery { graph, recipe, int8, grids: HashMap::new(), absorbed: HashMap::new() };
        let inputs = graph.inputs.iter().map(|input| input.name.as_str()).filter(|name| wanted.contains(name));
        for value in inputs {
            let grid = surgery.grid(value)?;
            surgery.grids.insert(value, grid);
        }
        for (node, part) in graph.nodes.iter().zip(&parts) {
            let Some(value) = wanted.get(node.outputs[0].as_str()) else { continue };
            let grid = match surgery.grids.get(node.inputs[0].as_str()) {
                Some(grid) if *part == Part::Mover => *grid,
                _ => surgery.grid(value)?,
            };
            surgery.grids.insert(value, grid);
        }
        surgery.absorb(&readers);
        Ok(surgery)
    }

    fn grid(&self, value: &str) -> Result<Grid, QuantizeError> {
        let seen = self.recipe.statistics.get(value).ok_or_else(|| QuantizeError::Node {
            node: value.into(),
            kind: "value".into(),
            problem: "no statistics: it was not seen in the calibration".into(),
        })?;
        Ok(Grid::of(self.recipe.method.range(seen)))
    }

    /// Finds the activation functions that do nothing any more.
    fn absorb(&mut self, readers: &HashMap<&str, Vec<usize>>) {
        for (node, _) in self.graph.nodes.iter().zip(&self.int8).filter(|(_, int8)| **int8) {
            if !matches!(node.kind.as_str(), "Conv" | "Gemm" | "Add") {
                continue;
            }
            let Some((activation, end)) = behind_activation(self.graph, node, readers) else { continue };
            let Some(grid) = self.grids.get(end) else { continue };
            let (low, high) = bounds(self.graph, activation);
            let range = grid.range();
            // Where rounding to bytes cuts off as much, or more.
            if range.low >= low && range.high <= high * SLACK {
                self.absorbed.insert(&node.outputs[0], end);
            }
        }
    }

    fn write(&self) -> Result<Graph, QuantizeError> {
        let graph = self.graph;
        let mut into = Graph { nodes: Vec::new(), tensors: Vec::new(), values: Vec::new(), ..graph.clone() };
        for input in &graph.inputs {
            self.pair(&mut into, &input.name, &input.name);
        }
        let gone: BTreeSet<&str> = self.absorbed.values().copied().collect();
        for (at, node) in graph.nodes.iter().enumerate() {
            let value = node.outputs[0].as_str();
            if gone.contains(value) {
                continue;
            }
            let mut written = node.clone();
            for input in written.inputs.iter_mut().filter(|input| self.grids.contains_key(input.as_str())) {
                *input = format!("{input}.dequantized");
            }
            if self.int8[at] && part(graph, node, self.recipe.engine) == Part::Weighted {
                self.weigh(&mut into, node, &mut written)?;
            }
            into.nodes.push(written);
            match self.absorbed.get(value) {
                Some(end) => self.pair(&mut into, value, end),
                None => self.pair(&mut into, value, value),
            }
        }
        let read: BTreeSet<&str> = into.nodes.iter().flat_map(|node| node.inputs.iter().map(String::as_str)).collect();
        let constants = graph.tensors.iter().filter(|tensor| read.contains(tensor.name.as_str())).cloned();
        let constants: Vec<Initializer> = constants.collect();
        let made: BTreeSet<&str> = into.nodes.iter().map(|node| node.outputs[0].as_str()).collect();
        let values = graph.values.iter().filter(|value| made.contains(value.name.as_str())).cloned().collect();
        into.tensors.extend(constants);
        into.values = values;
        Ok(into)
    }

    /// The pair for `value`, which `from` holds, where it is quantised.
    fn pair(&self, into: &mut Graph, from: &str, value: &str) {
        let Some(grid) = self.grids.get(value) else { return };
        let [scale, zero, bytes, real] =
            ["scale", "zero_point", "quantized", "dequantized"].map(|word| format!("{value}.{word}"));
        into.tensors.push(Initializer::floats(&scale, &[], &[grid.scale]));
        into.tensors.push(number(&zero, Element::U8, &[], vec![grid.zero_point]));
        into.nodes.push(Node::new("QuantizeLinear", bytes.clone(), &[from, &scale, &zero]));
        into.nodes.push(Node::new("DequantizeLinear", real, &[&bytes, &scale, &zero]));
    }

    /// Puts int8 weights and a bias of 32 bits in the place of those of `node`.
    fn weigh(&self, into: &mut Graph, node: &Node, written: &mut Node) -> Result<(), QuantizeError> {
        let floats = |index: usize| {
            let name = node.inputs.get(index).filter(|name| !name.is_empty());
            let constant = name.and_then(|name| self.graph.tensor(name));
            constant.and_then(|constant| Some((constant, constant.as_floats()?)))
        };
        let (weight, numbers) = floats(1).ok_or_else(|| wrong(node, "weights that are no constant of f32".into()))?;
        let Some(grid) = self.grids.get(node.inputs[0].as_str()) else { return Ok(()) };
        let channels = weight.dims.first().copied().unwrap_or(1);
        let bias = floats(2);
        let of_bias = bias.as_ref().map(|(_, numbers)| numbers.as_slice());
        let weights = Weights::of(&numbers, of_bias, self.recipe.bits, grid.scale, channels as usize);
        let bytes = weights.numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let dims = weight.dims.clone();
        written.inputs[1] = dequantized(into, &weight.name, Element::I8, &dims, bytes, &weights.scales);
        if let Some((bias, numbers)) = bias {
            let (scales, numbers) = weights.bias(&numbers, grid.scale);
            let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            written.inputs[2] = dequantized(into, &bias.name, Element::I32, &[channels], bytes, &scales);
        }
        Ok(())
    }
}

/// Adds a constant and the node that makes it real again; gives the name of the latter's value.
fn dequantized(into: &mut Graph, name: &str, element: Element, dims: &[i64], bytes: Vec<u8>, scales: &[f32]) -> String {
    let [numbers, scale, zero, real] =
        ["quantized", "scale", "zero_point", "dequantized"].map(|word| format!("{name}.{word}"));
    let channels = [scales.len() as i64];
    into.tensors.push(number(&numbers, element, dims, bytes));
    into.tensors.push(Initializer::floats(&scale, &channels, scales));
    into.tensors.push(number(&zero, element, &channels, vec![0; scales.len() * element.bytes()]));
    let node = Node::new("DequantizeLinear", real.clone(), &[&numbers, &scale, &zero]);
    into.nodes.push(node.with("axis", 0));
    real
}

fn number(name: &str, element: Element, dims: &[i64], data: Vec<u8>) -> Initializer {
    Initializer { name: name.into(), element, dims: dims.to_vec(), data }
}

/// Positions of the nodes that read each value; the graph's output counts as one more.
fn readers(graph: &Graph) -> HashMap<&str, Vec<usize>> {
    let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, node) in graph.nodes.iter().enumerate() {
        node.inputs.iter().for_each(|input| readers.entry(input).or_default().push(at));
    }
    graph.outputs.iter().for_each(|output| readers.entry(&output.name).or_default().push(usize::MAX));
    readers
}

/// The ReLU or ReLU6 that alone reads what `node` makes, and its value.
fn behind_activation<'a>(
    graph: &'a Graph,
    node: &Node,
    readers: &HashMap<&str, Vec<usize>>,
) -> Option<(&'a Node, &'a str)> {
    let [reader] = readers.get(node.outputs[0].as_str())?[..] else { return None };
    let activation = graph.nodes.get(reader)?;
    let is_one = matches!(activation.kind.as_str(), "Relu" | "Clip");
    is_one.then_some((activation, activation.outputs[0].as_str()))
}

/// Between what an activation function leaves numbers.
fn bounds(graph: &Graph, activation: &Node) -> (f32, f32) {
    if activation.kind == "Relu" {
        return (0.0, f32::INFINITY);
    }
    let bound = |index: usize| {
        let name = activation.inputs.get(index).filter(|name| !name.is_empty())?;
        graph.tensor(name)?.as_floats()?.first().copied()
    };
    (bound(1).unwrap_or(f32::NEG_INFINITY), bound(2).unwrap_or(f32::INFINITY))
}
