//! Files of ONNX: foreign and damaged ones, and graphs that were changed.

use zoo_core::onnx::{Attribute, Dimension, Element, Graph, Initializer, Node, OnnxError, Value};

fn value(name: &str) -> Value {
    let shape = vec![Dimension::Named("batch".into()), Dimension::Fixed(2)];
    Value { name: name.into(), element: Element::F32, shape }
}

/// The input plus a constant, and twice that.
fn graph() -> Graph {
    Graph {
        name: "a \"name\" — with signs".into(),
        opset: 17,
        inputs: vec![value("input")],
        outputs: vec![value("logits")],
        nodes: vec![Node::new("Add", "sum", &["input", "two"]), Node::new("Add", "logits", &["sum", "sum"])],
        tensors: vec![Initializer::floats("two", &[2], &[1.0, -0.0])],
        values: vec![value("sum")],
        metadata: [("zoo.classes".to_string(), "[\"a \\\"cat\\\"\",\"Ÿ\\u0000\"]".to_string())].into(),
    }
}

#[test]
fn all_kinds_of_attributes_and_constants_read_back_as_written() {
    let mut odd = graph();
    let bytes = Initializer { name: "bytes".into(), element: Element::I8, dims: vec![2, 1], data: vec![0x80, 0x7f] };
    let told = [
        ("float", Attribute::Float(0.0)),
        ("int", Attribute::Int(0)),
        ("text", "".into()),
        ("floats", Attribute::Floats(vec![0.5, -1.0])),
        ("ints", [0, -1, i64::MAX].into()),
        ("tensor", Attribute::Tensor(bytes.clone())),
    ];
    odd.nodes[0].attributes.extend(told.map(|(name, attribute)| (name.to_string(), attribute)));
    odd.tensors.push(bytes);
    odd.tensors.push(Initializer::ints("none", &[]));
    assert_eq!(Graph::decode(&odd.encode().unwrap()).unwrap(), odd);
}

#[test]
fn names_can_be_changed_and_looked_up() {
    let mut changed = graph();
    changed.rename("sum", "total");
    assert_eq!(changed.check().map_err(|error| error.to_string()), Ok(()));
    assert_eq!((changed.maker("total"), changed.readers("total")), (Some(0), vec![(1, 0), (1, 1)]));
    assert!(changed.value("total").is_some() && changed.value("sum").is_none());
    if let Some(tensor) = changed.tensor_mut("two") {
        tensor.data.pop();
    }
    assert!(matches!(changed.check(), Err(OnnxError::Size { found: 7, .. })));
}

#[test]
fn graphs_that_do_not_hold_together_are_told() {
    let mut turned = graph();
    turned.nodes.reverse();
    assert!(matches!(turned.check(), Err(OnnxError::Undefined { value, .. }) if value == "sum"));
    let mut twice = graph();
    twice.nodes[0].outputs = vec!["two".into()];
    assert!(matches!(twice.check(), Err(OnnxError::Twice(name)) if name == "two"));
    let mut open = graph();
    open.outputs[0].name = "nothing".into();
    assert!(matches!(open.check(), Err(OnnxError::Undefined { value, .. }) if value == "nothing"));
}

/// A field of protobuf: its number, then bytes.
fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 128 && number < 4096);
    let key = number << 3 | 2;
    let key = if key < 128 { vec![key as u8] } else { vec![(key & 0x7f | 0x80) as u8, (key >> 7) as u8] };
    [&key[..], &[bytes.len() as u8], bytes].concat()
}

#[test]
fn unknown_fields_are_passed_over_and_what_would_change_the_result_is_refused() {
    let own = graph();
    let encoded = own.encode().unwrap();
    // Documentation, and a field that no version has.
    let longer = [encoded.clone(), field(6, b"words"), field(900, b"more")].concat();
    assert_eq!(Graph::decode(&longer).unwrap(), own);
    // Of a field that is given again, the parts are joined: sparse constants, and a node of another domain.
    let sparse = [encoded.clone(), field(7, &field(15, b""))].concat();
    assert!(Graph::decode(&sparse).unwrap_err().to_string().contains("sparse constants"));
    let node = [field(4, b"QuickGelu"), field(7, b"com.microsoft")].concat();
    let foreign = [encoded, field(7, &field(1, &node))].concat();
    assert!(Graph::decode(&foreign).unwrap_err().to_string().contains("QuickGelu of com.microsoft"));
}

#[test]
fn damaged_files_are_errors_and_do_no_harm() {
    let encoded = graph().encode().unwrap();
    assert!(Graph::decode(b"").unwrap_err().to_string().contains("not an ONNX file"));
    for end in 0..encoded.len() {
        let _ = Graph::decode(&encoded[..end]);
    }
    for place in 0..encoded.len() {
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let mut altered = encoded.clone();
            altered[place] = byte;
            if let Ok(graph) = Graph::decode(&altered) {
                let _ = graph.check();
                assert_eq!(Graph::decode(&graph.encode().unwrap()).unwrap(), graph);
            }
        }
    }
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    std::fs::write(&path, "earlier").unwrap();
    // What grows beside it meets a full disk.
    std::os::unix::fs::symlink("/dev/full", folder.path().join("m.onnx.partial")).unwrap();
    let error = graph().write(&path).unwrap_err().to_string();
    assert!(error.contains("m.onnx") && error.contains("No space left"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"earlier");
    assert!(!path.with_file_name("m.onnx.partial").exists());
    graph().write(&path).unwrap();
    assert_eq!(Graph::decode(&std::fs::read(&path).unwrap()).unwrap(), graph());
    let error = graph().write(&folder.path().join("none").join("m.onnx")).unwrap_err().to_string();
    assert!(error.contains("none/m.onnx") && error.contains("No such file"), "{error}");
    assert!(graph().write(std::path::Path::new("/dev/full")).is_err());
}
