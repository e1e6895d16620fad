//! Runs that have ended are made longer.

#[path = "common/command.rs"]
mod command;
#[path = "common/runs.rs"]
mod runs;

use std::fs;
use std::path::Path;

use command::{assert_same_tensors, csv, metrics, run, run_folder, train};
use runs::{FLAGS, start, statuses, wait_for_checkpoints};
use tempfile::tempdir;

/// Goes on with the run in `folder`, and says nothing else of it.
fn resume(folder: &Path, more: &[&str]) -> command::Output {
    let path = run_folder(folder);
    run(folder, &[&["--resume", path.to_str().unwrap(), "--results", "results"], more].concat())
}

#[test]
fn a_run_that_has_ended_goes_on_to_a_later_end_and_its_row_says_so() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--epochs", "2"]).code(0);
    let said = resume(folder.path(), &["--epochs", "4"]).code(0).stderr;
    assert!(said.contains("extended from 20 steps to 40 steps: the learning rate goes from "), "{said}");
    assert!(said.contains("continuing from step 20 in"), "{said}");
    let rows = csv(&folder.path().join("results/accuracy.csv")).rows;
    let column = |name: &str| rows.iter().map(|row| row[name].as_str()).collect::<Vec<_>>();
    assert_eq!(column("status"), ["done", "done"]);
    assert_eq!((column("steps"), column("extended_from")), (vec!["20", "40"], vec!["", "20"]));
    // Nothing takes it for a run of four epochs.
    train(folder.path(), &["--epochs", "4", "--results", "plain"]).code(0);
    let plain = csv(&folder.path().join("plain/accuracy.csv")).rows.remove(0);
    for hash in ["config_hash", "recipe_hash"] {
        assert_ne!(rows[1][hash], plain[hash]);
    }
    // The schedule of the new length, at its place.
    let plain = folder.path().join("plain").read_dir().unwrap().flatten().find(|entry| entry.path().is_dir()).unwrap();
    let rates = |run: &Path| metrics(run).into_iter().map(|mut row| row.remove("learning_rate").unwrap());
    let (extended, plain): (Vec<_>, Vec<_>) =
        (rates(&run_folder(folder.path())).collect(), rates(&plain.path()).collect());
    assert_eq!(extended.len(), 4);
    assert_eq!(extended[2..], plain[2..]);
    assert_ne!(extended[1], plain[1]);

    let again = resume(folder.path(), &["--steps", "45"]).code(0);
    assert!(again.stderr.contains("extended from 40 steps to 45 steps"), "{}", again.stderr);
    let rows = csv(&folder.path().join("results/accuracy.csv")).rows;
    assert_eq!(rows[2]["extended_from"], "20 40");
}

#[test]
fn a_run_that_is_made_longer_may_be_killed_and_goes_on_to_the_same_bits() {
    let straight = tempdir().unwrap();
    train(straight.path(), &FLAGS).code(0);
    let folder = tempdir().unwrap();
    let copy = |from: &Path, to: &Path| {
        assert!(std::process::Command::new("cp").arg("-r").args([from, to]).status().unwrap().success())
    };
    copy(&straight.path().join("results"), &folder.path().join("results"));
    resume(straight.path(), &["--steps", "90"]).code(0);
    let path = run_folder(folder.path());
    let longer = ["--steps", "90", "--resume", path.to_str().unwrap()];
    let flags = [&FLAGS[2..], &longer].concat();
    let mut child = start(folder.path(), &flags);
    assert!(wait_for_checkpoints(&mut child, folder.path(), 4), "it ended before it could be killed");
    child.kill().unwrap();
    child.wait().unwrap();
    // Settings do not tell a run that was extended from one that was not: it is only meant by its name.
    let mut child = start(folder.path(), &flags);
    assert!(wait_for_checkpoints(&mut child, folder.path(), 3), "it ended before it could be stopped");
    command::signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let resumed = resume(folder.path(), &[]).code(0);
    assert!(resumed.stderr.contains(&format!("--resume {} continues", path.display())), "{}", resumed.stderr);
    assert_same_tensors(&run_folder(straight.path()).join("last.safetensors"), &path.join("last.safetensors"));
    assert_eq!(metrics(&run_folder(straight.path())), metrics(&path));
    assert_eq!(statuses(folder.path()).last().unwrap(), "done");
}

