//! Where the time goes: a network's time and MACs by stage, and the rows of `latency-stages.csv`.

use std::path::Path;
use std::time::Instant;

use zoo_core::{Op, Place};

use super::identity::header;
use super::network::Network;
use super::row::number;
use super::statistics::median;
use super::{Cell, LatencyError};
use zoo_results::{Environment, Table, TableError};

/// The columns, in order; `results/README.md` documents each with its unit.
pub const HEADER: [&str; 16] = header(["stage", "macs", "ms", "share", "profile", "device", "cpu", "revision"]);

/// A part of the network with what it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// `stem`, `stages.0` and so on, `head` or `top`.
    pub name: String,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Median time in milliseconds.
    pub ms: f64,
    /// Share of the sum over all stages, in percent.
    pub share: f64,
}

/// Times each stage over `runs` runs; none where the mode has no steps that could be told apart.
///
/// # Errors
/// Where a run fails.
pub fn measure(network: &Network, runs: usize) -> Result<Option<Vec<Stage>>, LatencyError> {
    let stage_of = |op: &Op| match op.place {
        Place::Stem => "stem".to_string(),
        Place::Stage { stage, .. } => format!("stages.{stage}"),
        Place::Head => "head".to_string(),
        Place::Top => "top".to_string(),
    };
    let plan = network.plan();
    let names: Vec<String> = plan.ops.iter().map(stage_of).collect();
    let mut order = names.clone();
    order.dedup();
    let place: Vec<usize> =
        names.iter().map(|name| order.iter().position(|stage| stage == name).unwrap_or(0)).collect();
    let mut times = vec![Vec::new(); order.len()];
    for _ in 0..runs.max(1) {
        let mut sums = vec![0.0; order.len()];
        let mut before = Instant::now();
        let told = network.run_observed(&mut |op| {
            let now = Instant::now();
            sums[place[op]] += (now - before).as_secs_f64() * 1e3;
            before = now;
        })?;
        if !told {
            return Ok(None);
        }
        times.iter_mut().zip(sums).for_each(|(times, sum)| times.push(sum));
    }
    let medians: Vec<f64> = times.iter().map(|times| median(times).unwrap_or(0.0)).collect();
    let total: f64 = medians.iter().sum();
    let stages = order.into_iter().zip(medians).enumerate().map(|(index, (name, ms))| {
        let ops = plan.ops.iter().zip(&place).filter(|(_, place)| **place == index);
        // The plan has been made, so every cost is known to fit.
        let macs = ops.map(|(op, _)| op.cost().map_or(0, |cost| cost.macs)).sum();
        Stage { name, macs, ms, share: 100.0 * ms / total.max(f64::MIN_POSITIVE) }
    });
    Ok(Some(stages.collect()))
}

/// Appends the stages of `cell` to `latency-stages.csv` in `results`, all at once; returns a warning where an earlier row was
/// torn.
///
/// # Errors
/// Where the table cannot be written or has another header.
pub fn append(
    results: &Path,
    cell: &Cell,
    threads: i32,
    stages: &[Stage],
    environment: &Environment,
) -> Result<Option<String>, TableError> {
    let row = |stage: &Stage| {
        let mut fields = cell.identity(threads).to_vec();
        fields.extend([stage.name.clone(), stage.macs.to_string(), number(stage.ms), format!("{:.2}", stage.share)]);
        fields.extend([cell.profile.clone(), environment.device.clone(), environment.cpu.clone()]);
        fields.push(environment.revision.into());
        fields
    };
    let rows: Vec<Vec<String>> = stages.iter().map(row).collect();
    let rows: Vec<&[String]> = rows.iter().map(Vec::as_slice).collect();
    table(results).append_all(&rows)
}

/// Whether rows can go into `latency-stages.csv` in `results`, as far as that is known before there are any.
///
/// # Errors
/// Where the table cannot be read or has another header.
pub fn check(results: &Path) -> Result<(), TableError> {
    table(results).rows().map(|_| ())
}

fn table(results: &Path) -> Table {
    Table::new(&results.join("latency-stages.csv"), &HEADER)
}

/// The rows of one network under one condition, measurement by measurement: one begins where a stage comes again.
pub fn groups<T>(rows: impl IntoIterator<Item = T>, name: impl Fn(&T) -> String) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    for row in rows {
        match groups.last_mut() {
            Some(group) if group.iter().all(|other| name(other) != name(&row)) => group.push(row),
            _ => groups.push(vec![row]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn a_measurement_begins_where_a_stage_comes_again() {
        let rows = ["stem", "stages.0", "stem", "stages.0", "top", "stem"];
        let found = groups(rows, |row| (*row).to_string());
        assert_eq!(found, [vec!["stem", "stages.0"], vec!["stem", "stages.0", "top"], vec!["stem"]]);
    }
}
