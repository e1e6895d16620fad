//! Where each row comes from: the command that made it, how it ended, and the machine.

use super::network::Network;
use super::rows::{Environment, Rows};

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
        self.status.is_empty() || self.status == "done"
    }
}

/// The origin of every row that was made here.
pub fn origins(rows: &Rows) -> Vec<Origin> {
    let mut all: Vec<Origin> = rows
        .runs
        .iter()
        .map(|(_, run)| Origin {
            table: "accuracy",
            name: run.run.clone(),
            status: run.status.clone(),
            command: format!("zoo-train --config results/{}/config.toml", run.run),
            machine: machine(&run.environment),
        })
        .collect();
    all.extend(rows.latencies.iter().map(|(network, row)| {
        let condition = &row.condition;
        Origin {
            table: "latency",
            name: network.title(),
            status: row.status.clone(),
            command: format!(
                "zoo-train latency {} --batch {} --threads {} --mode {}",
                flags(network),
                condition.batch,
                condition.threads,
                condition.mode
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