#[test]
fn a_run_is_made_longer_by_a_later_end_alone() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--epochs", "2"]).code(0);
    let path = run_folder(folder.path());
    let weights = format!("--weights {}/", path.display());
    for same in [&[][..], &["--epochs", "2"], &["--steps", "20"]] {
        let said =
            resume(folder.path(), same).refused(&["has ended, after 20 steps", "more --epochs or --steps", &weights]);
        assert_eq!(said.code, 1);
    }
    resume(folder.path(), &["--epochs", "1"]).misused(&["--epochs 1 does not extend the run", &weights]);
    resume(folder.path(), &["--epochs", "4", "--learning-rate", "1"]).misused(&["leave --learning-rate out"]);
    resume(folder.path(), &["--epochs", "nan"]).misused(&["--epochs must be over 0", "not NaN"]);
    resume(folder.path(), &["--epochs", "1e300"]).misused(&["--epochs must be over 0", "not 1e300"]);
    run(folder.path(), &["--resume", "nowhere"]).misused(&["--resume nowhere: there is no such run"]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    run(folder.path(), &["--resume", "empty"]).misused(&["--resume empty: that folder has no checkpoint"]);
    assert_eq!(statuses(folder.path()), ["done"]);
    // What a run has resolved that was extended repeats no run.
    resume(folder.path(), &["--epochs", "3"]).code(0);
    let config = path.join("config.toml");
    run(folder.path(), &["--config", config.to_str().unwrap()]).misused(&["`extended_from` marks an extended run"]);

    let folder = runs::interrupted("INT");
    resume(folder.path(), &["--steps", "90"]).misused(&["is at step", "of 45", "leave --steps out"]);
}

#[test]
fn patience_begins_anew_where_a_run_is_made_longer() {
    let folder = tempdir().unwrap();
    // Weights that hardly change are hardly ever better.
    train(folder.path(), &["--epochs", "9", "--patience", "1", "--learning-rate", "1e-9"]).code(0);
    assert_eq!(statuses(folder.path()), ["stopped early"]);
    let first = metrics(&run_folder(folder.path())).len();
    resume(folder.path(), &["--epochs", "10"]).code(0);
    assert!(metrics(&run_folder(folder.path())).len() >= first + 2);
}

#[test]
fn a_report_says_what_a_run_was_extended_from() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--epochs", "1"]).code(0);
    resume(folder.path(), &["--epochs", "2"]).code(0);
    run(folder.path(), &["report", "--results", "results"]).code(0);
    let page = fs::read_to_string(folder.path().join("results/report/index.html")).unwrap();
    assert!(page.contains("extended from 10 steps"), "the table does not say so");
    assert!(page.contains("two commands or more: a run that ended after 10 steps was extended"));
}

#[test]
fn a_run_that_is_being_made_longer_may_get_another_end() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--epochs", "2"]).code(0);
    // A slip of the finger.
    let path = run_folder(folder.path());
    let mut child = start(folder.path(), &["--steps", "4000000", "--resume", path.to_str().unwrap()]);
    assert!(wait_for_checkpoints(&mut child, folder.path(), 3), "it ended too soon");
    command::signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let steps: u64 = csv(&folder.path().join("results/accuracy.csv")).rows[1]["steps"].parse().unwrap();
    resume(folder.path(), &["--steps", "20"]).misused(&["--steps 20 does not extend the run"]);
    resume(folder.path(), &["--steps", &(steps + 5).to_string()]).code(0);
    let rows = csv(&folder.path().join("results/accuracy.csv")).rows;
    let last = rows.last().unwrap();
    assert_eq!((last["status"].as_str(), &last["extended_from"]), ("done", &format!("20 {steps}")));
}
