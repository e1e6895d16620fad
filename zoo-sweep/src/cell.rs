//! A cell of a sweep: one network, and what is measured of it.

use std::fmt;
use std::time::Duration;

use tch::Device;
use zoo_core::{Cost, Entry, Options};

use super::Kind;
use super::training::Training;
use zoo_engines::{Dtype, Engine};
use zoo_measure::Protocol;
use zoo_measure::throughput::{Load, Pass};

/// A cell.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Line of its grid in the sweep file.
    pub line: usize,
    /// The variant.
    pub entry: Entry,
    /// The options that it is planned with.
    pub options: Options,
    /// Name of the profile in them.
    pub profile: String,
    /// What one image costs.
    pub cost: Cost,
    /// What is measured of it.
    pub work: Work,
    /// Wall time after which it is given up.
    pub timeout: Option<Duration>,
}

/// What is measured of a network.
#[derive(Clone, Debug)]
pub enum Work {
    /// Its exact costs.
    Count,
    /// Milliseconds of a batch.
    Latency {
        /// How.
        timing: Timing,
        /// What runs it.
        engine: &'static dyn Engine,
        /// The numbers it computes with.
        dtype: Dtype,
        /// Whether stages are timed, too.
        per_stage: bool,
    },
    /// Images a second.
    Throughput {
        /// How.
        timing: Timing,
        /// Training, or inference on an engine.
        pass: Pass,
    },
    /// Percent of a test set.
    Accuracy(Box<Training>),
}

/// How a network is timed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Images at once.
    pub batch: u32,
    /// Threads of libtorch.
    pub threads: i32,
    /// How much is measured.
    pub protocol: Protocol,
}

impl Cell {
    /// What is measured.
    pub fn kind(&self) -> Kind {
        match self.work {
            Work::Count => Kind::Count,
            Work::Latency { .. } => Kind::Latency,
            Work::Throughput { .. } => Kind::Throughput,
            Work::Accuracy(_) => Kind::Accuracy,
        }
    }

    /// What its table tells it by, as text. What follows from that, such as MACs, is not among it.
    fn identity(&self) -> Vec<String> {
        let mut values = vec![
            self.entry.variant.name.to_string(),
            self.options.width.to_string(),
            self.options.depth.to_string(),
            self.options.input().to_string(),
            self.profile.clone(),
        ];
        match &self.work {
            Work::Count => values.push(self.options.classes.to_string()),
            Work::Latency { timing, engine, dtype, .. } => values.extend(timing.identity(dtype.name(), engine.name())),
            Work::Throughput { timing, pass } => values.extend(timing.identity(pass.dtype(), pass.name())),
            Work::Accuracy(training) => values.extend(training.identity()),
        }
        values
    }

    /// A name for its files: the identity, with characters that every file system has.
    pub fn file_name(&self) -> String {
        let recipe = match &self.work {
            Work::Accuracy(training) => format!("-{}", training.settings.hash()),
            // The table has no such column.
            Work::Latency { .. } if self.options.classes != self.entry.variant.options.classes => {
                format!("-{}-classes", self.options.classes)
            }
            _ => String::new(),
        };
        format!("{}-{}{recipe}", self.kind().name(), self.identity().join("-"))
    }

    /// What the network costs that is timed: in training, the one with the classes of the images there.
    pub fn timed_cost(&self) -> Cost {
        match &self.work {
            Work::Throughput { timing, pass } => self.load(timing, *pass).plan().map_or(self.cost, |plan| plan.cost),
            _ => self.cost,
        }
    }

    /// The network as it is deployed.
    pub(super) fn deployment(
        &self,
        timing: &Timing,
        engine: &'static dyn Engine,
        dtype: Dtype,
    ) -> zoo_measure::Deployment {
        zoo_measure::Deployment {
            entry: self.entry,
            options: self.options,
            profile: self.profile.clone(),
            batch: timing.batch,
            engine,
            dtype,
            device: Device::Cpu,
            weights: None,
        }
    }

    /// The cell as `throughput` takes it.
    pub(super) fn load(&self, timing: &Timing, pass: Pass) -> Load {
        Load {
            entry: self.entry,
            options: self.options,
            profile: self.profile.clone(),
            batch: timing.batch,
            threads: timing.threads,
            pass,
            device: Device::Cpu,
        }
    }
}

impl Timing {
    fn identity(&self, dtype: &str, engine: &str) -> [String; 4] {
        [self.batch.to_string(), self.threads.to_string(), dtype.into(), engine.into()]
    }

    /// Whether a row was timed so.
    pub(super) fn is_of(&self, batch: u32, threads: u32) -> bool {
        (self.batch, self.threads.unsigned_abs()) == (batch, threads)
    }
}

/// What a reader needs to know it by.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.entry.variant.options;
        write!(f, "{} {}", self.kind().name(), self.entry.variant.name)?;
        if self.options.width != own.width {
            write!(f, " x{} wide", self.options.width)?;
        }
        if self.options.depth != own.depth {
            write!(f, " x{} deep", self.options.depth)?;
        }
        write!(f, ", {} px, {}", self.options.input(), self.profile)?;
        match &self.work {
            Work::Count => write!(f, ", {} classes", self.options.classes),
            Work::Latency { timing, engine, dtype, .. } => {
                write!(f, ", {}", timing.say(dtype.name(), engine.name()))?;
                if self.options.classes == own.classes {
                    Ok(())
                } else {
                    write!(f, ", {} classes", self.options.classes)
                }
            }
            Work::Throughput { timing, pass } => write!(f, ", {}", timing.say(pass.dtype(), pass.name())),
            Work::Accuracy(training) => write!(f, ", seed {}", training.settings.run.seed),
        }
    }
}

impl Timing {
    fn say(&self, dtype: &str, engine: &str) -> String {
        let threads = if self.threads == 1 { "1 thread".to_string() } else { format!("{} threads", self.threads) };
        format!("batch {}, {threads}, {dtype}, {engine}", self.batch)
    }
}
