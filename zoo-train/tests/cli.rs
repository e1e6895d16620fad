//! The command line as a user meets it: what is refused, how, and with which exit code.

#[path = "common/command.rs"]
mod command;

use std::path::Path;
use std::process::Stdio;

use command::{Output, csv, run, train};
use tempfile::tempdir;

/// Runs the command in an empty folder.
#[track_caller]
fn zoo(arguments: &[&str]) -> Output {
    run(tempdir().unwrap().path(), arguments)
}

/// Trains a step in an empty folder, where nothing may be left behind.
#[track_caller]
fn refused_at_once(flags: &[&str], words: &[&str]) {
    let folder = tempdir().unwrap();
    train(folder.path(), &[flags, &["--steps", "1"]].concat()).refused(words);
    assert!(!folder.path().join("results").exists(), "{flags:?} left something behind");
}

#[test]
fn no_arguments_print_the_help() {
    let output = zoo(&[]).code(2);
    let help = output.text() + &output.stderr;
    for word in ["Usage:", "list", "show", "train", "eval", "--model"] {
        assert!(help.contains(word), "no {word} in\n{help}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"][..], &["--version"], &["train", "--help"], &["list", "--help"], &["show", "--help"]] {
        let output = zoo(arguments).code(0);
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_unknown_model_is_refused_with_the_nearest_name() {
    for arguments in [&["--model", "efficientnet-b22"][..], &["train", "--model", "efficientnet-b22"]] {
        zoo(arguments).refused(&["efficientnet-b22", "did you mean `efficientnet-b2`?"]);
    }
    zoo(&["show", "mobilnet-v2"]).refused(&["mobilnet-v2", "did you mean `mobilenet-v2`?"]);
    zoo(&["show", "mobilenet-v2", "--against", "mobilenet-v9"]).refused(&["mobilenet-v9", "did you mean"]);
    let output = zoo(&["--model", "zzzzzzzz"]).refused(&["zzzzzzzz", "list"]);
    assert!(!output.stderr.contains("did you mean"), "{}", output.stderr);
}

#[test]
fn a_flag_that_is_not_there_is_wrong_usage() {
    for arguments in [
        &["--modle", "mobilenet-v2"][..],
        &["list", "--fromat", "csv"],
        &["show", "mobilenet-v2", "--format", "gif"],
        &["show"],
        &["trian"],
        &["--model", "mobilenet-v2", "--steps", "many"],
        &["--model", "mobilenet-v2", "--steps", "3", "--epochs", "1"],
        &["--model", "mobilenet-v2", "--budget", "5d"],
        &["--model", "mobilenet-v2", "--batch-size", "-3"],
        &["--model", "mobilenet-v2", "--input-size", "5000000000"],
    ] {
        let output = zoo(arguments).code(2);
        assert!(output.stderr.starts_with("error: "), "{arguments:?}:\n{}", output.stderr);
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn no_model_is_refused_with_an_example() {
    zoo(&["train"]).refused(&["--model", "efficientnet-b2"]);
    zoo(&["--dataset", "synthetic"]).refused(&["--model", "efficientnet-b2"]);
}

#[test]
fn sizes_out_of_range_name_their_flag() {
    refused_at_once(&["--batch-size", "0"], &["--batch-size"]);
    refused_at_once(&["--batch-size", "161"], &["--batch-size 161", "160 images", "--limit-train"]);
    refused_at_once(&["--limit-train", "0"], &["--limit-train"]);
    refused_at_once(&["--input-size", "0"], &["--input-size", "`0`", "160x320"]);
    refused_at_once(&["--workers", "0"], &["--workers"]);
    refused_at_once(&["--threads", "0"], &["--threads"]);
    refused_at_once(&["--threads=-1"], &["--threads"]);
    refused_at_once(&["--checkpoint-every", "0"], &["--checkpoint-every"]);
}

#[test]
fn numbers_out_of_range_name_their_flag() {
    for rate in ["0", "nan", "inf"] {
        refused_at_once(&["--learning-rate", rate], &["--learning-rate"]);
    }
    refused_at_once(&["--learning-rate=-0.1"], &["--learning-rate"]);
    refused_at_once(&["--weight-decay", "nan"], &["--weight-decay"]);
    refused_at_once(&["--label-smoothing", "1"], &["--label-smoothing"]);
    refused_at_once(&["--width", "0"], &["width"]);
    refused_at_once(&["--width", "nan"], &["width"]);
    refused_at_once(&["--depth", "1e9"], &["depth"]);
    refused_at_once(&["--dropout", "1"], &["dropout"]);
    refused_at_once(&["--drop-path=-1"], &["drop-path"]);
}

#[test]
fn sizes_beyond_all_memory_are_refused() {
    refused_at_once(&["--limit-train", "999999999999999"], &["--limit-train"]);
}

#[test]
fn lengths_of_nothing_are_refused() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "0"]).refused(&["--steps"]);
    train(folder.path(), &["--epochs", "0"]).refused(&["--epochs"]);
    train(folder.path(), &["--epochs=-1"]).refused(&["--epochs"]);
    assert!(!folder.path().join("results").exists());
}

#[test]
fn names_that_nothing_has_are_refused_with_those_there_are() {
    refused_at_once(&["--profile", "imagenet"], &["imagenet", "native", "stem1", "cifar", "--profile"]);
    refused_at_once(&["--device", "gpu"], &["gpu", "cpu", "cuda"]);
    refused_at_once(&["--device", "cuda:x"], &["cuda:x"]);
    let dataset = ["--model", "mobilenet-v2", "--dataset", "mnist"];
    zoo(&dataset).misused(&["unknown data set `mnist`", "expected one of cifar10, ", ", synthetic"]);
}

#[test]
fn a_data_set_that_is_not_there_says_how_to_get_it() {
    let folder = tempdir().unwrap();
    let data = ["--model", "mobilenet-v2", "--data-dir", "nowhere", "--steps", "1", "--results", "results"];
    run(folder.path(), &data).refused(&["nowhere", "data get cifar10"]);
}

fn with_config(text: &str, more: &[&str]) -> Output {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("my.toml"), text).unwrap();
    train(folder.path(), &[&["--config", "my.toml"], more].concat())
}

