//! A graph of ONNX as plain data.

use std::collections::BTreeMap;

/// A network as ONNX has it. Nodes stand in an order in which they can run.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// What viewers call it.
    pub name: String,
    /// Version of the operators of ONNX that it is written in.
    pub opset: u32,
    /// What it is given.
    pub inputs: Vec<Value>,
    /// What it gives.
    pub outputs: Vec<Value>,
    /// Operators, each behind those whose values it reads.
    pub nodes: Vec<Node>,
    /// Constants, which ONNX calls initializers.
    pub tensors: Vec<Initializer>,
    /// Type and shape of values in between, as far as they are said; whoever changes a value changes them, too.
    pub values: Vec<Value>,
    /// What the file says of itself, by keys.
    pub metadata: BTreeMap<String, String>,
}

/// An operator with what it reads and makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The operator's name, such as `Conv`: ONNX's `op_type`.
    pub kind: String,
    /// Its own name, unique within the graph.
    pub name: String,
    /// Values and tensors that it reads; an empty name stands for an optional one that is left out.
    pub inputs: Vec<String>,
    /// The values that it makes.
    pub outputs: Vec<String>,
    /// What it was told.
    pub attributes: BTreeMap<String, Attribute>,
}

/// What an operator is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// A word.
    Text(String),
    /// A constant.
    Tensor(Initializer),
    /// Numbers.
    Floats(Vec<f32>),
    /// Whole numbers.
    Ints(Vec<i64>),
}

/// A value's type and shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its name.
    pub name: String,
    /// What it consists of.
    pub element: Element,
    /// Its sizes, outermost first.
    pub shape: Vec<Dimension>,
}

/// One of a value's sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Always this one.
    Fixed(i64),
    /// Decided where it runs, and the same wherever the name stands.
    Named(String),
}

/// What tensors consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Element {
    /// 32 bits of floating point.
    F32,
    /// A byte.
    U8,
    /// A byte with a sign.
    I8,
    /// 32 bits with a sign.
    I32,
    /// 64 bits with a sign.
    I64,
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initializer {
    /// Its name, unique among values and constants.
    pub name: String,
    /// What it consists of.
    pub element: Element,
    /// Its sizes; none for a single number.
    pub dims: Vec<i64>,
    /// Its numbers, little-endian, innermost first.
    pub data: Vec<u8>,
}

impl Element {
    const ALL: [Element; 5] = [Element::F32, Element::U8, Element::I8, Element::I32, Element::I64];

    /// Bytes of one.
    pub const fn bytes(self) -> usize {
        match self {
            Element::U8 | Element::I8 => 1,
            Element::F32 | Element::I32 => 4,
            Element::I64 => 8,
        }
    }

    /// numpy's name.
    pub const fn name(self) -> &'static str {
        match self {
            Element::F32 => "float32",
            Element::U8 => "uint8",
            Element::I8 => "int8",
            Element::I32 => "int32",
            Element::I64 => "int64",
        }
    }

    /// The number of it in ONNX's `TensorProto.DataType`.
    pub(super) const fn code(self) -> i32 {
        match self {
            Element::F32 => 1,
            Element::U8 => 2,
            Element::I8 => 3,
            Element::I32 => 6,
            Element::I64 => 7,
        }
    }

    pub(super) fn of_code(code: i32) -> Option<Element> {
        Element::ALL.into_iter().find(|element| element.code() == code)
    }
}

impl Initializer {
    /// A constant of f32.
    pub fn floats(name: impl Into<String>, dims: &[i64], numbers: &[f32]) -> Initializer {
        let data = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Initializer { name: name.into(), element: Element::F32, dims: dims.to_vec(), data }
    }

    /// A list of i64, as shapes and axes are.
    pub fn ints(name: impl Into<String>, numbers: &[i64]) -> Initializer {
        let data = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Initializer { name: name.into(), element: Element::I64, dims: vec![numbers.len() as i64], data }
    }

