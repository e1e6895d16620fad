//! The rows that a report is made of, by kind: of each what figures and the page show.

use std::fmt;

use serde::Deserialize;
use zoo_core::InputSize;

use super::network::Network;
use super::run::Run;
use zoo_host::words::counted;
use zoo_results::{count, deployed, latency, stages, status};

/// Every row of every table.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// `accuracy.csv`.
    pub runs: Vec<(Network, Run)>,
    /// `count.csv`.
    pub counts: Vec<(Network, Count)>,
    /// `latency.csv`.
    pub latencies: Vec<(Network, Latency)>,
    /// `latency-stages.csv`.
    pub stages: Vec<(Network, Stage)>,
    /// `deployed.csv`.
    pub deployed: Vec<(Network, deployed::Row)>,
    /// `published/*.csv`; no network where the source does not say which.
    pub published: Vec<(Option<Network>, Published)>,
    /// How many rows tell of interruptions or failures of runs that another row tells the end of.
    pub superseded: usize,
    /// What was mended, one sentence each.
    pub warnings: Vec<String>,
    /// The tables that were read.
    pub tables: Vec<String>,
}

impl Rows {
    /// Whether no table had a row.
    pub fn is_empty(&self) -> bool {
        let measured =
            [self.runs.len(), self.counts.len(), self.latencies.len(), self.stages.len(), self.deployed.len()];
        measured.iter().all(|count| *count == 0) && self.published.is_empty()
    }

    /// Takes out what a run that came to its end left on the way: the rows of its interruptions and failures.
    pub fn keep_finished(&mut self) {
        let settings = |(network, run): &(Network, Run)| {
            (network.identity(), run.dataset.clone(), run.seed, run.recipe.clone(), run.config_hash.clone())
        };
        let is_same = |one: &(Network, Run), other: &(Network, Run)| {
            // A cell that failed before its run began has no name.
            (one.1.run.is_empty() || one.1.run == other.1.run) && settings(one) == settings(other)
        };
        let is_superseded = |at: usize, row: &(Network, Run)| {
            let later = || self.runs[at + 1..].iter().filter(|other| status::is_done(&other.1.status));
            !status::is_done(&row.1.status) && later().any(|other| is_same(row, other))
        };
        let superseded: Vec<bool> = self.runs.iter().enumerate().map(|(at, row)| is_superseded(at, row)).collect();
        let mut each = superseded.iter();
        self.runs.retain(|_| !each.next().copied().unwrap_or_default());
        self.superseded = superseded.into_iter().filter(|superseded| *superseded).count();
    }
}

/// A counted network.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// Trainable parameters.
    pub params: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Number of classes.
    pub classes: Option<u32>,
    /// `done`, or why not.
    pub status: String,
    /// Machine and software.
    pub environment: Environment,
}

/// A measured latency; the times are empty where the cell failed.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// How it was measured.
    pub condition: Condition,
    /// Multiply-accumulates for one image, with the classes that it was timed with.
    pub macs: Option<u64>,
    /// Trainable parameters, with these classes.
    pub params: Option<u64>,
    /// Median in milliseconds.
    pub p50_ms: Option<f64>,
    /// 90th percentile in milliseconds.
    pub p90_ms: Option<f64>,
    /// Peak resident memory of the process in MiB.
    pub peak_mb: Option<f64>,
    /// How far rounds lie apart, in percent.
    pub noise: Option<f64>,
    /// `done`, or why not.
    pub status: String,
    /// Machine and software.
    pub environment: Environment,
}

/// What part of a latency a stage takes.
#[derive(Clone, Debug)]
pub struct Stage {
    /// How it was measured.
    pub condition: Condition,
    /// Name of the stage.
    pub stage: String,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Milliseconds in this stage.
    pub ms: f64,
    /// Git revision of the binary.
    pub revision: String,
}

/// How a latency was measured; only rows of one condition are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// Images at once.
    pub batch: u32,
    /// Threads of libtorch.
    pub threads: u32,
    /// Type of the tensors.
    pub dtype: String,
    /// How the network was run.
    pub engine: String,
    /// Where tensors lived.
    pub device: String,
    /// Name of the processor.
    pub cpu: String,
}

/// A figure of a paper: a row of a table in `published`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Published {
    /// Variant's name.
    pub model: String,
    /// Width multiplier; none, like depth and size, where the source does not say which network it is.
    pub width: Option<f64>,
    /// Depth multiplier.
    pub depth: Option<f64>,
    /// Size of the input.
    pub input_size: Option<InputSize>,
    /// Strides.
    pub profile: String,
    /// Name of the data set.
    pub dataset: String,
    /// Passes over the training set.
    pub epochs: Option<f64>,
    /// Accuracy in percent.
    pub top1: Option<f64>,
    /// Millions of parameters, as printed.
    pub params_m: Option<f64>,
    /// Millions of multiply-accumulates, as printed.
    pub macs_m: Option<f64>,
    /// Paper or document.
    pub source: String,
    /// Position in it.
    pub table: String,
    /// What is off.
    pub note: String,
    /// Name of the file it stands in, without its ending.
    #[serde(skip)]
    pub file: String,
}

