//! A graph of ONNX run by libtorch, float or quantised, value by value.

use std::collections::HashMap;

use tch::{Kind, Tensor};
use zoo_core::onnx::{Element, Graph, Initializer, Node};

use crate::QuantizeError;
use crate::operator::{Operator, wrong};

/// A graph that is ready to run.
#[derive(Debug)]
pub struct Network {
    steps: Vec<Step>,
    /// Constants that are read while it runs, by the position of their value.
    constants: Vec<(usize, Tensor)>,
    input: usize,
    output: usize,
    values: usize,
}

/// A node.
#[derive(Debug)]
struct Step {
    /// The value that it makes.
    name: String,
    operator: Operator,
    inputs: Vec<usize>,
    output: usize,
    /// Values that nobody reads after it.
    dead: Vec<usize>,
    /// Whether it may overwrite its first input.
    spare: bool,
}

/// Told each value under its name, and may give another one in its place.
pub type Watch<'a> = dyn FnMut(&str, Tensor) -> Result<Tensor, QuantizeError> + 'a;

impl Network {
    /// Prepares `graph`: constants become tensors, and weights are packed.
    ///
    /// # Errors
    /// Where it holds an operator that is not known here.
    pub fn new(graph: &Graph) -> Result<Network, QuantizeError> {
        let mut constants = HashMap::new();
        for tensor in &graph.tensors {
            constants.insert(tensor.name.clone(), tensor_of(tensor)?);
        }
        let mut places: HashMap<&str, usize> = HashMap::new();
        let input = graph.inputs.first().map_or("", |input| &input.name);
        places.insert(input, 0);
        let mut network = Network { steps: Vec::new(), constants: Vec::new(), input: 0, output: 0, values: 1 };
        for node in &graph.nodes {
            if let Some(constant) = dequantized(node, &constants)? {
                constants.insert(node.outputs[0].clone(), constant);
                continue;
            }
            let (operator, read) = Operator::of(node, &|name| constants.get(name).map(Tensor::shallow_clone))?;
            let mut inputs = Vec::new();
            for name in read.into_iter().map(|index| node.inputs[index].as_str()) {
                let place = match (places.get(name), constants.get(name)) {
                    (Some(place), _) => *place,
                    (None, Some(constant)) => {
                        network.constants.push((network.values, constant.shallow_clone()));
                        places.insert(name, network.values);
                        network.values += 1;
                        network.values - 1
                    }
                    (None, None) => return Err(wrong(node, format!("the input {name}, which nothing makes"))),
                };
                inputs.push(place);
            }
            let name = node.outputs[0].clone();
            places.insert(&node.outputs[0], network.values);
            let (dead, spare) = (Vec::new(), false);
            network.steps.push(Step { name, operator, inputs, output: network.values, dead, spare });
            network.values += 1;
        }
        let output = graph.outputs.first().and_then(|output| places.get(output.name.as_str()));
        network.output = output.copied().unwrap_or(network.values - 1);
        network.mark_last_readers();
        Ok(network)
    }

    fn mark_last_readers(&mut self) {
        let kept: Vec<usize> = self.constants.iter().map(|(place, _)| *place).chain([self.output]).collect();
        let mut seen: std::collections::HashSet<usize> = kept.iter().copied().collect();
        let fresh = self.steps.iter().map(|step| (step.output, step.operator.is_fresh()));
        let fresh: HashMap<usize, bool> = fresh.collect();
        for step in self.steps.iter_mut().rev() {
            step.dead = step.inputs.iter().copied().filter(|value| seen.insert(*value)).collect();
            step.spare = step.dead.contains(&step.inputs[0]) && fresh.get(&step.inputs[0]) == Some(&true);
        }
    }

    /// Logits of a batch of images.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn run(&self, images: &Tensor) -> Result<Tensor, QuantizeError> {
        self.run_watched(images, &mut |_, value| Ok(value))
    }

    /// The same; `watch` is told every value in the order of the nodes, the images first.
    ///
    /// # Errors
    /// As [`run`](Network::run), and what `watch` gives.
    pub fn run_watched(&self, images: &Tensor, watch: &mut Watch<'_>) -> Result<Tensor, QuantizeError> {
        tch::no_grad(|| {
            // A value that is not there, before its step has run or after its last reader, is an undefined tensor.
            let mut values: Vec<Tensor> = (0..self.values).map(|_| Tensor::new()).collect();
            for (place, constant) in &self.constants {
                values[*place] = constant.shallow_clone();
            }
            values[self.input] = watch(zoo_core::onnx::INPUT, zoo_core::model::channels_last(images)?)?;
            for step in &self.steps {
                let inputs: Vec<&Tensor> = step.inputs.iter().map(|input| &values[*input]).collect();
                let value = step.operator.run(&inputs, step.spare)?;
                for dead in &step.dead {
                    values[*dead] = Tensor::new();
                }
                values[step.output] = watch(&step.name, value)?;
            }
            Ok(std::mem::replace(&mut values[self.output], Tensor::new()))
        })
    }
}

/// The real numbers of a constant that `node` dequantises, where it is one.
fn dequantized(node: &Node, constants: &HashMap<String, Tensor>) -> Result<Option<Tensor>, QuantizeError> {
    let of = |index: usize| node.inputs.get(index).and_then(|name| constants.get(name));
    let (true, Some(numbers), Some(scale)) = (node.kind == "DequantizeLinear", of(0), of(1)) else { return Ok(None) };
    // A scale a channel of the first axis, or one for all.
    let mut sizes = vec![1; numbers.dim()];
    if let (Some(first), true) = (sizes.first_mut(), scale.dim() > 0) {
        *first = -1;
    }
    let real = numbers.f_to_kind(Kind::Float)?;
    let real = match of(2) {
        Some(zero) => real.f_sub(&zero.f_to_kind(Kind::Float)?.f_reshape(&sizes)?)?,
        None => real,
    };
    Ok(Some(real.f_mul(&scale.f_reshape(&sizes)?)?))
}

/// A constant as a tensor.
pub(crate) fn tensor_of(constant: &Initializer) -> Result<Tensor, QuantizeError> {
    let kind = match constant.element {
        Element::F32 => Kind::Float,
        Element::U8 => Kind::Uint8,
        Element::I8 => Kind::Int8,
        Element::I32 => Kind::Int,
        Element::I64 => Kind::Int64,
        other => return Err(QuantizeError::Element { name: constant.name.clone(), element: other.name() }),
    };
    Ok(Tensor::f_from_data_size(&constant.data, &constant.dims, kind)?)
}
