//! Runs that are stopped midway, and what they leave.
#![allow(dead_code, reason = "every test file uses its own share")]

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::SystemTime;

use tempfile::{TempDir, tempdir};

use super::command::{self, assert_same_tensors, csv, metrics, run_folder, small, train};

/// Four epochs of ten steps and half of one, with what is random in a network and its images and what has state in a recipe.
pub const FLAGS: [&str; 24] = [
    "--steps",
    "45",
    "--checkpoint-every",
    "5",
    "--dropout",
    "0.3",
    "--drop-path",
    "0.2",
    "--workers",
    "2",
    "--optimizer",
    "rmsprop",
    "--learning-rate",
    "0.01",
    "--ema-decay",
    "0.9",
    "--input-size-from",
    "24",
    "--augment",
    "trivialaugment",
    "--random-erasing",
    "0.3",
    "--mixup",
    "0.4",
];
/// That such a run writes.
pub const CHECKPOINTS: u64 = 9;

/// Starts a small run that says nothing.
pub fn start(folder: &Path, flags: &[&str]) -> Child {
    let mut command = command::zoo(folder, &small(flags));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The run that nobody stopped.
pub fn straight() -> TempDir {
    let folder = tempdir().unwrap();
    train(folder.path(), &FLAGS).code(0);
    folder
}

/// Both ended alike: checkpoints, metrics and settings.
#[track_caller]
pub fn assert_same_end(straight: &Path, resumed: &Path) {
    let (expected, found) = (run_folder(straight), run_folder(resumed));
    assert_same_tensors(&expected.join("last.safetensors"), &found.join("last.safetensors"));
    assert_same_tensors(&expected.join("best.safetensors"), &found.join("best.safetensors"));
    assert_eq!(metrics(&expected), metrics(&found));
    let text = |run: &Path| fs::read_to_string(run.join("config.toml")).unwrap();
    assert_eq!(text(&expected), text(&found));
}

/// Of the rows, from the first.
pub fn statuses(folder: &Path) -> Vec<String> {
    let rows = csv(&folder.join("results/accuracy.csv")).rows;
    rows.into_iter().map(|mut row| row.remove("status").unwrap()).collect()
}

/// Waits until `count` checkpoints of the run in `folder` have been written, or it ended.
pub fn wait_for_checkpoints(child: &mut Child, folder: &Path, count: u64) -> bool {
    let (mut seen, mut last) = (0, None);
    command::wait_until(child, || {
        let runs = fs::read_dir(folder.join("results")).into_iter().flatten().flatten();
        let written: Option<SystemTime> =
            runs.filter_map(|run| run.path().join("last.safetensors").metadata().ok()?.modified().ok()).max();
        if written != last {
            (seen, last) = (seen + 1, written);
        }
        seen >= count
    })
}

/// A run that was asked to stop by `signal`.
pub fn interrupted(signal: &str) -> TempDir {
    let folder = tempdir().unwrap();
    let mut child = start(folder.path(), &FLAGS);
    assert!(wait_for_checkpoints(&mut child, folder.path(), 2), "the run ended too soon");
    command::signal(&child, signal);
    assert_eq!(child.wait().unwrap().code(), Some(command::code_after(signal)), "{signal}");
    folder
}
