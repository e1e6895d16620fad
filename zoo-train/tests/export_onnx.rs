//! `export` as ONNX: what is in the file, what is said of it, and what is refused.

#[path = "common/command.rs"]
mod command;

use std::collections::BTreeMap;
use std::path::Path;

use command::{Output, run, run_folder, train};
use tch::Tensor;
use tempfile::tempdir;
use zoo_core::model::{Model, ModelOptions};
use zoo_core::onnx::{Dimension, Element, Graph};
use zoo_core::weights::{Scheme, named, write_safetensors};
use zoo_core::{Options, Plan, Registry};

const MODEL: &str = "mobilenet-v3-small-0.35";

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn graph(path: &Path) -> Graph {
    let graph = Graph::decode(&std::fs::read(path).unwrap()).unwrap();
    graph.check().unwrap();
    graph
}

/// Fresh weights with ten classes, as a file that says `metadata`.
fn weights(path: &Path, metadata: &[(&str, &str)], change: impl Fn(&str, Tensor) -> Tensor) {
    let entry = Registry::default().find(MODEL).unwrap();
    let options = Options { classes: 10, input_size: 32.into(), ..entry.variant.options };
    let plan = Plan::new(entry.architecture, &options).unwrap();
    let model = Model::new(plan, &ModelOptions::default()).unwrap();
    let tensors = named(&model, entry.architecture, Scheme::Zoo).unwrap().into_iter();
    let tensors: Vec<(String, Tensor)> = tensors
        .map(|(name, tensor)| {
            let changed = change(&name, tensor);
            (name, changed)
        })
        .collect();
    let metadata: BTreeMap<String, String> =
        metadata.iter().map(|(key, word)| (key.to_string(), word.to_string())).collect();
    write_safetensors(path, &tensors, &metadata).unwrap();
}

#[test]
fn a_trained_run_becomes_a_graph_that_says_what_it_is() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "2"]).code(0);
    let best = run_folder(folder.path()).join("best.safetensors");
    let line = format!("export --weights {} -o m.onnx", best.display());
    let said = run(folder.path(), &words(&line)).code(0).text();
    let graph = graph(&folder.path().join("m.onnx"));
    assert_eq!((graph.name.as_str(), graph.opset), (MODEL, 17));
    assert_eq!(graph.inputs[0].shape[0], Dimension::Named("batch".into()));
    assert_eq!(graph.inputs[0].shape[1..], [3, 32, 32].map(Dimension::Fixed));
    assert!(graph.nodes.iter().any(|node| node.name == "stages.1.0.depthwise.conv"));
    let metadata = |key: &str| graph.metadata.get(key).map(String::as_str);
    assert_eq!(metadata("zoo.model"), Some(MODEL));
    assert_eq!(metadata("zoo.profile"), Some("stem1"));
    assert_eq!(metadata("zoo.input_size"), Some("32"));
    assert_eq!(metadata("zoo.input_layout"), Some("NCHW"));
    assert_eq!(metadata("format"), None, "that is safetensors'");
    let classes: Vec<String> = serde_json::from_str(metadata("zoo.classes").unwrap()).unwrap();
    assert_eq!(classes.len(), 10);
    for words in ["opset 17", "input: input, float32, batch x 3 x 32 x 32", "output: logits, float32, batch x 10"] {
        assert!(said.contains(words), "no {words} in\n{said}");
    }
    let lines = "in Python:\n    \
                 import numpy, onnxruntime\n    \
                 images = numpy.zeros((1, 3, 32, 32), numpy.float32)  # in place of yours\n    \
                 session = onnxruntime.InferenceSession(\"m.onnx\")\n    \
                 logits = session.run([\"logits\"], {\"input\": images})[0]\n";
    assert!(said.ends_with(lines), "{said}");
    // The same network makes the same bytes.
    run(folder.path(), &words(&line.replace("m.onnx", "again.onnx"))).code(0);
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(bytes("m.onnx") == bytes("again.onnx"));
}

