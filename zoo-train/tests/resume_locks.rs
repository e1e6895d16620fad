//! Runs and tables that other processes hold.

#[path = "common/command.rs"]
mod command;
#[path = "common/locks.rs"]
mod locks;
#[path = "common/runs.rs"]
mod runs;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use command::{run_folder, small, train};
use locks::without_locks;
use runs::{FLAGS, assert_same_end, start, statuses, straight, wait_for_checkpoints};
use tempfile::tempdir;

#[test]
fn a_run_that_another_process_trains_is_left_alone() {
    let folder = tempdir().unwrap();
    let mut child = start(folder.path(), &FLAGS);
    assert!(wait_for_checkpoints(&mut child, folder.path(), 1), "it ended too soon");
    command::signal(&child, "STOP");
    let path = run_folder(folder.path());
    let by_path = train(folder.path(), &[&FLAGS[..], &["--resume", path.to_str().unwrap()]].concat());
    by_path.refused(&[path.to_str().unwrap(), "is being trained by another process"]);
    let anew = train(folder.path(), &[&FLAGS[..], &["--resume", "auto"]].concat()).code(0);
    assert!(anew.stderr.contains("is being trained by another process"), "{}", anew.stderr);
    assert!(!anew.stderr.contains("continuing from step"), "{}", anew.stderr);
    // Whoever is killed has it no longer.
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = train(folder.path(), &[&FLAGS[..], &["--resume", "auto"]].concat()).code(0);
    assert!(resumed.stderr.contains("continuing from step"), "{}", resumed.stderr);
}

#[test]
fn without_locks_of_the_file_system_a_file_keeps_other_processes_away() {
    let folder = tempdir().unwrap();
    let library = without_locks(folder.path());
    let command = |flags: &[&str]| {
        let mut command = command::zoo(folder.path(), &small(flags));
        command.env("LD_PRELOAD", &library).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let mut child = command(&FLAGS).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let before: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with("results in ")).collect();
    assert!(before.iter().any(|line| line.contains("no locks") && line.contains("run.lock")), "{before:?}");
    assert!(wait_for_checkpoints(&mut child, folder.path(), 1), "it ended too soon");
    command::signal(&child, "STOP");
    let path = run_folder(folder.path());
    let resume = [&FLAGS[..], &["--resume", path.to_str().unwrap()]].concat();
    let output = command(&resume).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let holder = format!("is being trained by another process (process {} on ", child.id());
    assert!(output.status.code() == Some(1) && said.contains(&holder) && said.contains("run.lock"), "{said}");
    // Whoever is killed leaves its file, which is known to be of nobody.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(path.join("run.lock").exists());
    let output = command(&resume).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!path.join("run.lock").exists());
    assert_eq!(statuses(folder.path()), ["done"]);
    assert_same_end(straight().path(), folder.path());
}

#[test]
fn a_table_that_another_process_holds_is_waited_for_and_who_stops_that_is_told_what_adds_the_row() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("results")).unwrap();
    let mut command = command::zoo(folder.path(), &small(&["--steps", "2"]));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let table = fs::File::create(folder.path().join("results/accuracy.csv")).unwrap();
    table.lock().unwrap();
    let mut last = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap) {
        if line.starts_with("waiting for results/accuracy.csv") {
            command::signal(&child, "INT");
        }
        last = line;
    }
    assert_eq!(child.wait().unwrap().code(), Some(130), "{last}");
    let run = run_folder(folder.path());
    let way_out = format!("--resume results/{} continues the run and adds the row", run.file_name().unwrap().display());
    assert!(last.starts_with("error: another process writes to") && last.ends_with(&way_out), "{last}");
    table.unlock().unwrap();
    train(folder.path(), &["--steps", "2", "--resume", run.to_str().unwrap()]).code(0);
    assert_eq!(statuses(folder.path()), ["done"]);
}
