//! From the bytes of a file to its graph.
//!
//! Fields that graphs here have no use for, such as documentation, are passed over; what would change the result if it were
//! left out is refused.

use prost::Message;

use super::error::OnnxError;
use super::graph::{Attribute, Dimension, Element, Graph, Initializer, Node, Value};
use super::proto::{
    AttributeProto, DimensionValue, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto, kind,
};

/// The names that ONNX has for its own operators.
const OWN_DOMAINS: [&str; 2] = ["", "ai.onnx"];

impl Graph {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// Where they are no network of ONNX, or one with parts that a graph here cannot hold.
    pub fn decode(bytes: &[u8]) -> Result<Graph, OnnxError> {
        let model = ModelProto::decode(bytes).map_err(|error| OnnxError::Damaged(error.to_string()))?;
        let is_own = |set: &&OperatorSetIdProto| OWN_DOMAINS.contains(&set.domain.as_str());
        let opset = model.opset_import.iter().find(is_own).and_then(|set| u32::try_from(set.version).ok());
        let Some((graph, opset)) = model.graph.zip(opset) else {
            return Err(OnnxError::Damaged("it has no graph, or no opset".into()));
        };
        if !graph.sparse_initializer.is_empty() {
            return Err(OnnxError::Unsupported("sparse constants".into()));
        }
        let values = |of: Vec<ValueInfoProto>| of.into_iter().map(value).collect::<Result<Vec<Value>, OnnxError>>();
        Ok(Graph {
            name: graph.name,
            opset,
            inputs: values(graph.input)?,
            outputs: values(graph.output)?,
            nodes: graph.node.into_iter().map(node).collect::<Result<_, _>>()?,
            tensors: graph.initializer.into_iter().map(tensor).collect::<Result<_, _>>()?,
            values: values(graph.value_info)?,
            metadata: model.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect(),
        })
    }
}

fn node(node: NodeProto) -> Result<Node, OnnxError> {
    let NodeProto { input, output, name, op_type, attribute, domain } = node;
    if !OWN_DOMAINS.contains(&domain.as_str()) {
        return Err(OnnxError::Unsupported(format!("the operator {op_type} of {domain}")));
    }
    let attributes = attribute.into_iter().map(|told| attribute_of(&name, told)).collect::<Result<_, _>>()?;
    Ok(Node { kind: op_type, name, inputs: input, outputs: output, attributes })
}

fn attribute_of(node: &str, told: AttributeProto) -> Result<(String, Attribute), OnnxError> {
    let AttributeProto { name, f, i, s, t, floats, ints, r#type } = told;
    let attribute = match r#type {
        kind::FLOAT => Attribute::Float(f.unwrap_or_default()),
        kind::INT => Attribute::Int(i.unwrap_or_default()),
        kind::STRING => match String::from_utf8(s.unwrap_or_default()) {
            Ok(word) => Attribute::Text(word),
            Err(_) => return Err(OnnxError::Damaged(format!("{name} of the node {node} is not text"))),
        },
        kind::TENSOR => Attribute::Tensor(tensor(t.unwrap_or_default())?),
        kind::FLOATS => Attribute::Floats(floats),
        kind::INTS => Attribute::Ints(ints),
        other => return Err(OnnxError::Unsupported(format!("an attribute {name} of kind {other} in the node {node}"))),
    };
    Ok((name, attribute))
}

fn element(code: i32, of: &str) -> Result<Element, OnnxError> {
    Element::of_code(code).ok_or_else(|| OnnxError::Unsupported(format!("{of} of type {code}")))
}

fn tensor(tensor: TensorProto) -> Result<Initializer, OnnxError> {
    let TensorProto { dims, data_type, float_data, int32_data, int64_data, name, raw_data, data_location } = tensor;
    if data_location != 0 {
        return Err(OnnxError::Unsupported(format!("the tensor {name} in another file")));
    }
    let element = element(data_type, &format!("the tensor {name}"))?;
    // Numbers stand as bytes, or in the list of their type.
    let data = match (raw_data, element) {
        (Some(data), _) => data,
        (None, Element::F32) => float_data.iter().flat_map(|number| number.to_le_bytes()).collect(),
        (None, Element::I64) => int64_data.iter().flat_map(|number| number.to_le_bytes()).collect(),
        (None, Element::I32) => int32_data.iter().flat_map(|number| number.to_le_bytes()).collect(),
        (None, Element::U8 | Element::I8) => int32_data.iter().map(|number| *number as u8).collect(),
    };
    let constant = Initializer { name, element, dims, data };
    constant.check()?;
    Ok(constant)
}

fn value(value: ValueInfoProto) -> Result<Value, OnnxError> {
    let name = value.name;
    let Some(of) = value.r#type.and_then(|of| of.tensor_type) else {
        return Err(OnnxError::Unsupported(format!("{name}, which is not a tensor")));
    };
    let element = element(of.elem_type, &name)?;
    let sizes = of.shape.unwrap_or_default().dim.into_iter().map(|size| match size.value {
        Some(DimensionValue::DimValue(size)) => Dimension::Fixed(size),
        Some(DimensionValue::DimParam(name)) => Dimension::Named(name),
        None => Dimension::Named(String::new()),
    });
    Ok(Value { name, element, shape: sizes.collect() })
}
