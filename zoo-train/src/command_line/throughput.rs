//! `throughput`: images a second, in training and in inference.

use crate::command_line::path;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Error, bail};
use toml::Table as Toml;
use zoo_core::Registry;
use zoo_core::summary::{Align, Table, grouped};

use super::latency::parse_seconds;
use super::machine::{device, set_threads};
use super::measuring::{Display, stop_with};
use super::network::NetworkArgs;
use super::usage::misused;
use zoo_host::console::{say, tell};
use zoo_measure::processors::Processors;
use zoo_measure::throughput::{self, Load, Pass, TRAIN, Throughput};
use zoo_measure::{LatencyError, Network, Protocol, Times, Watch};
use zoo_results::throughput::Row;
use zoo_results::timed::NOISY;
use zoo_results::{Environment, TableError, TableOf};
use zoo_settings::Precision;
use zoo_settings::Settings;

#[derive(Debug, clap::Args)]
pub struct ThroughputArgs {
    /// The models, as `list` names them
    #[arg(value_name = "MODEL", required = true)]
    models: Vec<String>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Batch sizes to measure, separated by commas
    #[arg(long, value_name = "N", default_value = "32", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..))]
    batch: Vec<u32>,
    /// Threads [default: one per processor]. With fewer, and for inference only, the process is pinned to as many
    /// processors, the last ones that no other measurement is using
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=1024))]
    threads: Option<i32>,
    /// train (batches are prepared in the background), or an inference engine: eager, libtorch, zoo, onnxruntime or
    /// openvino; several, separated by commas [default: train and zoo, if they support the number format]
    #[arg(long, alias = "mode", value_name = "NAME", value_delimiter = ',')]
    engine: Vec<String>,
    /// Number format: f32, tf32 (training on CUDA), bf16 or int8 (inference)
    #[arg(long, value_name = "NAME", default_value = "f32")]
    dtype: String,
    /// Minimum number of measured batches
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// Minimum total measuring time in seconds
    #[arg(long, value_name = "T", default_value_t = 5.0, value_parser = parse_seconds)]
    seconds: f64,
    /// cpu, cuda, cuda:N or mps
    #[arg(long, default_value = "cpu", value_name = "NAME")]
    device: String,
    /// Folder to write throughput.csv to
    #[arg(long, value_name = "DIR", default_value = "results", value_parser = path::argument())]
    results: PathBuf,
}

pub fn run(registry: &Registry, args: &ThroughputArgs) -> Result<(), Error> {
    let loads = loads(registry, args)?;
    // What cannot be kept is not measured first.
    TableOf::<Row>::new(&args.results).check()?;
    let kept = Arc::new(Mutex::new(Kept::new(args)));
    let stopped = Arc::clone(&kept);
    stop_with(move || lock(&stopped).stop())?;
    set_threads(args.threads);
    let _processors = processors(args, &loads);
    let protocol = Protocol { runs: args.runs as usize, time: Duration::from_secs_f64(args.seconds) };
    let (settings, _) = Settings::layered(None, Toml::new())?;
    let mut display = Display::new(loads.iter().map(name).collect());
    for (place, load) in loads.into_iter().enumerate() {
        let load = Load { threads: tch::get_num_threads(), ..load };
        lock(&kept).now = Some(Now { load: load.clone(), times: Times::default(), format: throughput::TRAINED });
        let found = match load.plan() {
            Ok(_) => {
                let mut watch = Keeping { kept: &kept, display: &mut display, place };
                load.measure(registry, &protocol, &settings, &args.results, &mut watch)
            }
            Err(error) => Err(LatencyError::from(error)),
        };
        display.end(place);
        lock(&kept).keep(&load, found.map_err(|error| error.to_string()));
    }
    display.finish();
    // From now on nothing is to be kept any more.
    let mut kept = lock(&kept);
    tell!("{}", kept.shown.render().trim_end());
    if kept.noise > NOISY {
        let noise = kept.noise;
        say!("warning: the machine was noisy: medians of rounds differ by up to {noise:.1} %; measure again");
    }
    if let Some(error) = kept.unwritten.take() {
        return Err(error.into());
    }
    match kept.failed {
        0 => Ok(()),
        failed => bail!("{failed} could not be measured; the status of their rows says why"),
    }
}

/// What is there so far.
struct Kept {
    results: PathBuf,
    environment: Environment,
    shown: Table,
    failed: usize,
    noise: f64,
    /// What is measured now.
    now: Option<Now>,
    /// Why a row could not be written, the first time that happened.
    unwritten: Option<TableError>,
}

/// What is measured, with its times so far.
struct Now {
    load: Load,
    times: Times,
    format: &'static str,
}

impl Kept {
    fn new(args: &ThroughputArgs) -> Kept {
        Kept {
            results: args.results.clone(),
            environment: Environment::detect(&args.device).with_peak(),
            shown: table(),
            failed: 0,
            noise: 0.0,
            now: None,
            unwritten: None,
        }
    }