/// The machine and the software of a row, as far as the table tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Where tensors lived.
    pub device: String,
    /// Name of the processor.
    pub cpu: String,
    /// Threads of libtorch.
    pub threads: Option<u32>,
    /// Its version.
    pub libtorch: String,
    /// Type of the tensors.
    pub dtype: String,
    /// Of the tensors.
    pub memory_format: String,
    /// Git revision of the binary.
    pub revision: String,
}

impl From<count::Row> for Count {
    fn from(row: count::Row) -> Count {
        let count::Row { params, macs, classes, status, revision, .. } = row;
        Count { params, macs, classes, status, environment: Environment { revision, ..Environment::default() } }
    }
}

impl From<latency::Row> for Latency {
    fn from(row: latency::Row) -> Latency {
        // One that was stopped has figures, too, of too few runs.
        let is_done = [status::DONE, ""].contains(&row.status.as_str());
        Latency {
            condition: Condition {
                batch: row.batch,
                threads: row.threads,
                dtype: row.dtype.clone(),
                engine: row.engine,
                device: row.device.clone(),
                cpu: row.cpu.clone(),
            },
            macs: row.macs,
            params: row.params,
            p50_ms: row.p50_ms.filter(|_| is_done),
            p90_ms: row.p90_ms.filter(|_| is_done),
            peak_mb: row.peak_mb,
            noise: row.noise,
            status: row.status,
            environment: Environment {
                device: row.device,
                cpu: row.cpu,
                threads: Some(row.threads),
                libtorch: row.libtorch,
                dtype: row.dtype,
                memory_format: row.memory_format,
                revision: row.revision,
            },
        }
    }
}

impl From<stages::Row> for Stage {
    fn from(row: stages::Row) -> Stage {
        let stages::Row { batch, threads, dtype, engine, device, cpu, stage, macs, ms, revision, .. } = row;
        Stage { condition: Condition { batch, threads, dtype, engine, device, cpu }, stage, macs, ms, revision }
    }
}

impl Condition {
    /// The machine: its device and its processor.
    pub fn machine(&self) -> (&str, &str) {
        (&self.device, &self.cpu)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Condition { batch, threads, dtype, engine, device, cpu } = self;
        write!(f, "batch {batch}, {}, {dtype}, {engine}", counted((*threads).into(), "thread"))?;
        for part in [device, cpu].into_iter().filter(|part| !["", "cpu"].contains(&part.as_str())) {
            write!(f, ", {part}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;

    use super::*;
    use zoo_results::{accuracy, cells};

    fn row(name: &str, hash: &str, state: &str) -> (Network, Run) {
        let header = [
            "run",
            "width",
            "depth",
            "input_size",
            "params",
            "macs",
            "epochs",
            "steps",
            "status",
            "dataset",
            "classes",
            "seed",
            "config_hash",
        ];
        let record = [name, "1", "1", "32", "1", "1", "3", "100", state, "cifar10", "10", "0", hash].map(String::from);
        let run = cells::read::<accuracy::Row, _>(&header, &record).unwrap().into();
        (Network::new(&Registry::default(), "mobilenet-v2", (1.0, 1.0, 32), "stem1"), run)
    }

    #[test]
    fn of_a_run_that_was_interrupted_and_finished_only_the_end_counts() {
        let finished = |runs: Vec<(Network, Run)>| {
            let mut rows = Rows { runs, ..Rows::default() };
            rows.keep_finished();
            let kept: Vec<String> = rows.runs.iter().map(|(_, run)| run.status.clone()).collect();
            (kept, rows.superseded)
        };
        let (one, done) = (row("a", "01", "interrupted"), row("a", "01", "done"));
        assert_eq!(finished(vec![one.clone(), one.clone(), done.clone()]), (vec!["done".to_string()], 2));
        // Another run of that name, as a fresh checkout counts anew, and one that was begun again after the end.
        let other = row("a", "02", "interrupted");
        assert_eq!(finished(vec![other, done.clone(), one.clone()]).0, ["interrupted", "done", "interrupted"]);
        // A cell that failed before its run began.
        assert_eq!(finished(vec![row("", "01", "crashed (SIGSEGV)"), done]).1, 1);
    }
}
