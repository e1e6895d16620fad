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

#[test]
fn a_file_is_measured_as_the_network_and_in_the_numbers_that_it_holds() {
    let (folder, best) = trained();
    quantize(&folder, &best, "--calibrate synthetic:16 -o int8.onnx").code(0);
    let zoo = |line: &str| run(folder.path(), &line.split_whitespace().collect::<Vec<_>>());
    zoo(&format!("export --weights {best} -o f32.onnx")).code(0);
    let latency = "--engine onnxruntime --runs 5 --seconds 0";
    let said = |line: &str| zoo(&format!("latency {line} {latency}")).code(1).text();
    let other = said("mobilenet-v2 --weights int8.onnx --dtype int8");
    assert!(other.contains("the network is mobilenet-v3-small-0.35, not mobilenet-v2"), "{other}");
    let rounded = said("mobilenet-v3-small-0.35 --weights int8.onnx");
    assert!(rounded.contains("the network is quantized: give --dtype int8"), "{rounded}");
    let float = said("mobilenet-v3-small-0.35 --weights f32.onnx --dtype int8");
    assert!(float.contains("the network is not quantized"), "{float}");
    assert!(said("mobilenet-v3-small-0.35 --weights none.onnx").contains("none.onnx: cannot be read"));
    zoo("eval --weights f32.onnx --dtype int8 --dataset synthetic").refused(&["f32.onnx", "is not quantized"]);
    zoo("eval --weights int8.onnx --dtype bf16 --dataset synthetic").refused(&["int8.onnx", "--dtype int8"]);
    if let Err(error) = zoo_engines::ONNX_RUNTIME.version() {
        assert!(std::env::var_os("CI").is_none(), "CI is set, and {error}");
        eprintln!("skipped: {error}");
        return;
    }
    let timed = format!("latency mobilenet-v3-small-0.35 --weights int8.onnx --dtype int8 --format csv {latency}");
    let text = zoo(&timed).code(0).text();
    // With the ten classes, 32 pixels and strides of the file, not with the model's own.
    assert!(text.contains(",32,1,1,int8,onnxruntime,1467008,") && text.contains(",stem1,344058,done,"), "{text}");
    let evaluated = zoo("eval --weights int8.onnx --dataset synthetic --limit-test 20 --format json").code(0).text();
    assert!(
        evaluated.contains("\"dtype\":\"int8\"") && evaluated.contains("\"engine\":\"onnxruntime\""),
        "{evaluated}"
    );
}
