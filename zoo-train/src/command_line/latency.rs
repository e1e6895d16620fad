//! `latency`: how long networks take, as one would deploy them.

mod printed;

use crate::command_line::path;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Error, bail};
use clap::ValueEnum;
use tch::Device;
use zoo_core::model::MemoryFormat;
use zoo_core::{Entry, Plan, Registry};

use super::engine::{parse_dtype, parse_engine, usual};
use super::machine::{device, set_threads};
use super::measuring::{Display, stop_with};
use super::network::NetworkArgs;
use super::usage::misused;
use printed::printed;
use zoo_engines::{Dtype, Engine};
use zoo_host::console::{say, tell};
use zoo_measure::processors::Processors;
use zoo_measure::{Deployment, LatencyError, Measurement, Network, Protocol, Times, Timing, Watch, measure};
use zoo_results::latency::Row;
use zoo_results::timed::NOISY;
use zoo_results::{Environment, TableError, TableOf, stages, status};
use zoo_settings::Precision;

#[derive(Clone, Debug, clap::Args)]
pub struct LatencyArgs {
    /// The models, as `list` names them
    #[arg(value_name = "MODEL", required = true)]
    models: Vec<String>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Batch sizes to measure, separated by commas
    #[arg(long, value_name = "N", default_value = "1", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..))]
    batch: Vec<u32>,
    /// Threads. The process is pinned to as many processors, the last ones that no other measurement is using
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=1024))]
    threads: i32,
    /// eager (the training model), libtorch (norms folded), zoo (our kernels), onnxruntime or openvino; several, separated
    /// by commas [default: all that are installed]
    #[arg(long, alias = "mode", value_name = "NAME", value_delimiter = ',', value_parser = parse_engine)]
    engine: Vec<&'static dyn Engine>,
    /// Number format: f32, bf16 (libtorch and openvino), or int8 (onnxruntime and openvino)
    #[arg(long, value_name = "NAME", default_value = "f32", value_parser = parse_dtype)]
    dtype: Dtype,
    /// Minimum number of measured runs
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// Minimum total measuring time in seconds
    #[arg(long, value_name = "T", default_value_t = 1.0, value_parser = parse_seconds)]
    seconds: f64,
    /// A file of weights for the one model given, in place of random ones, or an ONNX file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["width", "depth", "input_size", "classes", "profile", "in_channels"], value_parser = path::argument())]
    weights: Option<PathBuf>,
    /// Print the time of each stage beside its MACs, and write latency-stages.csv
    #[arg(long)]
    per_stage: bool,
    /// Compare each row with this model or engine: the ratio of their times with its confidence interval
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// cpu, cuda, cuda:N or mps
    #[arg(long, default_value = "cpu", value_name = "NAME")]
    device: String,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Folder to write the tables to
    #[arg(long, value_name = "DIR", default_value = "results", value_parser = path::argument())]
    results: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
}

