//! Running the real binary, and reading what it leaves behind.
#![allow(dead_code, reason = "every test file uses its own share")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use safetensors::SafeTensors;

/// Long enough for anything here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a run on one thread is told: a small network, and data that need no files.
const SMALL: [(&str, &str); 7] = [
    ("--model", "mobilenet-v3-small-0.35"),
    ("--dataset", "synthetic"),
    ("--limit-train", "160"),
    ("--limit-test", "50"),
    ("--batch-size", "16"),
    ("--threads", "1"),
    ("--results", "results"),
];

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Output {
    /// Its exit code, -1 where a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Asserts that it ended with `code`, and says what it said where it did not.
    #[track_caller]
    pub fn code(self, code: i32) -> Output {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", String::from_utf8_lossy(&self.stdout), self.stderr);
        self
    }

    /// Asserts that it was used wrongly, and said so in one sentence that has all of `words`.
    #[track_caller]
    pub fn misused(self, words: &[&str]) -> Output {
        self.code(2).refused(words)
    }

    /// Asserts that it failed, or was used wrongly, with one sentence that has all of `words`.
    #[track_caller]
    pub fn refused(self, words: &[&str]) -> Output {
        let code = if [2, 42].contains(&self.code) { self.code } else { 1 };
        let output = self.code(code);
        let errors: Vec<&str> = output.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "stderr:\n{}", output.stderr);
        assert!(words.iter().all(|word| errors[0].contains(word)), "no {words:?} in\n{}", errors[0]);
        assert!(!output.stderr.contains("panicked"), "stderr:\n{}", output.stderr);
        output
    }
}

/// The command, in an empty folder of its own, so that nothing is left in the repository by mistake.
pub fn zoo<S: AsRef<str>>(folder: &Path, arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zoo-train"));
    command.args(arguments.iter().map(AsRef::as_ref)).current_dir(folder).env("RUST_BACKTRACE", "0");
    // What the program would set for itself by beginning anew, which takes a third of a second.
    command.env("GOMP_SPINCOUNT", "1000");
    command
}

/// Runs the command to its end.
#[track_caller]
pub fn run<S: AsRef<str>>(folder: &Path, arguments: &[S]) -> Output {
    let mut command = zoo(folder, arguments);
    let output = command.stdin(Stdio::null()).output().unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The flags of a small training run, except those that `more` gives another value, and `more` behind them.
pub fn small(more: &[&str]) -> Vec<String> {
    let flags = SMALL
        .iter()
        .filter(|(flag, _)| !more.iter().any(|given| given.split('=').next() == Some(flag)))
        .flat_map(|(flag, value)| [*flag, *value]);
    flags.chain(more.iter().copied()).map(String::from).collect()
}

/// Trains with [`small`] flags.
#[track_caller]
pub fn train(folder: &Path, more: &[&str]) -> Output {
    run(folder, &small(more))
}

/// The only folder of a run below `results`, which must be one.
#[track_caller]
pub fn run_folder(folder: &Path) -> PathBuf {
    let results = folder.join("results");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(&results).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders.remove(0)
}

/// A CSV file: its header and its rows by column.
pub struct Csv {
    /// The first line.
    pub header: Vec<String>,
    /// The rest.
    pub rows: Vec<BTreeMap<String, String>>,
}

/// Reads a CSV file, every row of which must have all columns.
#[track_caller]
pub fn csv(path: &Path) -> Csv {
    csv_of(std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).as_slice())
}

/// Reads CSV.
#[track_caller]
pub fn csv_of(text: &[u8]) -> Csv {
    let mut reader = csv::Reader::from_reader(text);
    let header: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        header.iter().cloned().zip(record.iter().map(String::from)).collect()
    });
    let rows = rows.collect();
    Csv { header, rows }
}

/// The rows of `metrics.csv` without the columns that tell the time.
#[track_caller]
pub fn metrics(run: &Path) -> Vec<BTreeMap<String, String>> {
    let mut rows = csv(&run.join("metrics.csv")).rows;
    for row in &mut rows {
        assert!(row.remove("seconds").is_some() && row.remove("images_per_second").is_some());
    }
    rows
}

/// The tensors of a checkpoint by name, as bytes.
#[track_caller]
pub fn tensors(path: &Path) -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.tensors().into_iter().map(|(name, view)| (name, (view.shape().to_vec(), view.data().to_vec()))).collect()
}

/// Asserts that two checkpoints hold the same tensors to the last bit.
#[track_caller]
pub fn assert_same_tensors(one: &Path, other: &Path) {
    let (one, other) = (tensors(one), tensors(other));
    assert!(!one.is_empty() && one.keys().eq(other.keys()));
    let differing: Vec<&String> = one.keys().filter(|name| one[*name] != other[*name]).collect();
    let (count, first) = (differing.len(), differing.first());
    assert_eq!(count, 0, "{count} of {} tensors differ, the first is {first:?}", one.len());
}

/// Waits until `holds`, and says whether it did before `child` ended.
#[track_caller]
pub fn wait_until(child: &mut Child, mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if holds() {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing happened for {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Any file of that name one folder below `results`.
pub fn exists_in_a_run(folder: &Path, name: &str) -> bool {
    let entries = std::fs::read_dir(folder.join("results"));
    entries.into_iter().flatten().flatten().any(|entry| entry.path().join(name).exists())
}

/// The exit code of work that the signal of this name stopped.
pub fn code_after(signal: &str) -> i32 {
    if signal == "INT" { 130 } else { 75 }
}

/// Sends a signal by its name, such as `INT`.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(status.success());
}
