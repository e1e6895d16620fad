//! What words on the command line stand for: models, numbers under zero, and help.

#[path = "common/command.rs"]
mod command;

use command::{Output, csv, run, train};
use tempfile::tempdir;

/// Runs the command in an empty folder.
#[track_caller]
fn zoo(arguments: &[&str]) -> Output {
    run(tempdir().unwrap().path(), arguments)
}

#[test]
fn a_number_under_zero_is_one_of_the_flag_before_it() {
    let refused = |flags: &[&str], words: &[&str]| {
        train(tempdir().unwrap().path(), &[flags, &["--steps", "1"]].concat()).refused(words);
    };
    refused(&["--lr", "-1"], &["--learning-rate must be"]);
    refused(&["--drop-path", "-1e-3"], &["drop-path"]);
    refused(&["--clip-norm", "-.5"], &["--clip-norm"]);
    for (flag, value) in [("--batch-size", "-3"), ("--steps", "-1"), ("--seed", "many"), ("--limit-test", "1e3")] {
        let words = [&format!("{flag} <N>: `{value}` is not a whole number")];
        run(tempdir().unwrap().path(), &[flag, value]).misused(&words.map(String::as_str));
    }
    zoo(&["list", "--widths", "-1"]).refused(&["-1"]);
    zoo(&["latency", "mobilenet-v2", "--seconds", "-1"]).refused(&["--seconds"]);
    zoo(&["train", "--epochs", "two"]).misused(&["--epochs <N>: `two` is not a number"]);
}

#[test]
fn a_model_that_comes_first_is_trained() {
    let folder = tempdir().unwrap();
    let flags = ["--dataset", "synthetic", "--limit-train", "32", "--limit-test", "10", "--batch-size", "16"];
    let words = [&["mobilenet-v3-small-0.35"], &flags[..], &["--steps", "1", "--results", "results"]].concat();
    run(folder.path(), &words).code(0);
    let row = csv(&folder.path().join("results/accuracy.csv")).rows.remove(0);
    assert_eq!(row["model"], "mobilenet-v3-small-0.35");
    assert!(row["command"].starts_with("zoo-train mobilenet-v3-small-0.35 --dataset"), "{}", row["command"]);
    zoo(&["mobilenet-v2", "--model", "mobilenet-v1"]).code(2);
    // Flags may stand before it, too.
    let words = [&flags[..], &["--steps", "1", "--results", "results", "mobilenet-v3-small-0.35"]].concat();
    run(folder.path(), &words).code(0);
    assert!(zoo(&["--steps", "1", "mobilnet-v2"]).code(2).stderr.contains("cannot be used with"));
    assert!(zoo(&["--model", "mobilenet-v2", "list"]).code(2).stderr.contains("cannot be used with"));
    // What is no model is a subcommand that is not there, or a model that is not.
    assert!(zoo(&["trian"]).code(2).stderr.contains("'train'"));
    assert!(zoo(&["zzzzzz"]).code(2).stderr.contains("unrecognized subcommand"));
    zoo(&["mobilnet-v2", "--steps", "1"]).misused(&["mobilnet-v2", "did you mean `mobilenet-v2`?"]);
}

#[test]
fn help_that_cannot_be_written_is_an_error() {
    for arguments in [&["--help"][..], &["list", "--help"], &["--version"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let folder = tempdir().unwrap();
        let mut command = command::zoo(folder.path(), arguments);
        let output = command.stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("error: ") && said.contains("No space left on device"), "{said}");
    }
}

#[test]
fn a_limit_of_the_shell_on_files_is_a_sentence() {
    let folder = tempdir().unwrap();
    let flags = command::small(&["--steps", "1"]).join(" ");
    // Blocks of 512 bytes: the settings fit, and no checkpoint does.
    let line = format!("ulimit -f 100; exec {} {flags}", env!("CARGO_BIN_EXE_zoo-train"));
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &line]).env("GOMP_SPINCOUNT", "1000").current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("File too large"), "{said}");
}
