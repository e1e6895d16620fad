//! The rows that a report is made of, by kind. They are read by column name, so a column that came later does no harm.

use std::collections::BTreeSet;
use std::fmt;

use super::cells::Cells;
use super::network::Network;
use crate::results::status;

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
    /// `published/*.csv`; no network where the source does not say which.
    pub published: Vec<(Option<Network>, Published)>,
    /// What was mended, one sentence each.
    pub warnings: Vec<String>,
    /// The tables that were read.
    pub tables: Vec<String>,
}

impl Rows {
    /// Whether no table had a row.
    pub fn is_empty(&self) -> bool {
        let measured = [self.runs.len(), self.counts.len(), self.latencies.len(), self.stages.len()];
        measured.iter().all(|count| *count == 0) && self.published.is_empty()
    }
}

impl Rows {
    /// Leaves out the rows of runs that were interrupted, and came to an end in another row.
    pub fn leave_out_superseded(&mut self) {
        let key = |network: &Network, run: &Run| (run.run.clone(), network.title(), run.seed, run.recipe.hash.clone());
        let ended: BTreeSet<_> = self
            .runs
            .iter()
            .filter(|(_, run)| status::is_done(&run.status))
            .map(|(network, run)| key(network, run))
            .collect();
        self.runs.retain(|(network, run)| run.status != status::INTERRUPTED || !ended.contains(&key(network, run)));
    }
}

/// A training run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Folder of the run.
    pub run: String,
    /// Trainable parameters.
    pub params: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Passes over the training set.
    pub epochs: f64,
    /// Optimizer steps.
    pub steps: u64,
    /// Accuracy in percent.
    pub top1: Option<f64>,
    /// That of the average of the weights, where one is kept.
    pub top1_ema: Option<f64>,
    /// `done`, or why not.
    pub status: String,
    /// Name of the data set.
    pub dataset: String,
    /// Seed of the run.
    pub seed: Option<u64>,
    /// How it was trained.
    pub recipe: Recipe,
    /// Hash of all settings.
    pub config_hash: String,
    /// What makes it again; older rows have none.
    pub command: String,
    /// Machine and software.
    pub environment: Environment,
}

/// How a network was trained, its length aside; only accuracies of one recipe are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipe {
    /// Hash of the settings that no column tells; older rows have none.
    pub hash: String,
    /// Images a step.
    pub batch_size: Option<u64>,
    /// Numbers that were computed with.
    pub dtype: String,
    /// Whether each test image was also seen mirrored.
    pub test_time_flip: bool,
}

/// A counted network.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// Trainable parameters.
    pub params: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Outputs of the classifier.
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
    /// What was said of the machine's noise.
    pub noise: String,
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
    pub mode: String,
    /// Where tensors lived.
    pub device: String,
    /// Name of the processor.
    pub cpu: String,
}

/// A figure of a paper.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// Variant's name.
    pub model: String,
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
    /// Place in it.
    pub table: String,
    /// What is off.
    pub note: String,
    /// Name of the file it stands in, without its ending.
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
    pub threads: String,
    /// Its version.
    pub libtorch: String,
    /// Type of the tensors.
    pub dtype: String,
    /// Of the tensors.
    pub memory_format: String,
    /// Git revision of the binary.
    pub revision: String,
}

impl Run {
    /// Reads a row of `accuracy.csv`.
    pub fn read(cells: &Cells<'_>) -> Result<Run, String> {
        Ok(Run {
            run: cells.text("run"),
            params: cells.need("params")?,
            macs: cells.need("macs")?,
            epochs: cells.need("epochs")?,
            steps: cells.need("steps")?,
            top1: cells.number("top1")?,
            top1_ema: cells.number("top1_ema")?,
            status: cells.text("status"),
            dataset: cells.text("dataset"),
            seed: cells.number("seed")?,
            recipe: Recipe {
                hash: cells.text("recipe_hash"),
                batch_size: cells.number("batch_size")?,
                dtype: cells.text("dtype"),
                test_time_flip: cells.text("test_time_flip") == "true",
            },
            config_hash: cells.text("config_hash"),
            command: cells.text("command"),
            environment: Environment::read(cells),
        })
    }
}

impl Count {
    /// Reads a row of `count.csv`.
    pub fn read(cells: &Cells<'_>) -> Result<Count, String> {
        Ok(Count {
            params: cells.need("params")?,
            macs: cells.need("macs")?,
            classes: cells.number("classes")?,
            status: cells.text("status"),
            environment: Environment::read(cells),
        })
    }
}

impl Latency {
    /// Reads a row of `latency.csv`.
    pub fn read(cells: &Cells<'_>) -> Result<Latency, String> {
        // One that was stopped has figures, too, of too few runs.
        let is_done = [status::DONE, ""].contains(&cells.text("status").as_str());
        Ok(Latency {
            condition: Condition::read(cells)?,
            macs: cells.number("macs")?,
            params: cells.number("params")?,
            p50_ms: cells.number("p50_ms")?.filter(|_| is_done),
            p90_ms: cells.number("p90_ms")?.filter(|_| is_done),
            noise: cells.text("noise"),
            status: cells.text("status"),
            environment: Environment::read(cells),
        })
    }
}

impl Stage {
    /// Reads a row of `latency-stages.csv`.
    pub fn read(cells: &Cells<'_>) -> Result<Stage, String> {
        Ok(Stage {
            condition: Condition::read(cells)?,
            stage: cells.text("stage"),
            macs: cells.need("macs")?,
            ms: cells.need("ms")?,
            revision: cells.text("revision"),
        })
    }
}

impl Condition {
    fn read(cells: &Cells<'_>) -> Result<Condition, String> {
        Ok(Condition {
            batch: cells.need("batch")?,
            threads: cells.need("threads")?,
            dtype: cells.text("dtype"),
            mode: cells.text("mode"),
            device: cells.text("device"),
            cpu: cells.text("cpu"),
        })
    }

    /// The machine: its device and its processor.
    pub fn machine(&self) -> (&str, &str) {
        (&self.device, &self.cpu)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Condition { batch, threads, dtype, mode, device, cpu } = self;
        write!(f, "batch {batch}, {threads} thread{}, {dtype}, {mode}", if *threads == 1 { "" } else { "s" })?;
        for part in [device, cpu].into_iter().filter(|part| !["", "cpu"].contains(&part.as_str())) {
            write!(f, ", {part}")?;
        }
        Ok(())
    }
}

impl Published {
    /// Reads a row of a file in `published`.
    pub fn read(cells: &Cells<'_>, file: &str) -> Result<Published, String> {
        Ok(Published {
            model: cells.text("model"),
            dataset: cells.text("dataset"),
            epochs: cells.number("epochs")?,
            top1: cells.number("top1")?,
            params_m: cells.number("params_m")?,
            macs_m: cells.number("macs_m")?,
            source: cells.text("source"),
            table: cells.text("table"),
            note: cells.text("note"),
            file: file.into(),
        })
    }
}

impl Environment {
    fn read(cells: &Cells<'_>) -> Environment {
        Environment {
            device: cells.text("device"),
            cpu: cells.text("cpu"),
            threads: cells.text("threads"),
            libtorch: cells.text("libtorch"),
            dtype: cells.text("dtype"),
            memory_format: cells.text("memory_format"),
            revision: cells.text("revision"),
        }
    }
}
