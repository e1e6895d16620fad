//! `latency`: its table, its refusals, and what it does about a model that fails.

#[path = "common/command.rs"]
mod command;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use command::{Output, csv, csv_of, run};
use tempfile::tempdir;
use zoo_native::cpu::Simd;

const SMALL: &str = "mobilenet-v3-small-0.35";

/// A short measurement of small images.
#[track_caller]
fn latency(folder: &Path, arguments: &[&str]) -> Output {
    let mut all = vec!["latency"];
    all.extend_from_slice(arguments);
    all.extend(["--input-size", "32", "--runs", "5", "--seconds", "0"]);
    run(folder, &all)
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} is `{}`", row[column]))
}

#[test]
fn every_engine_is_a_row_with_the_documented_columns() {
    let folder = tempdir().unwrap();
    let output = latency(folder.path(), &[SMALL, "--format", "csv", "--batch", "1,2"]).code(0);
    let table = csv(&folder.path().join("results/latency.csv"));
    let begin = "model,width,depth,input_size,batch,threads,dtype,engine,macs,p50_ms,p90_ms,p99_ms";
    let measured = "mean_ms,std_ms,outliers,runs,peak_mb,noise,disturbed,profile,params,status";
    let machine = "device,cpu,libtorch,memory_format,revision,engine_version,simd,peak_gflops";
    assert_eq!(table.header.join(","), format!("{begin},{measured},{machine}"));
    let printed = csv_of(&output.stdout);
    assert_eq!((&printed.header, &printed.rows), (&table.header, &table.rows));
    let cells: Vec<(&str, &str)> =
        table.rows.iter().map(|row| (row["batch"].as_str(), row["engine"].as_str())).collect();
    // What else is installed comes behind.
    let installed = zoo_engines::ENGINES.into_iter().filter(|engine| engine.version().is_ok());
    let modes: Vec<&str> = installed.map(|engine| engine.name()).collect();
    assert_eq!(modes[..3], ["eager", "libtorch", "zoo"]);
    assert_eq!(
        cells,
        ["1", "2"].into_iter().flat_map(|batch| modes.iter().map(move |mode| (batch, *mode))).collect::<Vec<_>>()
    );
    for row in &table.rows {
        assert_eq!((row["model"].as_str(), row["status"].as_str()), (SMALL, "done"));
        assert_eq!((row["input_size"].as_str(), row["threads"].as_str(), row["dtype"].as_str()), ("32", "1", "f32"));
        assert_eq!((row["profile"].as_str(), row["device"].as_str()), ("native", "cpu"));
        let [p50, p90, p99] = ["p50_ms", "p90_ms", "p99_ms"].map(|column| number(row, column));
        assert!(0.0 < p50 && p50 <= p90 && p90 <= p99, "{row:?}");
        assert!(number(row, "runs") >= 5.0 && number(row, "noise") >= 0.0 && number(row, "peak_mb") > 10.0, "{row:?}");
        assert!(["channels_last", "contiguous"].contains(&row["memory_format"].as_str()), "{row:?}");
        assert!(number(row, "macs") > 1e5 && number(row, "params") > 1e5, "{row:?}");
    }
}

#[test]
fn rows_are_appended_and_the_table_for_people_names_them() {
    let folder = tempdir().unwrap();
    for _ in 0..2 {
        let text = latency(folder.path(), &[SMALL, "--engine", "zoo", "--width", "0.5"]).code(0).text();
        assert!(text.contains(SMALL) && text.contains("zoo") && text.contains("done"), "{text}");
    }
    let rows = csv(&folder.path().join("results/latency.csv")).rows;
    assert_eq!(rows.iter().map(|row| row["width"].as_str()).collect::<Vec<_>>(), ["0.5", "0.5"]);
    assert!(!folder.path().join("results/latency-stages.csv").exists());
}

