//! `sweep` where cells fail, processes are killed or stopped, and others hold what it needs.

#[path = "common/command.rs"]
mod command;
#[path = "common/grids.rs"]
mod grids;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;

use command::{csv, run};
use grids::{COUNT, child_of, column, folder, is_running, rows, signal, start, sweep, training};

/// Starts a sweep, and returns its standard error line by line.
fn heard(folder: &Path, more: &[&str]) -> (Child, impl Iterator<Item = String>) {
    let mut command = command::zoo(folder, &[&["sweep", "my.toml"], more].concat());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    (child, lines)
}

#[test]
fn a_table_that_another_process_holds_is_waited_for_aloud_and_a_signal_ends_that() {
    let folder = folder(COUNT);
    fs::create_dir(folder.path().join("results")).unwrap();
    let table = fs::File::create(folder.path().join("results/count.csv")).unwrap();
    table.lock().unwrap();
    let (mut waiting, mut said) = heard(folder.path(), &[]);
    let begun = Instant::now();
    assert!(said.any(|line| line.starts_with("waiting for results/count.csv, to which another process writes")));
    assert!(begun.elapsed().as_secs() < 20);
    command::signal(&waiting, "TERM");
    let last: Vec<String> = said.collect();
    assert_eq!(waiting.wait().unwrap().code(), Some(75), "{last:?}");
    assert!(last.iter().any(|line| line.contains("nothing was added")), "{last:?}");

    let (mut waiting, mut said) = heard(folder.path(), &[]);
    assert!(said.any(|line| line.starts_with("waiting for results/count.csv")));
    table.unlock().unwrap();
    said.for_each(drop);
    assert!(waiting.wait().unwrap().success());
    assert_eq!(rows(folder.path(), "count.csv").len(), 8);
}

#[test]
fn a_process_that_somebody_else_ends_is_a_row_and_the_sweep_goes_on() {
    let folder = folder(&(training("width = 0.35", "epochs = 100000") + &training("width = 0.75", "steps = 2")));
    let mut running = start(folder.path(), &[]);
    let child = child_of(&mut running);
    assert!(command::wait_until(&mut running, || command::exists_in_a_run(folder.path(), "last.safetensors")));
    signal(child, "TERM");
    assert_eq!(running.wait().unwrap().code(), Some(1));
    let statuses = column(folder.path(), "status");
    assert!(statuses.iter().any(|(width, status)| width == "0.35" && status.starts_with("killed (")), "{statuses:?}");
    assert_eq!(statuses.last(), Some(&("0.75".to_string(), "done".to_string())), "{statuses:?}");
}

#[test]
fn one_cell_crashes_another_takes_too_long_and_the_rest_is_done() {
    let crashing = training("width = 0.35", "epochs = 100000");
    let slow = training("width = 0.5\ntimeout = \"1s\"", "epochs = 100000");
    let good = training("width = 0.75", "steps = 2");
    let folder = folder(&[crashing, slow, good].concat());
    let mut running = start(folder.path(), &[]);
    let child = child_of(&mut running);
    assert!(command::wait_until(&mut running, || command::exists_in_a_run(folder.path(), "config.toml")));
    signal(child, "ABRT");
    assert_eq!(running.wait().unwrap().code(), Some(1));
    let statuses = column(folder.path(), "status");
    assert_eq!(statuses.first(), Some(&("0.35".to_string(), "crashed (SIGABRT)".to_string())), "{statuses:?}");
    assert_eq!(statuses.last(), Some(&("0.75".to_string(), "done".to_string())), "{statuses:?}");
    assert!(
        statuses.iter().any(|(width, status)| width == "0.5" && status.starts_with("timeout after ")),
        "{statuses:?}"
    );

    // Cells that failed are left so, unless they are to be tried again.
    let before = statuses.len();
    let again = sweep(folder.path(), &[]).refused(&["2 of the cells failed", "--retry"]);
    assert!(again.stderr.contains("1 there already, 2 failed earlier"), "{}", again.stderr);
    assert_eq!(column(folder.path(), "status").len(), before);
    let shorter = fs::read_to_string(folder.path().join("my.toml")).unwrap().replace("epochs = 100000", "steps = 2");
    fs::write(folder.path().join("my.toml"), shorter.replace("timeout = \"1s\"", "")).unwrap();
    sweep(folder.path(), &["--retry"]).code(0);
}

