//! Where each row comes from: the command that made it, how it ended, and the machine.

use std::path::Path;

use zoo_core::Registry;

use super::network::Network;
use super::rows::{Environment, Latency, Rows};
use super::run::Run;
use super::sweeps::{Recipes, Sweeps};
use zoo_host::words::counted;
use zoo_results::{deployed, stages, status};

/// The origin of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Table that it stands in.
    pub table: &'static str,
    /// Its run, or its network.
    pub name: String,
    /// `done`, or why not.
    pub status: String,
    /// What makes it again, or why nothing does.
    pub made: Made,
    /// Machine and software.
    pub machine: String,
}

/// What makes a row again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// A command.
    By(String),
    /// Nothing that is at hand, for this reason.
    Lost(String),
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
    let recipes = Recipes::read();
    let mut all: Vec<Origin> = Vec::new();
    for (network, run) in &rows.runs {
        // A cell that failed before its run began has none.
        let name = if run.run.is_empty() { network.title() } else { run_name(&rows.runs, run) };
        let told = Some(run.command.clone()).filter(|command| names_what_is_there(command));
        let command = told.or_else(|| sweeps.command(run)).or_else(|| recipes.command(network, run, registry));
        let made = command.map_or_else(|| of_config(results, run), Made::By);
        let made = match run.part.extended_from() {
            Some(from) => of_extension(made, &from),
            None => made,
        };
        let (status, machine) = (run.status.clone(), machine(&run.environment));
        all.push(Origin { table: "accuracy", name, status, made, machine });
    }
    all.extend(rows.latencies.iter().map(|(network, row)| Origin {
        table: "latency",
        name: network.title(),
        status: row.status.clone(),
        made: Made::By(latency_command(rows, network, row, registry)),
        machine: machine(&row.environment),
    }));
    all.extend(rows.deployed.iter().map(|(network, row)| Origin {
        table: "deployed",
        name: network.title(),
        status: row.status.clone(),
        made: Made::By(evaluation_command(row, results)),
        machine: machine(&Environment {
            device: row.device.clone(),
            cpu: row.cpu.clone(),
            dtype: row.dtype.clone(),
            revision: row.revision.clone(),
            ..Environment::default()
        }),
    }));
    all.extend(rows.counts.iter().map(|(network, row)| Origin {
        table: "count",
        name: network.title(),
        status: row.status.clone(),
        made: Made::By(format!(
            "zoo-train list {} --widths {} --depths {} --input-sizes {} --profile {} --classes {} --append -o {}",
            network.model,
            network.width,
            network.depth,
            network.input_size,
            network.profile,
            row.classes.unwrap_or(1000),
            results.join("count.csv").display()
        )),
        machine: machine(&row.environment),
    }));
    all
}

/// Whether a command that a row tells could run here: the configurations and sweeps that it names are there.
fn names_what_is_there(command: &str) -> bool {
    let is_missing = |word: &str| word.ends_with(".toml") && !Path::new(word).is_file();
    !command.is_empty() && !command.split_whitespace().any(is_missing)
}

/// What trains a run again from the settings that it left, where those are still there.
fn of_config(results: &Path, run: &Run) -> Made {
    if run.run.is_empty() {
        return Made::Lost("it failed before the run began".into());
    }
    let path = results.join(&run.run).join("config.toml");
    if path.is_file() {
        return Made::By(format!("zoo-train --config {}", path.display()));
    }
    let weights = Some(&run.part.weights).filter(|weights| !["", "none"].contains(&weights.as_str()));
    let from = weights.map(|weights| format!(", nor {weights}")).unwrap_or_default();
    Made::Lost(format!(
        "not reproducible from the repository: no recipe in configs has its settings, and {} is not in it{from}",
        path.display()
    ))
}