#[test]
fn stages_add_up_to_the_network() {
    let folder = tempdir().unwrap();
    let text = latency(folder.path(), &[SMALL, "--per-stage", "--engine", "eager,libtorch,zoo"]).code(0).text();
    assert!(text.contains("stages.0"), "{text}");
    let whole = csv(&folder.path().join("results/latency.csv")).rows;
    let stages = csv(&folder.path().join("results/latency-stages.csv"));
    let timed = "model,width,depth,input_size,batch,threads,dtype,engine";
    let found = "stage,macs,ms,share,profile,device,cpu,revision,engine_version,simd,peak_gflops";
    assert_eq!(stages.header.join(","), format!("{timed},{found}"));
    for mode in ["eager", "libtorch", "zoo"] {
        let parts: Vec<_> = stages.rows.iter().filter(|row| row["engine"] == mode).collect();
        let names: Vec<&str> = parts.iter().map(|row| row["stage"].as_str()).collect();
        // Our kernels run the stem with the first block: its time is that of both, and so are its MACs.
        let first = if mode == "zoo" { vec!["stem+stages.0", "stages.1"] } else { vec!["stem", "stages.0"] };
        assert_eq!((&names[..2], names[names.len() - 1]), (&first[..], "top"));
        assert!(parts.iter().all(|row| number(row, "macs") > 0.0 && number(row, "ms") > 0.0), "{parts:?}");
        let sum = |column: &str| parts.iter().map(|row| number(row, column)).sum::<f64>();
        let network = whole.iter().find(|row| row["engine"] == mode).unwrap();
        assert_eq!(sum("macs"), number(network, "macs"), "{mode}");
        assert!((sum("share") - 100.0).abs() < 0.2, "{mode}: {}", sum("share"));
        // Medians of parts, timed apart from the whole on a machine that may be busy.
        let ratio = sum("ms") / number(network, "p50_ms");
        assert!((0.2..5.0).contains(&ratio), "{mode}: {ratio}");
    }
}

#[test]
fn fewer_vector_instructions_can_be_asked_for_and_rows_say_so() {
    let folder = tempdir().unwrap();
    let arguments = ["latency", SMALL, "--engine", "zoo", "--input-size", "32", "--runs", "5", "--seconds", "0"];
    let under = |simd: &str| {
        let output = command::zoo(folder.path(), &arguments).env("ZOO_SIMD", simd).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(under("baseline").0, Some(0));
    let row = &csv(&folder.path().join("results/latency.csv")).rows[0];
    assert_eq!(row["simd"], "baseline");
    assert!(row["cpu"].ends_with(" by baseline") || Simd::best() == Simd::Baseline, "{}", row["cpu"]);
    assert!((1.0..1000.0).contains(&number(row, "peak_gflops")), "{}", row["peak_gflops"]);
    let (code, said) = under("avx9");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("ZOO_SIMD=avx9: unknown instructions; expected one of baseline, avx2, avx512"), "{said}");
}

#[test]
fn a_model_that_cannot_be_planned_is_a_row_that_says_why() {
    let folder = tempdir().unwrap();
    let arguments = [SMALL, "mobilenet-v2", "--engine", "zoo", "--profile", "large", "--format", "csv"];
    let output = latency(folder.path(), &arguments).refused(&["2 of 2"]);
    let rows = csv(&folder.path().join("results/latency.csv")).rows;
    assert_eq!(csv_of(&output.stdout).rows, rows);
    for (row, model) in rows.iter().zip([SMALL, "mobilenet-v2"]) {
        assert_eq!((row["model"].as_str(), row["p50_ms"].as_str(), row["macs"].as_str()), (model, "", ""));
        assert!(row["status"].contains("no profile `large`"), "{row:?}");
    }
}

#[test]
fn a_batch_beyond_memory_is_a_row_and_the_other_batch_goes_on() {
    let folder = tempdir().unwrap();
    latency(folder.path(), &[SMALL, "--engine", "zoo", "--batch", "4000000000,1"]).refused(&["1 of 2"]);
    let rows = csv(&folder.path().join("results/latency.csv")).rows;
    assert!(rows[0]["status"].starts_with("out-of-memory: libtorch: "), "{:?}", rows[0]);
    assert_eq!(rows[1]["status"], "done");
}

