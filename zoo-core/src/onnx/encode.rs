//! From a graph to the bytes of its file.

use std::path::Path;

use prost::Message;

use super::error::OnnxError;
use super::graph::{Attribute, Dimension, Graph, Initializer, Node, Value};
use super::options::ir_version;
use super::proto::{
    AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, kind,
};
use crate::whole_file;

/// What protobuf can hold in one message.
const MOST_BYTES: usize = i32::MAX as usize;

impl Graph {
    /// The bytes of its file; the same graph makes the same bytes.
    ///
    /// # Errors
    /// Where they are more than the format can hold.
    pub fn encode(&self) -> Result<Vec<u8>, OnnxError> {
        // Before anything is copied.
        let numbers = self.tensors.iter().map(|tensor| tensor.data.len()).sum();
        fits(numbers)?;
        let model = model(self);
        fits(model.encoded_len())?;
        Ok(model.encode_to_vec())
    }

    /// Writes its file, which appears whole or not at all; an earlier one is kept until then.
    ///
    /// # Errors
    /// As [`encode`](Graph::encode), and where the disk is full or the folder may not be written to.
    pub fn write(&self, path: &Path) -> Result<(), OnnxError> {
        let bytes = self.encode()?;
        whole_file::write(path, &bytes).map_err(|source| OnnxError::File { path: path.into(), source })
    }
}

fn fits(bytes: usize) -> Result<(), OnnxError> {
    if bytes > MOST_BYTES { Err(OnnxError::TooLarge { bytes }) } else { Ok(()) }
}

fn model(graph: &Graph) -> ModelProto {
    let metadata = graph.metadata.iter();
    ModelProto {
        ir_version: ir_version(graph.opset),
        producer_name: "zoo".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(GraphProto {
            node: graph.nodes.iter().map(node).collect(),
            name: graph.name.clone(),
            initializer: graph.tensors.iter().map(tensor).collect(),
            input: graph.inputs.iter().map(value).collect(),
            output: graph.outputs.iter().map(value).collect(),
            value_info: graph.values.iter().map(value).collect(),
            sparse_initializer: Vec::new(),
        }),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: graph.opset.into() }],
        metadata_props: metadata
            .map(|(key, value)| StringStringEntryProto { key: key.clone(), value: value.clone() })
            .collect(),
    }
}

fn node(node: &Node) -> NodeProto {
    NodeProto {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: node.name.clone(),
        op_type: node.kind.clone(),
        attribute: node.attributes.iter().map(|(name, told)| attribute(name, told)).collect(),
        domain: String::new(),
    }
}

fn attribute(name: &str, attribute: &Attribute) -> AttributeProto {
    let named = AttributeProto { name: name.into(), ..AttributeProto::default() };
    match attribute {
        Attribute::Float(number) => AttributeProto { f: Some(*number), r#type: kind::FLOAT, ..named },
        Attribute::Int(number) => AttributeProto { i: Some(*number), r#type: kind::INT, ..named },
        Attribute::Text(word) => AttributeProto { s: Some(word.clone().into()), r#type: kind::STRING, ..named },
        Attribute::Tensor(constant) => AttributeProto { t: Some(tensor(constant)), r#type: kind::TENSOR, ..named },
        Attribute::Floats(numbers) => AttributeProto { floats: numbers.clone(), r#type: kind::FLOATS, ..named },
        Attribute::Ints(numbers) => AttributeProto { ints: numbers.clone(), r#type: kind::INTS, ..named },
    }
}

fn tensor(tensor: &Initializer) -> TensorProto {
    TensorProto {
        dims: tensor.dims.clone(),
        data_type: tensor.element.code(),
        name: tensor.name.clone(),
        raw_data: Some(tensor.data.clone()),
        ..TensorProto::default()
    }
}

fn value(value: &Value) -> ValueInfoProto {
    let dim = value.shape.iter().map(|size| DimensionProto {
        value: Some(match size {
            Dimension::Fixed(size) => DimensionValue::DimValue(*size),
            Dimension::Named(name) => DimensionValue::DimParam(name.clone()),
        }),
    });
    let shape = Some(TensorShapeProto { dim: dim.collect() });
    let tensor_type = Some(TensorTypeProto { elem_type: value.element.code(), shape });
    ValueInfoProto { name: value.name.clone(), r#type: Some(TypeProto { tensor_type }) }
}