/// Of a run that was made longer `made` is only the last part.
fn of_extension(made: Made, from: &str) -> Made {
    let then = match made {
        Made::By(command) => format!(": {command}"),
        Made::Lost(_) => String::new(),
    };
    Made::Lost(format!("two commands or more: a run that ended after {from} steps was extended{then}"))
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
    command += &format!(" --batch {} --threads {} --engine {}", condition.batch, condition.threads, condition.engine);
    if condition.dtype != "f32" {
        command += &format!(" --dtype {}", condition.dtype);
    }
    if has_stages(rows, network, row) {
        command += " --per-stage";
    }
    command + &device_flag(&condition.device)
}

/// What evaluates a network again, from the file of that name.
fn evaluation_command(row: &deployed::Row, results: &Path) -> String {
    let deployed::Row { weights, dataset, engine, dtype, .. } = row;
    let file = weights.split('@').next().unwrap_or_default();
    let mut command = format!("zoo-train eval --weights {file} --dataset {dataset} --engine {engine}");
    // A quantized file says so itself.
    if !["f32", "int8"].contains(&dtype.as_str()) {
        command += &format!(" --dtype {dtype}");
    }
    if row.test_time_flip == Some(true) {
        command += " --test-time-flip";
    }
    command + &format!(" --results {}", results.display())
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

/// The machines of all rows, each with what was measured there.
pub fn machines(rows: &Rows) -> Vec<String> {
    let runs = rows.runs.iter().map(|(_, run)| (&run.environment, "training"));
    let latencies = rows.latencies.iter().map(|(_, row)| (&row.environment, "latency"));
    let mut machines: Vec<(String, Vec<&str>)> = Vec::new();
    for (environment, what) in runs.chain(latencies) {
        let Environment { device, cpu, libtorch, .. } = environment;
        let device = if device == "cpu" { "" } else { device };
        let libtorch = if libtorch.is_empty() { String::new() } else { format!("libtorch {libtorch}") };
        let parts = [device, cpu, &libtorch].into_iter().filter(|part| !part.is_empty());
        let name = parts.collect::<Vec<_>>().join(", ");
        if name.is_empty() {
            continue;
        }
        match machines.iter_mut().find(|(other, _)| *other == name) {
            Some((_, all)) if !all.contains(&what) => all.push(what),
            Some(_) => {}
            None => machines.push((name, vec![what])),
        }
    }
    machines.into_iter().map(|(name, what)| format!("{name} ({})", what.join(", "))).collect()
}

/// What is known of the machine, in one line.
fn machine(environment: &Environment) -> String {
    let Environment { device, cpu, threads, libtorch, dtype, memory_format, revision } = environment;
    let device = if device == "cpu" { "" } else { device };
    let threads = threads.map(|threads| counted(threads.into(), "thread")).unwrap_or_default();
    let libtorch = if libtorch.is_empty() { String::new() } else { format!("libtorch {libtorch}") };
    let revision = if revision.is_empty() { String::new() } else { format!("revision {revision}") };
    let parts = [device, cpu, &threads, &libtorch, dtype, memory_format, &revision];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Condition, Count, Stage};

    #[test]
    fn a_command_times_the_network_of_its_row_and_counts_into_the_table() {
        let registry = Registry::default();
        let network = Network::new(&registry, "mobilenet-v1", (1.0, 1.0, 32), "stem1");
        let condition = Condition {
            batch: 1,
            threads: 1,
            engine: "zoo".into(),
            dtype: "f32".into(),
            device: "cpu".into(),
            ..Condition::default()
        };
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
        let made = origins(&rows, Path::new("mine"), &registry).into_iter().map(|origin| origin.made);
        let commands: Vec<String> =
            made.map(|made| if let Made::By(command) = made { command } else { panic!() }).collect();
        let timed = "zoo-train latency mobilenet-v1 --width 1 --depth 1 --input-size 32 --profile stem1";
        let counted = "zoo-train list mobilenet-v1 --widths 1 --depths 1 --input-sizes 32 --profile stem1 --classes 10";
        assert_eq!(
            commands,
            [
                format!("{timed} --classes 10 --batch 1 --threads 1 --engine zoo --per-stage"),
                format!("{timed} --batch 1 --threads 1 --engine zoo"),
                format!("{counted} --append -o mine/count.csv"),
            ]
        );
    }
}
