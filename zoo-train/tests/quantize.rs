//! `quantize` as a user runs it.

#[path = "common/command.rs"]
mod command;

use command::{Output, run, run_folder, train};
use tempfile::{TempDir, tempdir};
use zoo_core::onnx::Graph;

/// A run of a few steps in a folder of its own, and its best checkpoint as a path from there.
fn trained() -> (TempDir, String) {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "4"]).code(0);
    let best = run_folder(folder.path()).join("best.safetensors");
    let path = best.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_string();
    (folder, path)
}

fn quantize(folder: &TempDir, best: &str, more: &str) -> Output {
    let line = format!("quantize --weights {best} --threads 1 --limit-test 20 {more}");
    run(folder.path(), &line.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn a_checkpoint_becomes_int8_and_says_how() {
    let (folder, best) = trained();
    let text = quantize(&folder, &best, "--calibrate synthetic:16 --for avx2 -o int8.onnx").code(0).text();
    assert!(
        text.contains("as int8 in int8.onnx") && text.contains("% top-1 of 20 test images by simulation"),
        "{text}"
    );
    let graph = Graph::decode(&std::fs::read(folder.path().join("int8.onnx")).unwrap()).unwrap();
    let said = |key: &str| graph.metadata.get(key).map(String::as_str);
    assert_eq!(said("zoo.quantized.calibration"), Some("16 training images of synthetic"));
    assert_eq!((said("zoo.quantized.weight_bits"), said("zoo.quantized.method")), (Some("7"), Some("min-max")));
    assert!(said("zoo.model").is_some() && said("zoo.mean").is_some());
    // The same images make the same bytes.
    quantize(&folder, &best, "--calibrate synthetic:16 --for avx2 -o again.onnx").code(0);
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(bytes("int8.onnx"), bytes("again.onnx"));
}

#[test]
fn costs_of_layers_are_listed_and_bounded() {
    let (folder, best) = trained();
    let text = quantize(&folder, &best, "--calibrate synthetic:16 --sensitivity").code(0).text();
    assert!(text.starts_with("alone in int8") && text.contains("stem.conv"), "{text}");
    let bounded = "--calibrate synthetic:16 --max-drop 100 --keep-float first last -o some.onnx";
    let text = quantize(&folder, &best, bounded).code(0).text();
    assert!(text.contains("2 in float: stem.conv, "), "{text}");
}

#[test]
fn what_cannot_be_is_refused_and_leaves_no_file() {
    let (folder, best) = trained();
    let refused = |flags: &str| quantize(&folder, &best, &format!("{flags} -o no.onnx"));
    refused("--calibrate synthetic:7").misused(&["8 images at least"]);
    refused("--calibrate synthetic:16 --keep-float stem.cnov").misused(&["stem.cnov", "did you mean stem.conv?"]);
    refused("--calibrate nothing").misused(&["unknown data set `nothing`"]);
    assert!(!folder.path().join("no.onnx").exists());
    quantize(&folder, &best, "--calibrate synthetic:16 -o int8.safetensors").misused(&["int8.onnx"]);
    quantize(&folder, &best, "--calibrate synthetic:16 -o none/int8.onnx").refused(&["cannot write none/int8.onnx"]);
    quantize(&folder, &best, "--calibrate synthetic:16 -o /dev/full").refused(&["/dev/full", "No space left"]);
}