#[test]
fn ratios_are_printed_with_their_interval() {
    let folder = tempdir().unwrap();
    for (other, rows) in [("mobilenet-v1-0.25", 2), ("eager", 2)] {
        let arguments = [SMALL, "--engine", "zoo", "--against", other];
        let text = latency(folder.path(), &arguments).code(0).text();
        assert!(text.contains("ratio (95 % interval)") && text.contains(" to "), "{text}");
        assert_eq!(text.lines().count(), 2 + rows, "{text}");
    }
    let arguments = [SMALL, "--engine", "zoo", "--against", "eager", "--format", "csv"];
    let printed = csv_of(&latency(folder.path(), &arguments).code(0).stdout);
    assert!(
        printed.header.join(",").ends_with(",engine_version,simd,peak_gflops,ratio,ratio_low,ratio_high"),
        "{:?}",
        printed.header
    );
    let [ours, theirs] = ["zoo", "eager"].map(|mode| printed.rows.iter().find(|row| row["engine"] == mode).unwrap());
    assert!(number(ours, "ratio_low") <= number(ours, "ratio") && number(ours, "ratio") <= number(ours, "ratio_high"));
    assert_eq!(theirs["ratio"], "");
    assert!(!csv(&folder.path().join("results/latency.csv")).header.contains(&"ratio".to_string()));
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_measured() {
    let folder = tempdir().unwrap();
    latency(folder.path(), &["mobilenet-v9"]).refused(&["unknown model `mobilenet-v9`", "did you mean"]);
    latency(folder.path(), &[SMALL, "--against", "nothing"]).refused(&["unknown model `nothing`"]);
    latency(folder.path(), &[SMALL, "--device", "tpu"]).refused(&["tpu"]);
    let weights = [SMALL, "mobilenet-v2", "--weights", "w.safetensors"];
    run(folder.path(), &[&["latency"], &weights[..]].concat()).refused(&["--weights"]);
    for wrong in [
        ["--engine", "fast"],
        ["--batch", "0"],
        ["--batch", "1,x"],
        ["--threads", "0"],
        ["--seconds", "-1"],
        ["--seconds", "nan"],
    ] {
        let output = run(folder.path(), &["latency", SMALL, &wrong.join("=")]).code(2);
        assert!(output.stderr.contains(wrong[0]), "{}", output.stderr);
    }
    run(folder.path(), &["latency"]).code(2);
    assert!(!folder.path().join("results").exists());
}

#[test]
fn a_table_that_takes_no_row_is_refused_before_anything_is_measured() {
    for (command, table) in
        [("latency", "latency.csv"), ("latency", "latency-stages.csv"), ("throughput", "throughput.csv")]
    {
        let folder = tempdir().unwrap();
        std::fs::create_dir(folder.path().join("results")).unwrap();
        std::fs::write(folder.path().join("results").join(table), "mine,yours\n1,2\n").unwrap();
        let flags = [command, SMALL, "--engine", "zoo", "--runs", "1000000"];
        let more = if table == "latency-stages.csv" { &["--per-stage"][..] } else { &[] };
        let output = run(folder.path(), &[&flags, more].concat()).refused(&[table, "another header (`mine,yours`)"]);
        assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    }
}

/// Starts a measurement, stops it by `signal` once a line on standard error holds `words`, and returns what it printed.
#[track_caller]
fn stopped(folder: &Path, arguments: &[&str], words: &str, signal: &str) -> String {
    let mut child = command::zoo(folder, arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let first = said.next().unwrap();
    assert!(first.starts_with("step 0/") && first.contains("building"), "{first}");
    assert!(first.contains(words) || said.any(|line| line.contains(words)), "it ended before `{words}`");
    let asked = Instant::now();
    command::signal(&child, signal);
    let last: Vec<String> = said.collect();
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(command::code_after(signal)), "{last:?}");
    // A tenth of a second; other tests may have the machine.
    assert!(asked.elapsed().as_secs() < 10, "{:?}", asked.elapsed());
    assert!(last.iter().any(|line| line.starts_with("stopped: ")), "{last:?}");
    printed
}

#[test]
fn a_measurement_that_is_stopped_keeps_what_it_has_until_it_is_whole() {
    let folder = tempdir().unwrap();
    let network = [SMALL, "--input-size", "32", "--batch", "1"];
    let long = |command: &'static str| [&[command][..], &network, &["--seconds", "15"]].concat();
    let short = |command: &'static str| [&[command][..], &network, &["--seconds", "0", "--runs", "3"]].concat();
    let statuses = |table: &str| -> Vec<String> {
        let rows = csv(&folder.path().join("results").join(table)).rows;
        assert!(rows.iter().all(|row| number(row, "p50_ms") > 0.0 && number(row, "runs") > 0.0), "{rows:?}");
        rows.into_iter().map(|row| row["status"].clone()).collect()
    };
    let modes = ["--engine", "eager,zoo"];
    let printed = stopped(folder.path(), &[&long("latency")[..], &modes].concat(), "round ", "INT");
    assert!(printed.contains("zoo") && printed.contains("interrupted"), "{printed}");
    assert_eq!(statuses("latency.csv").last().unwrap(), "interrupted");
    run(folder.path(), &[&short("latency")[..], &modes].concat()).code(0);
    assert_eq!(statuses("latency.csv"), ["done", "done"]);

    let modes = ["--engine", "zoo,eager"];
    let printed = stopped(folder.path(), &[&long("throughput")[..], &modes].concat(), "round ", "TERM");
    assert!(printed.contains("zoo") && printed.contains("interrupted"), "{printed}");
    assert_eq!(statuses("throughput.csv"), ["interrupted"]);
    run(folder.path(), &[&short("throughput")[..], &modes].concat()).code(0);
    assert_eq!(statuses("throughput.csv"), ["done", "done"]);
}

#[test]
fn a_measurement_that_is_stopped_while_a_network_is_built_or_run_ends_at_once() {
    let folder = tempdir().unwrap();
    // A single run of this takes longer than anybody waits.
    let arguments = ["latency", "efficientnet-b7", "--engine", "eager", "--batch", "64"];
    let printed = stopped(folder.path(), &arguments, "building", "INT");
    assert!(printed.contains("interrupted"), "{printed}");
    assert!(!folder.path().join("results/latency.csv").exists());
}

#[test]
fn weights_of_a_file_are_measured_with_their_own_classes_and_strides() {
    let folder = tempdir().unwrap();
    command::train(folder.path(), &["--steps", "2"]).code(0);
    let file = command::run_folder(folder.path()).join("last.safetensors");
    let arguments = ["latency", SMALL, "--weights", file.to_str().unwrap(), "--engine", "zoo", "--runs", "5"];
    run(folder.path(), &[&arguments[..], &["--seconds", "0", "--per-stage"]].concat()).code(0);
    let row = &csv(&folder.path().join("results/latency.csv")).rows[0];
    assert_eq!((row["status"].as_str(), row["profile"].as_str(), row["input_size"].as_str()), ("done", "stem1", "32"));
    let stages = csv(&folder.path().join("results/latency-stages.csv")).rows;
    assert!(!stages.is_empty() && stages.iter().all(|stage| stage["profile"] == "stem1"), "{stages:?}");
    latency(folder.path(), &[SMALL, "--engine", "zoo", "--weights", "nowhere.pth"]).code(2);
    run(folder.path(), &["latency", SMALL, "--engine", "zoo", "--weights", "nowhere.pth"]).refused(&["1 of 1"]);
    let rows = csv(&folder.path().join("results/latency.csv")).rows;
    assert!(rows[1]["status"].contains("nowhere.pth"), "{:?}", rows[1]);
}
