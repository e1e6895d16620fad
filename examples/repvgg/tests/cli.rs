//! The binary as its user meets it: the table is listed, shown and trained like the zoo's own.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;
use zoo_core::onnx::{Graph, Node};

/// Runs the command, which must succeed, in `folder`, and gives its standard output.
#[track_caller]
fn run<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_repvgg")).args(arguments).current_dir(folder).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// A column of the only row of a CSV table.
#[track_caller]
fn cell<'a>(table: &'a [(String, String)], column: &str) -> &'a str {
    let found = table.iter().find(|(name, _)| name == column);
    &found.unwrap_or_else(|| panic!("no column {column}")).1
}

/// The only row of a CSV table, by column.
#[track_caller]
fn only_row(text: &[u8]) -> Vec<(String, String)> {
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    header.iter().zip(&rows[0]).map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn the_list_has_the_variant_with_its_counts() {
    let row = only_row(run(Path::new("."), &["list", "repvgg-a0", "--format", "csv"]).as_bytes());
    let columns = ["model", "family", "input_size", "params", "macs"].map(|column| cell(&row, column));
    assert_eq!(columns, ["repvgg-a0", "repvgg", "224", "9108968", "1512581120"]);
}

#[test]
fn the_list_still_has_the_networks_of_the_zoo() {
    let list = run(Path::new("."), &["list"]);
    assert!(list.contains("mobilenet-v2") && list.contains("repvgg-b3"), "{list}");
}

#[test]
fn the_summary_ends_in_the_claimed_total() {
    let summary = run(Path::new("."), &["show", "repvgg-a0"]);
    assert!(summary.contains("9,108,968") && summary.contains("stages.1.0"), "{summary}");
}

#[test]
fn it_trains_and_leaves_a_row() {
    let folder = tempdir().unwrap();
    let network = ["--model", "repvgg-a0", "--dataset", "synthetic"];
    let length =
        ["--steps", "2", "--batch-size", "8", "--limit-train", "32", "--limit-test", "16", "--learning-rate", "0.01"];
    run(folder.path(), &[&network[..], &length, &["--results", "results"]].concat());
    let row = only_row(&std::fs::read(folder.path().join("results/accuracy.csv")).unwrap());
    let columns = ["model", "profile", "params", "macs", "steps"].map(|column| cell(&row, column));
    assert_eq!(columns, ["repvgg-a0", "stem1", "7840778", "123384320", "2"]);
    let top1: f64 = cell(&row, "top1").parse().unwrap();
    assert!((0.0..=100.0).contains(&top1), "{top1} %");
}

#[test]
fn it_is_exported_as_onnx() {
    let folder = tempdir().unwrap();
    let network = ["--model", "repvgg-a0", "--dataset", "synthetic"];
    let length = ["--steps", "1", "--batch-size", "8", "--limit-train", "16", "--limit-test", "8"];
    run(folder.path(), &[&network[..], &length, &["--results", "results"]].concat());
    let runs = std::fs::read_dir(folder.path().join("results")).unwrap().map(|entry| entry.unwrap().path());
    let best = runs.map(|run| run.join("best.safetensors")).find(|best| best.exists()).unwrap();
    let said = run(folder.path(), &["export", "--weights", best.to_str().unwrap(), "-o", "m.onnx"]);
    assert!(said.contains("repvgg-a0 as ONNX in m.onnx"), "{said}");
    let graph = Graph::decode(&std::fs::read(folder.path().join("m.onnx")).unwrap()).unwrap();
    graph.check().unwrap();
    // The norm of the branch that has no convolution stands alone.
    let norm = |node: &&Node| node.name.ends_with(".identity.norm");
    assert_eq!(graph.nodes.iter().find(norm).map(|node| node.kind.as_str()), Some("Add"));
}
