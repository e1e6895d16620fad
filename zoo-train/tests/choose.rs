//! `choose`: what it names, what it keeps apart, and its refusals.

#[path = "common/command.rs"]
mod command;
#[path = "common/tables.rs"]
mod tables;

use std::fs;
use std::path::Path;

use command::{Output, csv, run};
use serde_json::Value;
use tables::{PUBLISHED, published, write};
use tempfile::{TempDir, tempdir};

const LATENCY: &str = "model,width,depth,input_size,batch,threads,dtype,engine,macs,p50_ms,p90_ms,p99_ms,mean_ms,std_ms,\
    outliers,runs,peak_mb,noise,disturbed,profile,params,status,device,cpu,libtorch,memory_format,revision,engine_version";
const DEPLOYED: &str = "model,width,depth,input_size,profile,dataset,classes,images,engine,dtype,top1,top5,top1_f32,\
    test_time_flip,weights,calibration,status,device,cpu,engine_version,revision";

/// A width of MobileNetV2 at 224 px on this machine.
fn latency(width: f64, engine: &str, dtype: &str, ms: f64, peak_mb: u32) -> String {
    let cpu = zoo_results::environment::cpu_name();
    format!(
        "mobilenet-v2,{width},1,224,1,1,{dtype},{engine},,{ms},{ms},{ms},{ms},0.1,0,50,{peak_mb},1.2,0,native,,done,cpu,\
         {cpu},2.13.0,channels_last,0123456789ab,1"
    )
}

/// An evaluation on the whole test set of ImageNet.
fn deployed(engine: &str, dtype: &str, top1: f64, top1_f32: &str) -> String {
    format!(
        "mobilenet-v2,1,1,224,native,imagenet,1000,50000,{engine},{dtype},{top1},90,{top1_f32},false,v2.onnx@0cc175b9,,\
         done,cpu,here,1,0123456789ab"
    )
}

/// A folder with three widths, one of them on several engines, and what the paper prints.
fn made() -> TempDir {
    let folder = tempdir().unwrap();
    let rows = [
        latency(0.5, "zoo", "f32", 3.0, 100),
        latency(1.0, "zoo", "f32", 7.0, 150),
        latency(1.0, "openvino", "f32", 6.0, 300),
        latency(1.0, "openvino", "int8", 2.5, 200),
        latency(1.4, "zoo", "f32", 12.0, 250),
    ];
    write(&folder.path().join("results/latency.csv"), LATENCY, &rows);
    let papers = [published(0.5, 65.4, ""), published(1.0, 72.0, ""), published(1.4, 74.7, "")];
    write(&folder.path().join("results/published/v2.csv"), PUBLISHED, &papers);
    folder
}

#[track_caller]
fn choose(folder: &Path, more: &[&str]) -> Output {
    run(folder, &[&["choose"], more].concat())
}

