//! Images a second of one network, in training or in inference on one engine.

use std::path::Path;
use std::rc::Rc;

use tch::Device;
use zoo_core::{Entry, Options, Plan, PlanError, Registry};

use super::protocol::{Protocol, ROUNDS, Subject};
use super::statistics::median;
use super::times::{Counted, Times};
use super::{Deployment, LatencyError, Watch, measure};
use crate::steps::Steps;
use zoo_data::synthetic;
use zoo_engines::{Dtype, Engine};
use zoo_results::environment::peak_memory_mb;
use zoo_results::{accuracy, status};
use zoo_settings::Precision;
use zoo_settings::Settings;
use zoo_training::TrainError;
use zoo_training::comm::Comm;
use zoo_training::folder::Resume;
use zoo_training::progress::Verbosity;
use zoo_training::run::Request;

/// Batches of synthetic images that training goes round in.
const BATCHES: usize = 4;
const CLASSES: usize = 10;
/// Name of the memory format of training.
pub const TRAINED: &str = accuracy::Row::MEMORY_FORMAT;

/// What images pass through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Training in this precision: batches are prepared, then forward, backward and update.
    Train(Precision),
    /// Inference on an engine, from normalised images in memory.
    Infer(&'static dyn Engine, Dtype),
}

/// What training is called among the names of engines.
pub const TRAIN: &str = "train";

/// All that [`Pass::find`] knows by name.
pub fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(TRAIN).chain(zoo_engines::ENGINES.into_iter().map(|engine| engine.name()))
}

/// Whether anything computes in numbers of that name.
pub fn is_dtype(name: &str) -> bool {
    Precision::find(name).is_some() || Dtype::parse(name).is_ok()
}

impl Pass {
    /// The one of a name, which is [`TRAIN`] or an engine's, in numbers by their name.
    ///
    /// # Errors
    /// Where there is no such engine, or it has no such numbers; the sentence names those that there are.
    pub fn find(name: &str, dtype: &str) -> Result<Pass, String> {
        if name == TRAIN {
            let unknown = || format!("unknown dtype `{dtype}` for training; expected f32, tf32 or bf16");
            return Precision::find(dtype).map(Pass::Train).ok_or_else(unknown);
        }
        let engine = zoo_engines::find(name).map_err(|error| error.to_string())?;
        Ok(Pass::Infer(engine, Dtype::parse(dtype)?))
    }

    /// The name in flags and in the column `engine`.
    pub fn name(self) -> &'static str {
        match self {
            Pass::Train(_) => TRAIN,
            Pass::Infer(engine, _) => engine.name(),
        }
    }

    /// The name of its numbers.
    pub fn dtype(self) -> &'static str {
        match self {
            Pass::Train(precision) => precision.name(),
            Pass::Infer(_, dtype) => dtype.name(),
        }
    }

    /// The version of what computes.
    pub fn version(self) -> String {
        match self {
            Pass::Train(_) => zoo_engines::ZOO.version(),
            Pass::Infer(engine, _) => engine.version(),
        }
        .unwrap_or_default()
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
    /// What images pass through.
    pub pass: Pass,
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
        let classes = if matches!(self.pass, Pass::Train(_)) { CLASSES as u32 } else { self.options.classes };
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
        let (times, format) = match self.pass {
            Pass::Train(precision) => (self.train(protocol, precision, settings, results, watch)?, TRAINED),
            Pass::Infer(engine, dtype) => self.infer(registry, protocol, (engine, dtype), watch)?,
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
        (engine, dtype): (&'static dyn Engine, Dtype),
        watch: &mut dyn Watch,
    ) -> Result<(Times, &'static str), LatencyError> {
        let cell = Deployment {
            entry: self.entry,
            options: self.options,
            profile: self.profile.clone(),
            batch: self.batch,
            engine,
            dtype,
            device: self.device,
            weights: None,
        };
        let timing = measure(registry, &[cell], protocol, false, watch).remove(0).timing?;
        Ok((timing.times, timing.format.name()))
    }

    fn train(
        &self,
        protocol: &Protocol,
        precision: Precision,
        settings: &Settings,
        results: &Path,
        watch: &mut dyn Watch,
    ) -> Result<Times, LatencyError> {
        watch.builds(0);
        let mut steps = self.steps(precision, settings, results)?;
        protocol.measure(&mut [&mut steps as &mut dyn Subject], watch).remove(0)
    }

    fn steps(&self, precision: Precision, settings: &Settings, results: &Path) -> Result<Steps, TrainError> {
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
        settings.run.precision = precision;
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
            comm: Rc::new(Comm::alone()),
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
    fn passes_are_found_by_their_names() {
        assert_eq!(Pass::find("train", "bf16"), Ok(Pass::Train(Precision::Bf16)));
        assert_eq!(Pass::find("zoo", "f32"), Ok(Pass::Infer(zoo_engines::ZOO, Dtype::F32)));
        assert!(Pass::find("fast", "f32").unwrap_err().contains("unknown engine `fast`"));
        assert!(Pass::find("zoo", "tf32").unwrap_err().contains("f32, bf16 or int8"));
    }

    #[test]
    fn counts_are_those_of_the_network_that_is_timed() {
        let entry = Registry::default().find("mobilenet-v3-small").unwrap();
        let load = |pass| Load {
            entry,
            options: entry.variant.options,
            profile: "native".into(),
            batch: 4,
            threads: 1,
            pass,
            device: Device::Cpu,
        };
        let params = |pass| load(pass).plan().unwrap().cost.params;
        assert_eq!(params(Pass::Infer(zoo_engines::ZOO, Dtype::F32)) - params(Pass::Train(Precision::F32)), 990 * 1025);
    }
}