/// What rows are set against.
enum Against {
    Model(&'static str),
    Engine(&'static dyn Engine),
}

pub fn run(registry: &Registry, args: &LatencyArgs) -> Result<(), Error> {
    let against = args.against.as_deref().map(|name| against(registry, name)).transpose()?;
    let cells = cells(registry, args, against.as_ref())?;
    // What cannot be kept is not measured first.
    TableOf::<Row>::new(&args.results).check()?;
    if args.per_stage {
        TableOf::<stages::Row>::new(&args.results).check()?;
    }
    let kept = Arc::new(Mutex::new(Kept::new(args, &cells, against)));
    let stopped = Arc::clone(&kept);
    stop_with(move || lock(&stopped).stop())?;
    set_threads(Some(args.threads));
    let (_processors, note) = Processors::take(args.threads as usize);
    note.iter().for_each(|note| say!("note: {note}"));
    let protocol = Protocol { runs: args.runs as usize, time: Duration::from_secs_f64(args.seconds) };
    let mut watch = Keeping { kept: &kept, display: Display::new(cells.iter().map(name).collect()) };
    measure(registry, &cells, &protocol, args.per_stage, &mut watch);
    watch.display.finish();
    // From now on nothing is to be kept any more.
    let mut kept = lock(&kept);
    let measurements = kept.measurements();
    kept.print(&measurements)?;
    warn_of_noise(&measurements);
    if let Some(error) = kept.unwritten.take() {
        return Err(error.into());
    }
    match measurements.iter().filter(|measurement| measurement.timing.is_err()).count() {
        0 => Ok(()),
        failed => bail!("{failed} of {} could not be measured; the status of their rows says why", measurements.len()),
    }
}

/// What is there of each cell so far, and what is done with it.
struct Kept {
    args: LatencyArgs,
    against: Option<Against>,
    environment: Environment,
    found: Vec<Found>,
    /// Why a row could not be written, the first time that happened.
    unwritten: Option<TableError>,
}

/// What is there of a cell.
struct Found {
    cell: Deployment,
    threads: i32,
    network: Option<(Plan, MemoryFormat)>,
    times: Times,
    /// With its row written.
    measured: Option<Measurement>,
}

impl Kept {
    fn new(args: &LatencyArgs, cells: &[Deployment], against: Option<Against>) -> Kept {
        let found = |cell: &Deployment| Found {
            cell: cell.clone(),
            threads: args.threads,
            network: None,
            times: Times::default(),
            measured: None,
        };
        Kept {
            args: args.clone(),
            against,
            environment: Environment::detect(&args.device).with_peak(),
            found: cells.iter().map(found).collect(),
            unwritten: None,
        }
    }

    /// Of all cells; what is not measured to the end was interrupted.
    fn measurements(&self) -> Vec<Measurement> {
        self.found.iter().map(|found| found.measured.as_ref().map_or_else(|| found.so_far(), copy)).collect()
    }

    fn write(&mut self, measurement: &Measurement) {
        // A row of latency.csv says that all is there: it comes last.
        let row = measurement.row(&self.environment);
        let written = write_stages(&self.args, measurement, &self.environment)
            .and_then(|warning| Ok([warning, TableOf::new(&self.args.results).append(&row)?]));
        match written {
            Ok(warnings) => warnings.into_iter().flatten().for_each(|warning| say!("warning: {warning}")),
            Err(error) => {
                self.unwritten.get_or_insert(error);
            }
        }
    }

    /// Prints and keeps what there is.
    fn stop(&mut self) {
        let measurements = self.measurements();
        if let Err(error) = self.print(&measurements) {
            say!("note: {error}");
        }
        for (place, measurement) in measurements.iter().enumerate() {
            if self.found[place].measured.is_none() && measurement.timing.is_ok() {
                self.write(measurement);
            }
        }
        self.unwritten.iter().for_each(|error| say!("note: {error}"));
        let whole = self.found.iter().filter(|found| found.measured.is_some()).count();
        say!("stopped: {whole} of {} were fully measured", self.found.len());
    }

    fn print(&self, measurements: &[Measurement]) -> Result<(), Error> {
        let rows: Vec<Row> = measurements.iter().map(|found| found.row(&self.environment)).collect();
        tell!("{}", printed(&self.args, measurements, &rows, self.against.as_ref())?.trim_end());
        Ok(())
    }
}

impl Found {
    /// What was found until now.
    fn so_far(&self) -> Measurement {
        let nothing = || LatencyError::Setting(status::INTERRUPTED.into());
        let timing = match &self.network {
            Some((_, format)) => Timing::of(self.times.clone(), *format).map_err(|_| nothing()),
            None => Err(nothing()),
        };
        let timing = timing.map(|timing| Timing { whole: false, ..timing });
        Measurement::of(&self.cell, self.network.as_ref().map(|(plan, _)| plan), self.threads, timing)
    }
}

/// Errors have no copies, their sentences do.
fn copy(measurement: &Measurement) -> Measurement {
    let timing = measurement.timing.as_ref().map(Clone::clone);
    Measurement {
        cell: measurement.cell.clone(),
        threads: measurement.threads,
        cost: measurement.cost,
        timing: timing.map_err(|error| LatencyError::Setting(error.to_string())),
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows how far it is, and keeps what there is.
struct Keeping<'a> {
    kept: &'a Mutex<Kept>,
    display: Display,
}

impl Watch for Keeping<'_> {
    fn builds(&mut self, cell: usize) {
        self.display.show(cell, "building");
    }

    fn built(&mut self, cell: usize, network: &Network) {
        lock(self.kept).found[cell].network = Some((network.plan().clone(), network.format()));
    }

    fn warms(&mut self, cell: usize) {
        self.display.show(cell, "warming up");
    }

    fn round(&mut self, cell: usize, runs: &[f64]) {
        lock(self.kept).found[cell].times.push(runs.to_vec());
        self.display.round(cell);
    }

    fn failed(&mut self, cell: usize, _error: &LatencyError) {
        self.display.end(cell);
    }

    fn measured(&mut self, cell: usize, measurement: &Measurement) {
        self.display.show(cell, "writing the row of");
        let mut kept = lock(self.kept);
        kept.write(measurement);
        kept.found[cell].measured = Some(copy(measurement));
    }
}

/// What a cell is called while it is measured.
fn name(cell: &Deployment) -> String {
    format!("{}, batch {}, {}", cell.entry.variant.name, cell.batch, cell.engine.name())
}

fn against(registry: &Registry, name: &str) -> Result<Against, Error> {
    match zoo_engines::find(name) {
        Ok(engine) => Ok(Against::Engine(engine)),
        Err(_) => Ok(Against::Model(registry.find(name)?.variant.name)),
    }
}

/// Every model, and what it is set against, with every batch and engine.
fn cells(registry: &Registry, args: &LatencyArgs, against: Option<&Against>) -> Result<Vec<Deployment>, Error> {
    let device = device(&args.device, Precision::F32, true)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut engines = if args.engine.is_empty() { usual(args.dtype) } else { args.engine.clone() };
    let other = match against {
        Some(Against::Model(name)) => Some(*name),
        Some(Against::Engine(engine)) => {
            engines.push(*engine);
            None
        }
        None => None,
    };
    for name in args.models.iter().map(String::as_str).chain(other) {
        let entry = registry.find(name)?;
        if !entries.iter().any(|known| known.variant.name == entry.variant.name) {
            entries.push(entry);
        }
    }
    if args.weights.is_some() && entries.len() > 1 {
        misused!("--weights belong to one model, but {} are given: name one", entries.len());
    }
    let mut cells: Vec<Deployment> = Vec::new();
    for entry in entries {
        for &batch in &args.batch {
            for &engine in &engines {
                if !cells.iter().any(|known| is(known, entry.variant.name, batch, engine)) {
                    cells.push(cell(args, entry, batch, engine, device)?);
                }
            }
        }
    }
    Ok(cells)
}

fn is(cell: &Deployment, model: &str, batch: u32, engine: &'static dyn Engine) -> bool {
    (cell.entry.variant.name, cell.batch, cell.engine) == (model, batch, engine)
}

fn cell(
    args: &LatencyArgs,
    entry: Entry,
    batch: u32,
    engine: &'static dyn Engine,
    device: Device,
) -> Result<Deployment, Error> {
    let own = entry.architecture.profile_name(entry.variant.options.profile);
    Ok(Deployment {
        entry,
        options: args.network.without_profile().options(&entry)?,
        profile: args.network.scale.profile.clone().unwrap_or_else(|| own.into()),
        batch,
        engine,
        dtype: args.dtype,
        device,
        weights: args.weights.clone(),
    })
}

fn write_stages(
    args: &LatencyArgs,
    measurement: &Measurement,
    environment: &Environment,
) -> Result<Option<String>, TableError> {
    let rows = measurement.stage_rows(environment);
    if rows.is_empty() { Ok(None) } else { TableOf::new(&args.results).append_all(&rows) }
}

fn warn_of_noise(measurements: &[Measurement]) {
    let noise = measurements.iter().filter_map(|measurement| measurement.timing.as_ref().ok());
    let worst = noise.map(|timing| timing.counted.noise).fold(0.0, f64::max);
    if worst > NOISY {
        say!(
            "warning: the machine was noisy: medians of rounds differ by up to {worst:.1} %; stop other work and measure \
             again, or take more time with --seconds"
        );
    }
}

pub fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| format!("`{text}` is not a time; expected seconds, from 0 to 86400"))
}
