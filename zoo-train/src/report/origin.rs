//! Where each row comes from: the command that made it, how it ended, and the machine.

use std::path::Path;

use super::network::Network;
use super::rows::{Environment, Rows, Run};
use super::sweeps::Sweeps;
use crate::results::status;

/// The origin of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Table that it stands in.
    pub table: &'static str,
    /// Its run, or its network.
    pub name: String,
    /// `done`, or why not.
    pub status: String,
    /// What makes it again.
    pub command: String,
    /// Machine and software.
    pub machine: String,
}

impl Origin {
    /// Whether the row has a result.
    pub fn is_done(&self) -> bool {
        self.status.is_empty() || status::is_done(&self.status)
    }
}

/// The name of a run, told apart by its revision where another one has it, too: folders of runs stay out of git, and a fresh
/// checkout counts anew.
pub fn run_name(runs: &[(Network, Run)], run: &Run) -> String {
    let (name, revision) = (&run.run, &run.environment.revision);
    // A run that was resumed has several rows.
    let mut of_name = runs.iter().filter(|(_, other)| other.run == *name);
    let is_unique = of_name.all(|(_, other)| other.environment.revision == *revision);
    if is_unique || revision.is_empty() { name.clone() } else { format!("{name} of revision {revision}") }
}

/// The origin of every row that was made here; `results` is the folder of runs and sweeps.
pub fn origins(rows: &Rows, results: &Path) -> Vec<Origin> {
    let sweeps = Sweeps::read(results);
    let mut all: Vec<Origin> = Vec::new();
    for (network, run) in &rows.runs {
        // A cell that failed before its run began has none.
        let name = if run.run.is_empty() { network.title() } else { run_name(&rows.runs, run) };
        let command = sweeps.command(run).unwrap_or_else(|| config_command(results, run));
        let (status, machine) = (run.status.clone(), machine(&run.environment));
        all.push(Origin { table: "accuracy", name, status, command, machine });
    }
    all.extend(rows.latencies.iter().map(|(network, row)| {
        let condition = &row.condition;
        Origin {
            table: "latency",
            name: network.title(),
            status: row.status.clone(),
            command: format!(
                "zoo-train latency {} --batch {} --threads {} --mode {}{}",
                flags(network),
                condition.batch,
                condition.threads,
                condition.mode,
                device_flag(&condition.device)
            ),
            machine: machine(&row.environment),
        }
    }));
    all.extend(rows.counts.iter().map(|(network, row)| Origin {
        table: "count",
        name: network.title(),
        status: row.status.clone(),
        command: format!(
            "zoo-train list {} --widths {} --depths {} --input-sizes {} --profile {} --classes {}",
            network.model,
            network.width,
            network.depth,
            network.input_size,
            network.profile,
            row.classes.unwrap_or(1000)
        ),
        machine: machine(&row.environment),
    }));
    all
}

/// What trains a run again; nothing where there was none.
fn config_command(results: &Path, run: &Run) -> String {
    if run.run.is_empty() {
        return String::new();
    }
    let path = results.join(&run.run).join("config.toml");
    let missing = if path.is_file() { "" } else { " (the run's folder is not in git)" };
    format!("zoo-train --config {}{missing}", path.display())
}

/// The flag of a device, whose name may follow in brackets.
fn device_flag(device: &str) -> String {
    match device.split(' ').next() {
        None | Some("" | "cpu") => String::new(),
        Some(flag) => format!(" --device {flag}"),
    }
}

fn flags(network: &Network) -> String {
    let Network { model, width, depth, input_size, profile, .. } = network;
    let profile = if profile == "native" { String::new() } else { format!(" --profile {profile}") };
    format!("{model} --width {width} --depth {depth} --input-size {input_size}{profile}")
}

/// What is known of the machine, in one line.
fn machine(environment: &Environment) -> String {
    let Environment { device, cpu, threads, libtorch, dtype, memory_format, revision } = environment;
    let device = if device == "cpu" { "" } else { device };
    let threads = if threads.is_empty() { String::new() } else { format!("{threads} threads") };
    let libtorch = if libtorch.is_empty() { String::new() } else { format!("libtorch {libtorch}") };
    let revision = if revision.is_empty() { String::new() } else { format!("revision {revision}") };
    let parts = [device, cpu, &threads, &libtorch, dtype, memory_format, &revision];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}
