//! Images a second of one network, in training or in one of the modes of inference.

use std::path::Path;

use tch::Device;
use zoo_core::{Entry, Options, Plan, PlanError, Registry};

use super::network::Mode;
use super::protocol::{Protocol, ROUNDS, Subject};
use super::statistics::median;
use super::times::{Counted, Times};
use super::{Deployment, LatencyError, Watch, measure};
use crate::steps::Steps;
use zoo_data::synthetic;
use zoo_results::environment::peak_memory_mb;
use zoo_results::{accuracy, status};
use zoo_settings::Precision;
use zoo_settings::Settings;
use zoo_training::TrainError;
use zoo_training::folder::Resume;
use zoo_training::progress::Verbosity;
use zoo_training::run::Request;

/// Batches of synthetic images that training goes round in.
const BATCHES: usize = 4;
const CLASSES: usize = 10;
/// Name of the memory format of training.
pub const TRAINED: &str = accuracy::Row::MEMORY_FORMAT;

/// What images pass through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// Training: batches are prepared, then forward, backward and update.
    Train,
    /// Inference, from normalised images in memory.
    Infer(Mode),
}

impl Pass {
    /// All, in the order they are measured.
    pub const ALL: [Pass; 5] = [
        Pass::Train,
        Pass::Infer(Mode::Eager),
        Pass::Infer(Mode::Folded),
        Pass::Infer(Mode::Jit),
        Pass::Infer(Mode::Native),
    ];

    /// The name in flags and in the column `mode`.
    pub const fn name(self) -> &'static str {
        match self {
            Pass::Train => "train",
            Pass::Infer(mode) => mode.name(),
        }
    }

    /// The work of that name.
    pub fn find(name: &str) -> Option<Pass> {
        Pass::ALL.into_iter().find(|work| work.name() == name)
    }
}

/// What is measured.
#[derive(Clone, Debug)]
pub struct Load {
    /// The variant.
    pub entry: Entry,
    /// The options that it is planned with.
    pub options: Options,
    /// Name of the profile in them.
    pub profile: String,
    /// Images at once.
    pub batch: u32,
    /// Threads of libtorch.
    pub threads: i32,
    /// Numbers that training computes with; inference has 32 bits.
    pub precision: Precision,
    /// What images pass through.
    pub work: Pass,
    /// Where.
    pub device: Device,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Throughput {
    /// Images a second, by the median.
    pub images_per_second: f64,
    /// Median of a batch in milliseconds.
    pub p50_ms: f64,
    /// Batches that were counted, and what of the noise is known.
    pub counted: Counted,
    /// Peak resident memory of the process so far in MiB; none where the system does not tell.
    pub peak_mb: Option<f64>,
    /// Name of the memory format of its maps.
    pub format: &'static str,
    /// Whether it was measured to the end, and not stopped before.
    pub whole: bool,
}

impl Load {
    /// The plan of the network that is timed. Training has its images' classes, whatever the options say.
    ///
    /// # Errors
    /// Where the options give no network.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        let classes = if self.work == Pass::Train { CLASSES as u32 } else { self.options.classes };
        Plan::new(self.entry.architecture, &Options { classes, ..self.options })
    }

    /// Measures it; in training, `settings` say how but for what is in `self`, and `results` is a folder to write to.
    ///
    /// # Errors
    /// Where the network cannot be built or run.
    pub fn measure(
        &self,
        registry: &Registry,
        protocol: &Protocol,
        settings: &Settings,
        results: &Path,
        watch: &mut dyn Watch,
    ) -> Result<Throughput, LatencyError> {
        let (times, format) = match self.work {
            Pass::Train => (self.train(protocol, settings, results, watch)?, TRAINED),
            Pass::Infer(mode) => self.infer(registry, protocol, mode, watch)?,
        };
        self.found(&times, format)
    }

    /// What its times come to.
    ///
    /// # Errors
    /// Where there is none.
    pub fn found(&self, times: &Times, format: &'static str) -> Result<Throughput, LatencyError> {
        let counted = times.counted(ROUNDS);
        let nothing = || LatencyError::Setting("no run was counted: raise --runs".into());
        let p50_ms = median(&counted.runs).ok_or_else(nothing)?;
        let images_per_second = f64::from(self.batch) * 1e3 / p50_ms.max(f64::MIN_POSITIVE);
        Ok(Throughput { images_per_second, p50_ms, counted, peak_mb: peak_memory_mb(), format, whole: true })
    }

    fn infer(
        &self,
        registry: &Registry,
        protocol: &Protocol,
        mode: Mode,
        watch: &mut dyn Watch,
    ) -> Result<(Times, &'static str), LatencyError> {
        let cell = Deployment {
            entry: self.entry,
            options: self.options,
            profile: self.profile.clone(),
            batch: self.batch,
            mode,
            device: self.device,
            weights: None,
        };
        let timing = measure(registry, &[cell], protocol, false, watch).remove(0).timing?;
        Ok((timing.times, timing.format.name()))
    }

    fn train(
        &self,
        protocol: &Protocol,
        settings: &Settings,
        results: &Path,
        watch: &mut dyn Watch,
    ) -> Result<Times, LatencyError> {
        watch.builds(0);
        let mut steps = self.steps(settings, results)?;
        protocol.measure(&mut [&mut steps as &mut dyn Subject], watch).remove(0)
    }

    fn steps(&self, settings: &Settings, results: &Path) -> Result<Steps, TrainError> {
        let batch_size = self.batch as usize;
        let mut settings = settings.clone();
        settings.network = zoo_settings::Network {
            model: self.entry.variant.name.into(),
            width: Some(self.options.width),
            depth: Some(self.options.depth),
            input_size: self.options.input_size,
            in_channels: self.options.in_channels,
            profile: self.profile.clone(),
            ..settings.network
        };
        settings.schedule.batch_size = batch_size;
        settings.run.precision = self.precision;
        settings.data.dataset = synthetic::NAME.into();
        let side = settings.network.input_size.shorter() as usize;
        let dataset = synthetic::generate(settings.run.seed, BATCHES * batch_size, CLASSES, side, CLASSES);
        let request = Request {
            entry: self.entry,
            settings,
            budget: None,
            weights: None,
            resume: Resume::No,
            results: results.into(),
            device: self.device,
            begun: std::time::Instant::now(),
            verbosity: Verbosity::Quiet,
        };
        Steps::new(&request, dataset)
    }
}

impl Throughput {
    /// The status of its row.
    pub fn status(&self) -> &'static str {
        if self.whole { status::DONE } else { status::INTERRUPTED }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_found_by_its_name() {
        assert!(Pass::ALL.into_iter().all(|work| Pass::find(work.name()) == Some(work)));
        assert_eq!(Pass::find("fast"), None);
    }

    #[test]
    fn counts_are_those_of_the_network_that_is_timed() {
        let entry = Registry::default().find("mobilenet-v3-small").unwrap();
        let load = |work| Load {
            entry,
            options: entry.variant.options,
            profile: "native".into(),
            batch: 4,
            threads: 1,
            precision: Precision::F32,
            work,
            device: Device::Cpu,
        };
        let params = |work| load(work).plan().unwrap().cost.params;
        assert_eq!(params(Pass::Infer(Mode::Native)) - params(Pass::Train), 990 * 1025);
    }
}