    /// Writes and shows what was found of `load`.
    fn keep(&mut self, load: &Load, found: Result<Throughput, String>) {
        let cost = load.plan().ok().map(|plan| plan.cost);
        let row = load.row(cost, found.as_ref().map_err(String::as_str), &self.environment);
        match TableOf::new(&self.results).append(&row) {
            Ok(warning) => warning.iter().for_each(|warning| say!("warning: {warning}")),
            Err(error) => {
                self.unwritten.get_or_insert(error);
            }
        }
        self.failed += usize::from(found.is_err());
        self.noise = self.noise.max(found.as_ref().map_or(0.0, |found| found.counted.noise));
        self.shown.row(line(load, cost.map_or(0, |cost| cost.macs), &found));
        self.now = None;
    }

    /// Prints and keeps what there is.
    fn stop(&mut self) {
        if let Some(Now { load, times, format }) = self.now.take()
            && let Ok(found) = load.found(&times, format)
        {
            self.keep(&load, Ok(Throughput { whole: false, ..found }));
        }
        tell!("{}", self.shown.render().trim_end());
        self.unwritten.iter().for_each(|error| say!("note: {error}"));
        say!("stopped: what was measured until now is above");
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows how far it is, and keeps the times of what is measured now.
struct Keeping<'a> {
    kept: &'a Mutex<Kept>,
    display: &'a mut Display,
    place: usize,
}

impl Watch for Keeping<'_> {
    fn builds(&mut self, _: usize) {
        self.display.show(self.place, "building");
    }

    fn built(&mut self, _: usize, network: &Network) {
        if let Some(now) = &mut lock(self.kept).now {
            now.format = network.format().name();
        }
    }

    fn warms(&mut self, _: usize) {
        self.display.show(self.place, "warming up");
    }

    fn round(&mut self, _: usize, runs: &[f64]) {
        if let Some(now) = &mut lock(self.kept).now {
            now.times.push(runs.to_vec());
        }
        self.display.round(self.place);
    }
}

/// What a load is called while it is measured.
fn name(load: &Load) -> String {
    format!("{}, batch {}, {}", load.entry.variant.name, load.batch, load.pass.name())
}

/// Processors of its own for inference on some of them. Training has more threads than those of libtorch, and is not kept
/// from the others.
fn processors(args: &ThroughputArgs, loads: &[Load]) -> Option<Processors> {
    let threads = usize::try_from(args.threads?).ok()?;
    let fewer = threads < zoo_native::cpu::processors().len();
    if !fewer || loads.iter().any(|load| matches!(load.pass, Pass::Train(_))) {
        return None;
    }
    let (processors, note) = Processors::take(threads);
    note.iter().for_each(|note| say!("note: {note}"));
    Some(processors)
}

/// What is measured: what was named, or the usual as far as it has the numbers.
fn passes(args: &ThroughputArgs) -> Result<Vec<Pass>, Error> {
    if args.engine.is_empty() {
        let usual = [TRAIN, zoo_engines::ZOO.name()].map(|name| Pass::find(name, &args.dtype));
        let has = |pass: &Pass| match pass {
            Pass::Train(_) => true,
            Pass::Infer(engine, dtype) => engine.dtypes().contains(dtype),
        };
        let found: Vec<Pass> = usual.into_iter().flatten().filter(has).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        misused!("neither training nor zoo computes in `{}`: give --engine, or another --dtype", args.dtype);
    }
    let mut passes = Vec::new();
    for name in &args.engine {
        match Pass::find(name, &args.dtype) {
            Ok(pass) => passes.push(pass),
            Err(problem) => misused!("{problem}"),
        }
    }
    Ok(passes)
}

/// Every model with every batch and engine.
fn loads(registry: &Registry, args: &ThroughputArgs) -> Result<Vec<Load>, Error> {
    let passes = passes(args)?;
    let device = device(&args.device, Precision::find(&args.dtype).unwrap_or_default(), true)?;
    let mut loads = Vec::new();
    for model in &args.models {
        let entry = registry.find(model)?;
        let options = args.network.options(&entry)?;
        let profile = entry.architecture.profile_name(options.profile);
        for &batch in &args.batch {
            loads.extend(passes.iter().map(|&pass| Load {
                entry,
                options,
                profile: profile.into(),
                batch,
                threads: 0,
                pass,
                device,
            }));
        }
    }
    Ok(loads)
}

fn table() -> Table {
    let (left, right) = (Align::Left, Align::Right);
    Table::new(&[
        ("model", left),
        ("input", right),
        ("batch", right),
        ("engine", left),
        ("MACs", right),
        ("img/s", right),
        ("noise %", right),
        ("status", left),
    ])
}

fn line(load: &Load, macs: u64, found: &Result<Throughput, String>) -> [String; 8] {
    let speed = found.as_ref().map(|found| format!("{:.1}", found.images_per_second)).unwrap_or_default();
    let noise = found.as_ref().map(|found| format!("{:.1}", found.counted.noise)).unwrap_or_default();
    [
        load.entry.variant.name.into(),
        load.options.input().to_string(),
        load.batch.to_string(),
        load.pass.name().into(),
        grouped(macs),
        speed,
        noise,
        found.as_ref().map_or_else(String::clone, |found| found.status().into()),
    ]
}
