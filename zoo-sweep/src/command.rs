//! The process of a cell: this same program, with the arguments of one cell.

use std::path::Path;
use std::process::Command;

use super::SweepError;
use super::cell::{Cell, Timing, Work};
use super::resume::{self, Going};

/// Where a sweep keeps what its cells need, and what they said.
#[derive(Clone, Copy, Debug)]
pub struct Folders<'a> {
    /// The folder of tables and runs.
    pub results: &'a Path,
    /// The folder of this sweep in it.
    pub own: &'a Path,
    /// The folder of the data sets, where it is not the usual one.
    pub data: Option<&'a Path>,
}

/// The process that measures or trains `cell` and writes its row; none where counting is all there is to do.
///
/// # Errors
/// Where its settings cannot be written.
pub fn of(cell: &Cell, folders: Folders<'_>) -> Result<Option<Command>, SweepError> {
    let mut command = program()?;
    match &cell.work {
        Work::Count => return Ok(None),
        Work::Latency { timing, engine, dtype, per_stage } => {
            command.arg("latency");
            network(&mut command, cell, timing, engine.name(), dtype.name());
            command.args(["--classes", &cell.options.classes.to_string()]);
            command.args(per_stage.then_some("--per-stage"));
            command.arg("--results").arg(folders.results);
        }
        Work::Throughput { timing, pass } => {
            command.arg("throughput");
            network(&mut command, cell, timing, pass.name(), pass.dtype());
            command.arg("--results").arg(folders.results);
        }
        Work::Accuracy(training) => {
            match resume::going(training, folders.results) {
                // A run that is resumed has its own settings.
                Going::On(run) => {
                    command.arg("train").arg("--resume").arg(run);
                    data(&mut command, folders);
                }
                Going::Auto => {
                    train(&mut command, cell, folders)?;
                    command.args(["--resume", "auto"]);
                }
                Going::Anew => train(&mut command, cell, folders)?,
            }
            command.arg("--results").arg(folders.results);
        }
    }
    Ok(Some(command))
}

/// The process that prints what the training of `cell` takes.
///
/// # Errors
/// Where its settings cannot be written.
pub fn estimate(cell: &Cell, folders: Folders<'_>) -> Result<Command, SweepError> {
    let mut command = program()?;
    train(&mut command, cell, folders)?;
    command.arg("--estimate").arg("--results").arg(folders.results);
    Ok(command)
}

fn program() -> Result<Command, SweepError> {
    let path = std::env::current_exe().map_err(|source| SweepError::Io {
        what: "find",
        path: "this program".into(),
        source,
    })?;
    Ok(Command::new(path))
}

fn network(command: &mut Command, cell: &Cell, timing: &Timing, engine: &str, dtype: &str) {
    let options = &cell.options;
    command.arg(cell.entry.variant.name);
    command.args(["--width", &options.width.to_string(), "--depth", &options.depth.to_string()]);
    command.args(["--input-size", &options.input().to_string(), "--profile", &cell.profile]);
    command.args(["--batch", &timing.batch.to_string(), "--threads", &timing.threads.to_string()]);
    command.args(["--engine", engine, "--dtype", dtype]);
    command.args(["--runs", &timing.protocol.runs.to_string()]);
    command.args(["--seconds", &timing.protocol.time.as_secs_f64().to_string()]);
}

fn train(command: &mut Command, cell: &Cell, folders: Folders<'_>) -> Result<(), SweepError> {
    let Work::Accuracy(training) = &cell.work else { return Ok(()) };
    let path = folders.own.join(format!("{}.toml", cell.file_name()));
    std::fs::write(&path, training.to_toml()).map_err(|source| SweepError::Io {
        what: "write",
        path: path.clone(),
        source,
    })?;
    command.arg("train").arg("--config").arg(&path);
    data(command, folders);
    Ok(())
}

fn data(command: &mut Command, folders: Folders<'_>) {
    if let Some(data) = folders.data {
        command.arg("--data-dir").arg(data);
    }
}
