//! Small sweeps in folders of their own, and what they leave behind.
#![allow(dead_code, reason = "every test file uses its own share")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use tempfile::{TempDir, tempdir};

use crate::command::{self, Output, csv, run};

/// A grid that needs no time.
pub const COUNT: &str =
    "[[grid]]\nkind = \"count\"\nmodel = \"mobilenet-v?\"\nwidth = [1, 0.5]\ninput_size = [224, 160]\n";

/// A small training grid with `more` below its settings, which are those of ten steps an epoch.
pub fn training(axes: &str, more: &str) -> String {
    let settings = format!("dataset = \"synthetic\"\nlimit_train = 160\nlimit_test = 50\nbatch_size = 16\n{more}\n");
    let settings: String = settings.lines().map(|line| in_section(line) + "\n").collect();
    format!(
        "[[grid]]\nkind = \"accuracy\"\nmodel = \"mobilenet-v3-small\"\nthreads = 1\n{axes}\n[grid.settings]\n{settings}"
    )
}

/// A line `key = value` with the section of its key before it.
fn in_section(line: &str) -> String {
    let setting = line.split_once(" = ").and_then(|(key, _)| zoo_train::settings::Setting::find(key));
    setting.map_or_else(|| line.to_string(), |setting| format!("{}.{line}", setting.section))
}

/// A folder with the sweep file `my.toml`, which holds `text`.
pub fn folder(text: &str) -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("my.toml"), text).unwrap();
    folder
}

/// Runs the sweep of `folder` to its end.
#[track_caller]
pub fn sweep(folder: &Path, more: &[&str]) -> Output {
    run(folder, &[&["sweep", "my.toml"], more].concat())
}

/// Starts the sweep of `folder`, which says nothing.
pub fn start(folder: &Path, more: &[&str]) -> Child {
    let mut command = command::zoo(folder, &[&["sweep", "my.toml"], more].concat());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The rows of a table of `folder`.
#[track_caller]
pub fn rows(folder: &Path, table: &str) -> Vec<BTreeMap<String, String>> {
    csv(&folder.join("results").join(table)).rows
}

/// One column of the table of accuracies, beside the width.
#[track_caller]
pub fn column(folder: &Path, name: &str) -> Vec<(String, String)> {
    rows(folder, "accuracy.csv").into_iter().map(|row| (row["width"].clone(), row[name].clone())).collect()
}

/// Words as [`column`] gives them.
pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(one, other)| ((*one).to_string(), (*other).to_string())).collect()
}

/// The process of the cell that is running, once there is one.
#[track_caller]
pub fn child_of(sweep: &mut Child) -> u32 {
    let mut found = None;
    let id = sweep.id();
    assert!(command::wait_until(sweep, || {
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        found = children.split_whitespace().next().and_then(|child| child.parse().ok());
        found.is_some()
    }));
    found.unwrap()
}

/// Sends a signal, such as `KILL`.
pub fn signal(id: u32, name: &str) {
    let sent = std::process::Command::new("kill").args([format!("-{name}"), id.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Whether a process is there and has not ended.
pub fn is_running(id: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}