#[test]
fn a_cell_without_memory_is_a_row_and_the_sweep_goes_on() {
    let axes = "model = \"mobilenet-v3-small-0.35\"\ninput_size = 32\nruns = 3\nseconds = 0\nengine = \"zoo\"\n";
    let folder = folder(&format!("[[grid]]\nkind = \"latency\"\n{axes}batch = [4_000_000_000, 1]\n"));
    sweep(folder.path(), &[]).refused(&["1 of the cells failed"]);
    let rows = rows(folder.path(), "latency.csv");
    assert_eq!(rows.len(), 2);
    assert!(rows[0]["status"].starts_with("out-of-memory"), "{:?}", rows[0]);
    assert_eq!(rows[1]["status"], "done");
    sweep(folder.path(), &["--retry"]).refused(&["1 of the cells failed"]);
}

#[test]
fn a_sweep_that_was_killed_goes_on_where_its_run_was() {
    let grid = training("width = [0.35, 0.5]", "steps = 60\nrun.checkpoint_every = 2");
    let folder = folder(&grid);
    let mut running = start(folder.path(), &[]);
    let child = child_of(&mut running);
    assert!(command::wait_until(&mut running, || command::exists_in_a_run(folder.path(), "last.safetensors")));
    running.kill().unwrap();
    running.wait().unwrap();
    // Its cell does not outlive it.
    let begun = Instant::now();
    while is_running(child) {
        assert!(begun.elapsed().as_secs() < 60, "the process of the cell goes on");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    sweep(folder.path(), &[]).code(0);
    let done: Vec<_> = rows(folder.path(), "accuracy.csv").into_iter().filter(|row| row["status"] == "done").collect();
    let cells: Vec<(&str, &str)> = done.iter().map(|row| (row["width"].as_str(), row["steps"].as_str())).collect();
    assert_eq!(cells, [("0.35", "60"), ("0.5", "60")]);
    let runs: BTreeSet<&str> = done.iter().map(|row| row["run"].as_str()).collect();
    let folders = fs::read_dir(folder.path().join("results")).unwrap().flatten();
    let begun = folders.filter(|entry| entry.path().join("config.toml").exists()).count();
    assert_eq!((runs.len(), begun), (2, 2), "a run was begun anew");

    // The report finds the sweep by the files that it left.
    run(folder.path(), &["report"]).code(0);
    let page = fs::read_to_string(folder.path().join("results/report/index.html")).unwrap();
    assert!(page.contains("zoo-train sweep my.toml"), "no command of the sweep");
}

#[test]
fn a_sweep_that_is_stopped_says_at_its_end_how_far_it_came_and_what_goes_on() {
    let folder = folder(&(training("width = 0.35", "steps = 2") + &training("width = 0.5", "steps = 100000")));
    let (mut running, said) = heard(folder.path(), &[]);
    let lines = said.inspect(|line| {
        if line.contains("x0.35 wide") && line.contains("top-1") {
            command::signal(&running, "INT");
        }
    });
    let last = lines.last().unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert_eq!(last, "my.toml: 1 done now; rows are in results; stopped, and the same command continues");
}

#[test]
fn ctrl_c_saves_and_the_same_command_goes_on() {
    let folder = folder(&training("width = 0.35", "steps = 3000"));
    let mut running = start(folder.path(), &[]);
    assert!(command::wait_until(&mut running, || command::exists_in_a_run(folder.path(), "last.safetensors")));
    command::signal(&running, "INT");
    assert_eq!(running.wait().unwrap().code(), Some(130));
    let rows = rows(folder.path(), "accuracy.csv");
    assert_eq!((rows.len(), rows[0]["status"].as_str()), (1, "interrupted"));
    let steps: u64 = rows[0]["steps"].parse().unwrap();
    assert!((1..3000).contains(&steps));
    let dry = sweep(folder.path(), &["--dry-run"]).code(0).text();
    assert!(dry.contains("1 missing"), "{dry}");

    // The row of its end stands for those of its earlier sittings.
    let cell = fs::read_to_string(folder.path().join("my.toml")).unwrap();
    fs::write(folder.path().join("my.toml"), cell.replace("steps = 3000", "steps = 60\nrun.checkpoint_every = 2"))
        .unwrap();
    let mut running = start(folder.path(), &[]);
    let saved = || {
        let runs = fs::read_dir(folder.path().join("results")).unwrap().flatten();
        runs.filter(|run| run.path().join("last.safetensors").exists()).count()
    };
    assert!(command::wait_until(&mut running, || saved() == 2));
    command::signal(&running, "TERM");
    assert_eq!(running.wait().unwrap().code(), Some(75));
    let statuses = || -> Vec<(String, String)> {
        let rows = csv(&folder.path().join("results/accuracy.csv")).rows;
        rows.into_iter().map(|row| (row["run"].clone(), row["status"].clone())).collect()
    };
    let interrupted = statuses();
    assert_eq!(interrupted.len(), 2);
    sweep(folder.path(), &[]).code(0);
    let last = (interrupted[1].0.clone(), "done".to_string());
    assert_eq!(statuses(), [interrupted[0].clone(), last], "a row of another run is gone, or one of this run left");
}