#[test]
fn a_configuration_that_is_wrong_is_named_with_file_line_and_key() {
    let steps = ["--steps", "1"];
    with_config("# my own\n[schedule]\nlerning_rate = 0.1\n", &steps).refused(&[
        "my.toml:3",
        "`lerning_rate`",
        "`learning_rate`",
    ]);
    with_config("[schedule]\nepochs = 3\nbatch_size = \"many\"\n", &steps).refused(&["my.toml:3", "`batch_size`"]);
    with_config("[run]\nseed = -1\n", &steps).refused(&["my.toml:2", "`seed`"]);
    with_config("[train]\nepochs = 3\n", &steps).refused(&["my.toml:1", "[train]"]);
    with_config("# old\nepochs = 3\n", &steps).misused(&["my.toml:2", "`epochs`", "[schedule]"]);
    with_config("run.seed = 1\nschedule.epochs = \n", &steps).refused(&["my.toml:2"]);
    with_config("run.seed = 1\nrun.seed = 2\n", &steps).refused(&["my.toml:2"]);
    with_config("\u{feff}run.seed = 1\n", &steps).code(0);
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--config", "nowhere.toml"]).refused(&["nowhere.toml"]);
    train(folder.path(), &["--config", "."]).refused(&["cannot read ."]);
    std::fs::write(folder.path().join("bytes.toml"), b"model = \"\xff\"\n").unwrap();
    train(folder.path(), &["--config", "bytes.toml"]).refused(&["bytes.toml"]);
}

#[test]
fn results_that_cannot_be_written_are_named() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for place in ["file", "file/below"] {
        train(folder.path(), &["--steps", "1", "--results", place]).refused(&[place, "--results"]);
    }
    assert_eq!(std::fs::read(folder.path().join("file")).unwrap(), b"");
}

#[test]
fn an_error_says_its_cause_once() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let outputs = [
        train(folder.path(), &["--steps", "1", "--results", "file/below"]),
        train(folder.path(), &["--steps", "1", "--weights", "nowhere"]),
        train(folder.path(), &["--config", "nowhere.toml"]),
        run(folder.path(), &["eval", "--weights", "nowhere.safetensors"]),
        run(folder.path(), &["show", "mobilenet-v2", "--output", "file/below"]),
    ];
    for output in outputs {
        let output = output.refused(&["os error"]);
        assert_eq!(output.stderr.matches("os error").count(), 1, "{}", output.stderr);
    }
}

#[test]
fn an_accuracy_table_of_other_columns_is_kept_and_named() {
    let folder = tempdir().unwrap();
    let table = folder.path().join("results/accuracy.csv");
    std::fs::create_dir(folder.path().join("results")).unwrap();
    std::fs::write(&table, "model,accuracy\nmine,99\n").unwrap();
    train(folder.path(), &["--steps", "1"]).refused(&["accuracy.csv", "another header", "--results"]);
    assert_eq!(std::fs::read_to_string(&table).unwrap(), "model,accuracy\nmine,99\n");
}

