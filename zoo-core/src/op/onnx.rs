//! How an operation is written as ONNX: what it is given, and the nodes that it adds.

use tch::{Device, Kind, Tensor};

use super::{Op, Shape};
use crate::onnx::{Dimension, Element, Graph, Initializer, Node, OnnxError, OnnxOptions, Value};
use crate::plan::Padding;

/// An operation that has nodes in ONNX.
pub(crate) trait InOnnx {
    /// Adds its nodes for evaluation, and gives its value.
    ///
    /// # Errors
    /// Where a tensor has values that are no numbers.
    fn write(&self, nodes: &mut Nodes<'_>) -> Result<Wire, OnnxError>;
}

/// A value of the plan in the graph.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    /// Its name there.
    pub name: String,
    /// Whether it is N x C, as linear layers leave it, in place of N x C x 1 x 1.
    pub is_flat: bool,
}

/// What an operation is written with.
pub(crate) struct Nodes<'a> {
    /// The operation with its shapes.
    pub op: &'a Op,
    /// Its name.
    pub name: String,
    /// The values that it reads.
    pub inputs: Vec<Wire>,
    /// Its tensors as they are in evaluation: convolutions with the norm behind them in them, norms as scale and shift.
    pub tensors: Vec<Tensor>,
    /// The plan's padding.
    pub padding: Padding,
    /// What the graph is written for.
    pub options: &'a OnnxOptions,
    /// The graph so far.
    pub graph: &'a mut Graph,
}

impl Nodes<'_> {
    /// Input `index` as it lies, for what works number by number.
    pub fn any(&self, index: usize) -> Wire {
        self.inputs[index].clone()
    }

    /// Input `index` as a map, N x C x H x W.
    pub fn map(&mut self, index: usize) -> String {
        let Wire { name, is_flat } = self.any(index);
        if !is_flat {
            return name;
        }
        let channels = i64::from(self.op.input.c);
        let shape = self.ints("map_shape", &[0, channels, 1, 1]);
        self.before("map", "Reshape", &[&name, &shape], |node| node)
    }

    /// Input `index` as N x C.
    pub fn flat(&mut self, index: usize) -> String {
        let Wire { name, is_flat } = self.any(index);
        if is_flat { name } else { self.before("flatten", "Flatten", &[&name], |node| node.with("axis", 1)) }
    }

    /// Its tensor `index`, as a constant of these sizes under its name and `word`.
    pub fn tensor(&mut self, index: usize, word: &str, dims: &[i64]) -> Result<String, OnnxError> {
        let name = format!("{}.{word}", self.name);
        self.graph.tensors.push(constant(name.clone(), &self.tensors[index], dims)?);
        Ok(name)
    }

    /// A constant list of whole numbers under its name and `word`.
    pub fn ints(&mut self, word: &str, numbers: &[i64]) -> String {
        let name = format!("{}.{word}", self.name);
        self.graph.tensors.push(Initializer::ints(name.clone(), numbers));
        name
    }

    /// A single number, which all operations share that use it under this name.
    pub fn number(&mut self, word: &str, number: f32) -> String {
        let name = format!("constants.{word}");
        if self.graph.tensor(&name).is_none() {
            self.graph.tensors.push(Initializer::floats(name.clone(), &[], &[number]));
        }
        name
    }

    /// A node before the last one: its name is the operation's and `word`.
    pub fn before(&mut self, word: &str, kind: &str, inputs: &[&str], told: impl FnOnce(Node) -> Node) -> String {
        let name = format!("{}.{word}", self.name);
        self.graph.nodes.push(told(Node::new(kind, name.clone(), inputs)));
        name
    }

    /// The last node, which has the operation's name, where it makes a map.
    pub fn last(&mut self, kind: &str, inputs: &[&str], told: impl FnOnce(Node) -> Node) -> Wire {
        self.last_as(false, kind, inputs, told)
    }

    /// The last node, which has the operation's name.
    pub fn last_as(&mut self, is_flat: bool, kind: &str, inputs: &[&str], told: impl FnOnce(Node) -> Node) -> Wire {
        self.graph.nodes.push(told(Node::new(kind, self.name.clone(), inputs)));
        let Shape { c, h, w } = self.op.output;
        let sizes: &[u32] = if is_flat { &[c] } else { &[c, h, w] };
        let batch = std::iter::once(self.options.batch.dimension());
        let shape = batch.chain(sizes.iter().map(|size| Dimension::Fixed((*size).into()))).collect();
        self.graph.values.push(Value { name: self.name.clone(), element: Element::F32, shape });
        Wire { name: self.name.clone(), is_flat }
    }
}

/// A tensor as a constant of f32.
///
/// # Errors
/// Where one of its values is no number, or is none as f32.
fn constant(name: String, tensor: &Tensor, dims: &[i64]) -> Result<Initializer, OnnxError> {
    let single = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    if single.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
        return Err(OnnxError::NotFinite { name });
    }
    let mut data = vec![0; single.numel() * Element::F32.bytes()];
    single.f_copy_data_u8(&mut data, single.numel())?;
    Ok(Initializer { name, element: Element::F32, dims: dims.to_vec(), data })
}