    /// Its numbers, where they are f32.
    pub fn as_floats(&self) -> Option<Vec<f32>> {
        let floats = self.data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        (self.element == Element::F32).then(|| floats.collect())
    }

    /// Its numbers, where they are i64.
    pub fn as_ints(&self) -> Option<Vec<i64>> {
        let ints = self.data.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
        (self.element == Element::I64).then(|| ints.collect())
    }
}

impl Node {
    /// A node with one value of its own name.
    pub fn new(kind: &str, name: impl Into<String>, inputs: &[&str]) -> Node {
        let name = name.into();
        let inputs = inputs.iter().map(|input| input.to_string()).collect();
        Node { kind: kind.into(), outputs: vec![name.clone()], name, inputs, attributes: BTreeMap::new() }
    }

    /// The same, told `attribute`.
    #[must_use]
    pub fn with(mut self, name: &str, attribute: impl Into<Attribute>) -> Node {
        self.attributes.insert(name.into(), attribute.into());
        self
    }

    /// The whole number that it was told under `name`.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.attributes.get(name) {
            Some(Attribute::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// The whole numbers that it was told under `name`.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attributes.get(name) {
            Some(Attribute::Ints(numbers)) => Some(numbers),
            _ => None,
        }
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Attribute {
        Attribute::Int(number)
    }
}

impl From<f32> for Attribute {
    fn from(number: f32) -> Attribute {
        Attribute::Float(number)
    }
}

impl From<Vec<i64>> for Attribute {
    fn from(numbers: Vec<i64>) -> Attribute {
        Attribute::Ints(numbers)
    }
}

impl<const N: usize> From<[i64; N]> for Attribute {
    fn from(numbers: [i64; N]) -> Attribute {
        Attribute::Ints(numbers.to_vec())
    }
}

impl From<&str> for Attribute {
    fn from(word: &str) -> Attribute {
        Attribute::Text(word.into())
    }
}

impl Graph {
    /// Multiply-accumulates for one image, where it was written from a plan and says them.
    pub fn macs(&self) -> Option<u64> {
        self.metadata.get(crate::model::MACS)?.parse().ok()
    }

    /// Whether it computes with integers somewhere.
    pub fn is_quantized(&self) -> bool {
        self.nodes.iter().any(|node| node.kind == "QuantizeLinear")
    }

    /// The constant of that name.
    pub fn tensor(&self, name: &str) -> Option<&Initializer> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// The constant of that name, to be changed in place.
    pub fn tensor_mut(&mut self, name: &str) -> Option<&mut Initializer> {
        self.tensors.iter_mut().find(|tensor| tensor.name == name)
    }

    /// Type and shape of the value of that name, where they are said.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.inputs.iter().chain(&self.outputs).chain(&self.values).find(|value| value.name == name)
    }

    /// The position of the node that makes a value.
    pub fn maker(&self, value: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.outputs.iter().any(|output| output == value))
    }

    /// Positions of the nodes that read a value or a constant, and of the inputs by which they do.
    pub fn readers(&self, value: &str) -> Vec<(usize, usize)> {
        let inputs = |(at, node): (usize, &Node)| {
            let reads = node.inputs.iter().enumerate().filter(|(_, input)| *input == value);
            reads.map(|(input, _)| (at, input)).collect::<Vec<_>>()
        };
        self.nodes.iter().enumerate().flat_map(inputs).collect()
    }

    /// Gives a value, constant, input or output another name wherever it stands. Nodes keep theirs.
    pub fn rename(&mut self, from: &str, to: &str) {
        let of_nodes = self.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().chain(&mut node.outputs));
        let values = self.inputs.iter_mut().chain(&mut self.outputs).chain(&mut self.values);
        let named = values.map(|value| &mut value.name).chain(self.tensors.iter_mut().map(|tensor| &mut tensor.name));
        of_nodes.chain(named).filter(|name| *name == from).for_each(|name| *name = to.into());
    }
}