#[test]
fn quiet_prints_errors_only() {
    let folder = tempdir().unwrap();
    let output = train(folder.path(), &["--steps", "1", "--quiet"]).code(0);
    assert_eq!((output.text().as_str(), output.stderr.as_str()), ("", ""));
    let output =
        train(folder.path(), &["--steps", "1", "--quiet", "--learning-rate", "0"]).refused(&["--learning-rate"]);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
}

#[test]
fn without_a_terminal_there_are_plain_lines() {
    let folder = tempdir().unwrap();
    let output = train(folder.path(), &["--steps", "1"]).code(0);
    assert!(output.stderr.lines().count() > 3, "{}", output.stderr);
    assert!(!output.stderr.contains(['\r', '\u{1b}']), "{:?}", output.stderr);
}

#[test]
fn evaluation_of_what_is_no_checkpoint_is_refused() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("text.safetensors"), "no tensors").unwrap();
    for file in ["nowhere.safetensors", "text.safetensors"] {
        run(folder.path(), &["eval", "--weights", file]).refused(&[file]);
    }
}

#[test]
fn a_checkpoint_is_evaluated_as_it_was_in_training() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "2"]).code(0);
    let run_folder = command::run_folder(folder.path());
    let weights = run_folder.join("last.safetensors");
    let weights = weights.to_str().unwrap();
    let flags = ["eval", "--weights", weights, "--threads", "1", "--format", "json"];
    let json: serde_json::Value = serde_json::from_slice(&run(folder.path(), &flags).code(0).stdout).unwrap();
    let trained = &command::metrics(&run_folder)[0];
    assert_eq!(format!("{:.2}", json["top1"].as_f64().unwrap()), trained["test_top1"]);
    assert_eq!(format!("{:.2}", json["top5"].as_f64().unwrap()), trained["test_top5"]);
    assert_eq!(json["images"], 50);
    let other = ["eval", "--weights", weights, "--model", "mobilenet-v2"];
    run(folder.path(), &other).refused(&["mobilenet-v3-small-0.35", "mobilenet-v2", "--model"]);
}

#[test]
fn nothing_is_written_beside_the_results() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "1"]).code(0);
    let names = |path: &Path| {
        let mut names: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(folder.path()), ["results"]);
    let files = names(&command::run_folder(folder.path()));
    assert_eq!(files, ["best.safetensors", "config.toml", "last.safetensors", "metrics.csv"]);
}

/// Runs the command with standard output and standard error going to `to`; its exit code.
fn said_to(folder: &Path, arguments: &[&str], to: &dyn Fn() -> Stdio) -> Option<i32> {
    let mut command = command::zoo(folder, arguments);
    command.stdin(Stdio::null()).stdout(to()).stderr(to()).status().unwrap().code()
}

/// A pipe that nobody reads, as behind `| true`.
fn unread() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

/// A disk without room.
fn full() -> Stdio {
    std::fs::File::options().write(true).open("/dev/full").unwrap().into()
}

const GRID: &str = "[[grid]]
kind = 'count'
model = 'mobilenet-v1'
[[grid]]
kind = ['latency', 'throughput']
model = 'mobilenet-v3-small-0.35'
input_size = 32
runs = 3
seconds = 0
batch = 1
engine = 'zoo'
[[grid]]
kind = 'accuracy'
model = 'mobilenet-v3-small-0.35'
threads = 1
[grid.settings]
data = { dataset = 'synthetic', limit_train = 32, limit_test = 10 }
schedule = { batch_size = 16, steps = 1 }
";

#[test]
fn work_goes_on_where_nobody_listens_and_its_rows_are_written() {
    let small = ["mobilenet-v3-small-0.35", "--input-size", "32", "--runs", "3", "--seconds", "0", "--engine", "zoo"];
    let listeners: [(&dyn Fn() -> Stdio, i32); 2] = [(&unread, 0), (&full, 1)];
    for (to, lost) in listeners {
        let folder = tempdir().unwrap();
        std::fs::write(folder.path().join("my.toml"), GRID).unwrap();
        let ends = |arguments: &[&str], code: i32| {
            assert_eq!(said_to(folder.path(), arguments, to), Some(code), "{arguments:?}");
        };
        ends(&["sweep", "my.toml", "--dry-run"], lost);
        // A sweep has nothing for standard output.
        ends(&["sweep", "my.toml"], 0);
        ends(&[&["latency"], &small[..]].concat(), lost);
        ends(&[&["throughput", "--batch", "1"], &small[..]].concat(), lost);
        for arguments in [&["list"][..], &["show", "mobilenet-v1"], &["doctor", "--data-dir", "nowhere"]] {
            ends(arguments, lost);
        }
        let rows = |table: &str| csv(&folder.path().join("results").join(table)).rows;
        for (table, count) in [("count.csv", 1), ("latency.csv", 2), ("throughput.csv", 2), ("accuracy.csv", 1)] {
            let rows = rows(table);
            assert_eq!(rows.len(), count, "{table}");
            assert!(rows.iter().all(|row| row["status"] == "done"), "{table}: {rows:?}");
        }
        let run = format!("results/{}/best.safetensors", rows("accuracy.csv")[0]["run"]);
        ends(&["eval", "--weights", &run, "--dataset", "synthetic", "--limit-test", "10"], lost);
    }
}