#[test]
fn flags_decide_opset_batch_size_and_what_the_input_is() {
    let folder = tempdir().unwrap();
    weights(&folder.path().join("w.safetensors"), &[("zoo.model", MODEL)], |_, tensor| tensor);
    let line = "export --weights w.safetensors -o m.onnx --opset 13 --batch 2 --input-size 40x64 --with-preprocessing";
    let said = run(folder.path(), &words(line)).code(0).text();
    assert!(said.contains("input: input, uint8, 2 x 40 x 64 x 3") && said.contains("mean and std are in"), "{said}");
    let graph = graph(&folder.path().join("m.onnx"));
    assert_eq!((graph.opset, graph.inputs[0].element), (13, Element::U8));
    assert_eq!(graph.metadata["zoo.input_values"], "bytes");
    assert!(graph.nodes.iter().all(|node| node.kind != "HardSwish"), "that is of opset 14");
    // Where the name of the file says nothing, as that of a device.
    run(folder.path(), &words("export --weights w.safetensors --format onnx -o /dev/null")).code(0);
}

#[test]
fn names_of_classes_are_kept_whatever_is_in_them() {
    let folder = tempdir().unwrap();
    let mut names: Vec<String> = (0..10).map(|label| format!("class {label}")).collect();
    names[3] = "a \"cat\"\n, or\u{0} [\u{1f408}]\\".into();
    let said = serde_json::to_string(&names).unwrap();
    let metadata = [("zoo.model", MODEL), ("zoo.classes", &said)];
    weights(&folder.path().join("w.safetensors"), &metadata, |_, tensor| tensor);
    run(folder.path(), &words("export --weights w.safetensors -o m.onnx")).code(0);
    let graph = graph(&folder.path().join("m.onnx"));
    assert_eq!(serde_json::from_str::<Vec<String>>(&graph.metadata["zoo.classes"]).unwrap(), names);
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_nothing() {
    let folder = tempdir().unwrap();
    weights(&folder.path().join("w.safetensors"), &[("zoo.model", MODEL)], |_, tensor| tensor);
    let export =
        |more: &str| -> Output { run(folder.path(), &words(&format!("export --weights w.safetensors {more}"))) };
    for opset in ["12", "22", "x"] {
        export(&format!("-o m.onnx --opset {opset}")).misused(&["--opset", "from 13 to 21"]);
    }
    for batch in ["0", "-1", "many"] {
        export(&format!("-o m.onnx --batch={batch}")).misused(&["--batch", "or dynamic"]);
    }
    export("-o m.onnx --scheme timm").misused(&["--scheme", "ONNX"]);
    for flag in ["--opset 17", "--batch 1", "--with-preprocessing"] {
        export(&format!("-o m.safetensors {flag}")).misused(&[words(flag)[0], "safetensors", "FILE.onnx"]);
    }
    export("-o m.onnx --format safetensors").misused(&["m.onnx", "m.safetensors"]);
    export("-o m.safetensors --format onnx").misused(&["m.safetensors", "m.onnx"]);
    export("-o m.onnx --input-size 64 --crop 32").code(2);
    export("-o none/m.onnx").refused(&["none/m.onnx", "No such file or directory"]);
    std::os::unix::fs::symlink("/dev/full", folder.path().join("m.onnx.partial")).unwrap();
    export("-o m.onnx").refused(&["m.onnx", "No space left on device"]);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["w.safetensors"]);

    // They are refused as they are read.
    let not_a_number = |name: &str, tensor: Tensor| match name.ends_with("conv.weight") {
        true => tensor * f64::NAN,
        false => tensor,
    };
    weights(&folder.path().join("w.safetensors"), &[("zoo.model", MODEL)], not_a_number);
    export("-o m.onnx").refused(&["w.safetensors", "finite"]);
    // Each is finite, and their product with the norm's scale is not.
    let huge = |name: &str, tensor: Tensor| match name {
        "stem.conv.weight" => tensor * 0.0 + 1e30,
        "stem.norm.weight" => tensor * 1e30,
        _ => tensor,
    };
    weights(&folder.path().join("w.safetensors"), &[("zoo.model", MODEL)], huge);
    export("-o m.onnx").refused(&["stem.conv.weight", "not written"]);
}
