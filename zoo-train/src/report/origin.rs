//! Where each row comes from: the command that made it, how it ended, and the machine.

use std::path::Path;

use zoo_core::Registry;

use super::network::Network;
use super::rows::{Environment, Latency, Rows, Run};
use super::sweeps::Sweeps;
use crate::latency::stages;
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
pub fn origins(rows: &Rows, results: &Path, registry: &Registry) -> Vec<Origin> {
    let sweeps = Sweeps::read(results, registry);
    let mut all: Vec<Origin> = Vec::new();
    for (network, run) in &rows.runs {
        // A cell that failed before its run began has none.
        let name = if run.run.is_empty() { network.title() } else { run_name(&rows.runs, run) };
        let known = Some(run.command.clone()).filter(|command| !command.is_empty());
        let command = known.or_else(|| sweeps.command(run)).unwrap_or_else(|| config_command(results, run));
        let (status, machine) = (run.status.clone(), machine(&run.environment));
        all.push(Origin { table: "accuracy", name, status, command, machine });
    }
    all.extend(rows.latencies.iter().map(|(network, row)| Origin {
        table: "latency",
        name: network.title(),
        status: row.status.clone(),
        command: latency_command(rows, network, row, registry),
        machine: machine(&row.environment),
    }));
    all.extend(rows.counts.iter().map(|(network, row)| Origin {
        table: "count",
        name: network.title(),
        status: row.status.clone(),
        command: format!(
            "zoo-train list {} --widths {} --depths {} --input-sizes {} --profile {} --classes {} --append -o {}",
            network.model,
            network.width,
            network.depth,
            network.input_size,
            network.profile,
            row.classes.unwrap_or(1000),
            results.join("count.csv").display()
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

/// What times a network again.
fn latency_command(rows: &Rows, network: &Network, row: &Latency, registry: &Registry) -> String {
    let Network { model, width, depth, input_size, profile, .. } = network;
    let mut command = format!("zoo-train latency {model} --width {width} --depth {depth} --input-size {input_size}");
    if profile != "native" {
        command += &format!(" --profile {profile}");
    }
    if let Some(classes) = row.params.and_then(|params| network.classes_beside_own(registry, params)) {
        command += &format!(" --classes {classes}");
    }
    let condition = &row.condition;
    command += &format!(" --batch {} --threads {} --mode {}", condition.batch, condition.threads, condition.mode);
    if has_stages(rows, network, row) {
        command += " --per-stage";
    }
    command + &device_flag(&condition.device)
}

/// Whether stages were timed of a network with the classes that the row has, which the sum of their MACs tells.
fn has_stages(rows: &Rows, network: &Network, row: &Latency) -> bool {
    let mine = rows.stages.iter().filter(|(other, stage)| other == network && stage.condition == row.condition);
    let groups = stages::groups(mine, |(_, stage)| stage.stage.clone());
    groups.iter().any(|group| Some(group.iter().map(|(_, stage)| stage.macs).sum()) == row.macs)
}

/// The flag of a device, whose name may follow in brackets.
fn device_flag(device: &str) -> String {
    match device.split(' ').next() {
        None | Some("" | "cpu") => String::new(),
        Some(flag) => format!(" --device {flag}"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::rows::{Condition, Count, Stage};

    #[test]
    fn a_command_times_the_network_of_its_row_and_counts_into_the_table() {
        let registry = Registry::default();
        let network = Network::new(&registry, "mobilenet-v1", (1.0, 1.0, 32), "stem1");
        let condition =
            Condition { batch: 1, threads: 1, mode: "native".into(), device: "cpu".into(), ..Condition::default() };
        let row = |macs, params| {
            let latency =
                Latency { condition: condition.clone(), macs: Some(macs), params: Some(params), ..Latency::default() };
            (network.clone(), latency)
        };
        let stage = |name: &str, macs| {
            let condition = condition.clone();
            (network.clone(), Stage { condition, stage: name.into(), macs, ms: 1.0, revision: String::new() })
        };
        let rows = Rows {
            latencies: vec![row(46_354_432, 3_217_226), row(47_368_192, 4_231_976)],
            stages: vec![stage("stem", 354_432), stage("top", 46_000_000)],
            counts: vec![(network.clone(), Count { classes: Some(10), ..Count::default() })],
            ..Rows::default()
        };
        let commands: Vec<String> =
            origins(&rows, Path::new("mine"), &registry).into_iter().map(|origin| origin.command).collect();
        let timed = "zoo-train latency mobilenet-v1 --width 1 --depth 1 --input-size 32 --profile stem1";
        let counted = "zoo-train list mobilenet-v1 --widths 1 --depths 1 --input-sizes 32 --profile stem1 --classes 10";
        assert_eq!(
            commands,
            [
                format!("{timed} --classes 10 --batch 1 --threads 1 --mode native --per-stage"),
                format!("{timed} --batch 1 --threads 1 --mode native"),
                format!("{counted} --append -o mine/count.csv"),
            ]
        );
    }
}