#[test]
fn what_somebody_else_put_into_the_environment_is_said_and_ignored() {
    let folder = tempdir().unwrap();
    let list = |value: &str| {
        let mut command = command::zoo(folder.path(), &["list", "mobilenet-v1"]);
        let output = command.env("ZOO_SWEEP", value).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap(), output.stdout.len())
    };
    let this = format!("sweep-{}", std::process::id());
    assert_eq!(list(&this).1, "", "a process of this sweep");
    for value in ["1", "", "sweep-", "sweep-0", "sweep-1"] {
        let (code, said, printed) = list(value);
        assert!(said.starts_with("note: ZOO_SWEEP") && said.contains("ignored"), "{value}: {said}");
        assert!(code == Some(0) && printed > 0, "{value}");
    }
    let gone = {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        format!("sweep-{}", child.id())
    };
    let (code, said, printed) = list(&gone);
    assert!(said.contains("has ended") && said.contains("unset ZOO_SWEEP"), "{said}");
    assert_eq!((code, printed), (Some(1), 0));
}

#[test]
fn what_is_asked_for_and_cannot_be_is_wrong_usage_everywhere() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("my.toml"), "[[grid]]\nkind = 'count'\nmodel = 'mobilenet-v1'\nwidht = 1\n")
        .unwrap();
    for arguments in [
        &["list", "vgg*"][..],
        &["list", "mobilenet-v1", "--profile", "large"],
        &["show", "mobilenet-v1", "--width", "0"],
        &["show", "mobilenet-v1", "--against", "mobilenet-v2", "--format", "png"],
        &["latency", "mobilenet-v9"],
        &["latency", "mobilenet-v1", "--device", "tpu"],
        &["throughput", "mobilenet-v1", "--dtype", "f16"],
        &["throughput", "mobilenet-v1", "--engine", "fast"],
        &["sweep", "my.toml"],
        &["sweep", "my.toml", "--shard", "3/2"],
    ] {
        let output = run(folder.path(), arguments).code(2);
        assert!(output.stderr.contains("error: "), "{arguments:?}:\n{}", output.stderr);
    }
    // A file that is not there is none.
    run(folder.path(), &["sweep", "none.toml"]).code(1);
}

#[test]
fn a_tilde_in_paths_is_the_home() {
    let home = tempdir().unwrap();
    let work = tempdir().unwrap();
    std::fs::write(home.path().join("my.toml"), "[[grid]]\nkind = 'count'\nmodel = 'mobilenet-v1'\n").unwrap();
    let output = command::zoo(work.path(), &["sweep", "~/my.toml", "--results=~/x"]).env("HOME", home.path()).output();
    assert_eq!(output.unwrap().status.code(), Some(0));
    assert!(home.path().join("x/count.csv").is_file());
    assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 0);
}

#[test]
fn the_name_of_a_file_tells_its_format_and_never_another() {
    let folder = tempdir().unwrap();
    for (name, begins) in [("b.png", &b"\x89PNG"[..]), ("b.svg", b"<svg"), ("b.pdf", b"%PDF"), ("b.json", b"{")] {
        run(folder.path(), &["show", "mobilenet-v1", "-o", name]).code(0);
        let written = std::fs::read(folder.path().join(name)).unwrap();
        assert!(written.starts_with(begins), "{name}: {:?}", &written[..8]);
    }
    run(folder.path(), &["show", "mobilenet-v1", "--format", "svg", "-o", "a.png"]).misused(&["--format svg", "a.png"]);
    let predict = ["predict", "mobilenet-v1", "--weights", "none.safetensors"];
    run(folder.path(), &[&predict[..], &["--tensor", "in.safetensors", "-o", "out.npy"]].concat()).misused(&[
        "the output is safetensors",
        "out.npy",
        "out.safetensors",
    ]);
    run(folder.path(), &[&predict[..], &["--images", "a.jpg", "-o", "out.png"]].concat()).misused(&[
        "the output is CSV",
        "out.png",
        "out.csv",
    ]);
    run(folder.path(), &["data", "check", "foo"]).misused(&["unknown data set `foo`", "folder:PATH"]);
}