#[track_caller]
fn json(folder: &Path, more: &[&str]) -> Value {
    let output = choose(folder, &[more, &["--format", "json"]].concat()).code(0);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Width, engine, number format and accuracy of each candidate.
fn shown(candidates: &Value) -> Vec<(f64, String, String, f64)> {
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let one = |value: &Value| {
        let number = |key: &str| value[key].as_f64().unwrap();
        (number("width"), text(&value["engine"]), text(&value["dtype"]), number("top1"))
    };
    candidates.as_array().unwrap().iter().map(one).collect()
}

fn candidate(width: f64, engine: &str, dtype: &str, top1: f64) -> (f64, String, String, f64) {
    (width, engine.into(), dtype.into(), top1)
}

#[test]
fn the_most_accurate_under_the_budget_is_named_on_its_fastest_engine() {
    let folder = made();
    let answer = json(folder.path(), &["--budget", "10ms"]);
    let (small, large) = (candidate(0.5, "zoo", "f32", 65.4), candidate(1.4, "zoo", "f32", 74.7));
    let middle = candidate(1.0, "openvino", "f32", 72.0);
    assert_eq!(shown(&answer["best"]), [middle.clone(), small.clone()]);
    assert_eq!(shown(&answer["front"]), [small.clone(), middle, large.clone()]);
    assert_eq!((&answer["ranked_by"], &answer["dataset"]), (&"published".into(), &"imagenet".into()));
    assert!(answer["notes"][0].as_str().unwrap().contains("1 row in int8"), "{answer}");
    assert_eq!(shown(&json(folder.path(), &["--budget", "0.5s"])["best"])[0], large);
    let of_zoo = json(folder.path(), &["--budget", "10ms", "--engine", "zoo"]);
    assert_eq!(shown(&of_zoo["best"])[0], candidate(1.0, "zoo", "f32", 72.0));
    let light = json(folder.path(), &["--budget", "10ms", "--memory", "150"]);
    assert_eq!(shown(&light["best"])[0], candidate(1.0, "zoo", "f32", 72.0));
    let accurate = json(folder.path(), &["--budget", "10ms", "--min-accuracy", "70"]);
    assert_eq!(shown(&accurate["best"]).len(), 1);
    let text = choose(folder.path(), &["--budget", "10ms"]).code(0).text();
    assert!(
        text.starts_with("The most accurate networks under 10 ms (top-1 on ImageNet, published; batch 1, 1 thread")
    );
    assert!(
        text.contains("mobilenet-v2 x0.5 wide, 224 px") && text.contains("Pareto front over all engines"),
        "{text}"
    );
}

#[test]
fn a_quantized_network_counts_where_its_accuracy_was_measured_and_that_is_said() {
    let folder = made();
    let rows = [deployed("openvino", "f32", 71.5, ""), deployed("openvino", "int8", 71.0, "71.5")];
    write(&folder.path().join("results/deployed.csv"), DEPLOYED, &rows);
    let answer = json(folder.path(), &["--budget", "2.6ms"]);
    assert_eq!(shown(&answer["best"]), [candidate(1.0, "openvino", "int8", 71.5)]);
    let best = &answer["best"][0];
    assert_eq!((&best["published"], &best["measured"], &best["drop"]), (&72.0.into(), &71.0.into(), &0.5.into()));
    assert!(answer["notes"][0].as_str().unwrap().contains("less the drop that was measured here"), "{answer}");
    // By what was measured, those that have a paper's accuracy alone are left out.
    let measured = json(folder.path(), &["--budget", "100ms", "--by", "measured"]);
    assert_eq!(shown(&measured["best"]), [candidate(1.0, "openvino", "f32", 71.5)]);
    assert!(measured["notes"].to_string().contains("2 rows of networks without an accuracy that was measured here"));
}

#[test]
fn accuracies_of_runs_are_ranked_for_the_data_set_that_they_are_of() {
    let folder = made();
    tables::results(folder.path());
    let text = fs::read_to_string(folder.path().join("results/accuracy.csv")).unwrap();
    fs::write(folder.path().join("results/accuracy.csv"), text.replace(",1,32,stem1,", ",1,224,native,")).unwrap();
    let rows = [latency(0.5, "zoo", "f32", 3.0, 100), latency(1.0, "zoo", "f32", 7.0, 150)];
    write(&folder.path().join("results/latency.csv"), LATENCY, &rows);
    let answer = json(folder.path(), &["--budget", "10ms", "--dataset", "cifar10"]);
    // The mean of both seeds.
    assert_eq!(shown(&answer["best"]), [candidate(1.0, "zoo", "f32", 86.5), candidate(0.5, "zoo", "f32", 81.0)]);
    assert_eq!(answer["ranked_by"], "measured");
}

#[test]
fn the_figure_is_written_as_its_name_says() {
    let folder = made();
    for (name, begins) in [("front.svg", &b"<svg"[..]), ("front.png", b"\x89PNG")] {
        choose(folder.path(), &["--budget", "10ms", "--figure", name]).code(0);
        assert!(fs::read(folder.path().join(name)).unwrap().starts_with(begins), "{name}");
    }
    let svg = fs::read_to_string(folder.path().join("front.svg")).unwrap();
    assert!(svg.contains("budget: 10 ms") && svg.contains("class=\"limit\""));
    choose(folder.path(), &["--budget", "10ms", "--figure", "front.pdf"]).misused(&["ends in .svg or .png"]);
}

#[test]
fn what_cannot_be_answered_is_a_sentence_with_the_way_out() {
    let folder = made();
    let refused = |more: &[&str], words: &[&str]| drop(choose(folder.path(), more).code(1).refused(words));
    refused(&["--budget", "1ms"], &["no network meets 1 ms", "mobilenet-v2 x0.5 wide, 224 px", "3.000 ms"]);
    refused(&["--budget", "10ms", "--min-accuracy", "74"], &["74 %", "mobilenet-v2, 224 px, on openvino", "72.00 %"]);
    refused(&["--budget", "10ms", "--memory", "50"], &["at most 50 MiB", "with 100 MiB"]);
    let measure = "measure first, with `zoo-train choose --budget 10ms --threads 2 --measure`";
    refused(
        &["--budget", "10ms", "--threads", "2"],
        &["no row in latency.csv is of this machine", "2 threads", measure],
    );
    refused(&["--budget", "10ms", "--engine", "onnxruntime"], &["no row on onnxruntime", "--engine onnxruntime"]);
    refused(
        &["--budget", "10ms", "--dtype", "int8"],
        &["(1 network)", "no accuracy on ImageNet is published", "eval --weights FILE"],
    );
    choose(folder.path(), &["--budget", "10ms", "--dataset", "mnist"]).misused(&["`mnist`", "are of imagenet"]);
    choose(folder.path(), &["--budget", "10ms", "--results", "none"]).misused(&["--results none"]);
    for (budget, words) in [("10", "has no unit"), ("10kg", "such as 10ms"), ("0ms", "out of range")] {
        let output = choose(folder.path(), &["--budget", budget]).code(2);
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
}

#[test]
fn what_is_missing_is_timed_first_where_that_is_asked_for() {
    let folder = tempdir().unwrap();
    let text = published(0.35, 60.3, "").replace("mobilenet-v2,0.35,1,224", "mobilenet-v3-small,0.35,1,32");
    write(&folder.path().join("results/published/v3.csv"), PUBLISHED, &[text]);
    let measured = ["--budget", "50ms", "--engine", "zoo", "--dtype", "f32", "--measure"];
    let output = choose(folder.path(), &measured).code(0);
    assert!(output.stderr.contains("until 4 do: at most 1 measurement"), "{}", output.stderr);
    assert!(output.text().contains("mobilenet-v3-small x0.35 wide, 32 px"), "{}", output.text());
    let rows = csv(&folder.path().join("results/latency.csv")).rows;
    assert_eq!((rows.len(), rows[0]["engine"].as_str(), rows[0]["status"].as_str()), (1, "zoo", "done"));
    let again = choose(folder.path(), &measured).code(0);
    assert!(again.stderr.contains("nothing to measure"), "{}", again.stderr);
}

#[test]
fn an_evaluation_leaves_its_row() {
    let folder = tempdir().unwrap();
    command::train(folder.path(), &["--steps", "2"]).code(0);
    let weights = command::run_folder(folder.path()).join("last.safetensors");
    let weights = weights.to_str().unwrap();
    for engine in ["libtorch", "zoo"] {
        let arguments =
            ["eval", "--weights", weights, "--engine", engine, "--limit-test", "20", "--results", "results"];
        let output = run(folder.path(), &arguments).code(0);
        assert!(output.stderr.contains("its row is in results/deployed.csv"), "{}", output.stderr);
    }
    let table = csv(&folder.path().join("results/deployed.csv"));
    assert_eq!(table.header.join(","), DEPLOYED);
    let cell = |column: &str| -> Vec<&str> { table.rows.iter().map(|row| row[column].as_str()).collect() };
    assert_eq!((cell("engine"), cell("dtype")), (vec!["libtorch", "zoo"], vec!["f32"; 2]));
    assert_eq!((cell("images"), cell("dataset")), (vec!["20"; 2], vec!["synthetic"; 2]));
    assert_eq!((cell("model"), cell("profile")), (vec!["mobilenet-v3-small-0.35"; 2], vec!["stem1"; 2]));
    assert!(cell("weights").iter().all(|name| name.starts_with("last.safetensors@")), "{:?}", cell("weights"));
    assert_eq!(cell("top1")[0], cell("top1")[1]);
}
