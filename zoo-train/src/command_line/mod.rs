//! The command line: what is typed, and which part of the library answers.
//!
//! Owns flags and the order of the subcommands, and turns errors into sentences and the codes of [`zoo_host::exit`].

mod choose;
mod choose_measure;
mod classifier;
mod data;
mod deployed;
mod doctor;
mod ending;
mod engine;
mod eval;
mod export;
mod export_onnx;
mod latency;
mod list;
mod machine;
mod measuring;
mod network;
mod output;
mod path;
mod predict;
mod quantize;
mod quantize_data;
mod report;
mod seen;
mod show;
mod sweep;
mod sweep_emit;
mod sweep_merge;
mod throughput;
mod train;
mod typed;
mod usage;
mod waiting;
mod weights;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::ExitCode;

use anyhow::Error;
use clap::{Parser, Subcommand};
use zoo_core::{Architecture, Registry};

use zoo_host::console::{self, say};
use zoo_host::{exit, interrupt};
use zoo_native::cpu::Simd;

/// Where this variable is set, a command is read and not carried out, for the test of those that the documentation shows.
const PARSE_ONLY: &str = "ZOO_PARSE_ONLY";

/// Train, evaluate, measure and compare the networks of the zoo.
///
/// Without a subcommand it trains: `zoo-train efficientnet-b2`.
#[derive(Debug, Parser)]
#[command(name = "zoo-train", version, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    train: train::TrainArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the models with their exact counts.
    List(list::ListArgs),
    /// Show a model: a summary by layer, a drawing, or what it costs against another.
    Show(show::ShowArgs),
    /// Train a model (the default if no subcommand is given).
    Train(Box<train::Named>),
    /// Evaluate a checkpoint on a test set.
    Eval(eval::EvalArgs),
    /// Classify images, or write the logits of tensors.
    Predict(predict::PredictArgs),
    /// Measure the inference latency of models, as they are deployed.
    Latency(latency::LatencyArgs),
    /// Name the most accurate network under a time budget, on this machine, from the tables of results.
    Choose(choose::ChooseArgs),
    /// Measure the throughput of models, in images per second, in training and in inference.
    Throughput(throughput::ThroughputArgs),
    /// Train, measure or count a grid of models that a file describes.
    ///
    /// Each cell runs in a process of its own and becomes a row of the tables in --results, written as it comes. A crash, a
    /// time-out or running out of memory becomes a row with that status, and the sweep continues. The same command runs what
    /// is missing: cells with a row are skipped, failed ones too unless --retry is given, and an interrupted training resumes
    /// from its checkpoint. The exit code is 0 if every cell succeeded, 1 if some failed, 42 if some can never work, and 75 or
    /// 130 if it was stopped by a scheduler or by Ctrl-C.
    Sweep(sweep::SweepArgs),
    /// Write a network for others: as ONNX, or as weights under the names that Python expects.
    Export(export::ExportArgs),
    /// Make an int8 network of trained weights, as ONNX.
    Quantize(quantize::QuantizeArgs),
    /// Draw trade-off curves from the tables of results, as a page and as figures.
    Report(report::ReportArgs),
    /// Get or check a data set.
    Data(data::DataArgs),
    /// Print what this build and this machine have: libtorch, processor, data.
    Doctor(doctor::DoctorArgs),
}

impl Command {
    /// Whether networks run in it, in this process or in those that it starts.
    fn computes(&self) -> bool {
        match self {
            Command::Train(_) | Command::Eval(_) | Command::Predict(_) | Command::Sweep(_) | Command::Quantize(_) => {
                true
            }
            Command::Latency(_) | Command::Throughput(_) => true,
            Command::List(_) | Command::Show(_) | Command::Export(_) => false,
            Command::Choose(_) | Command::Report(_) | Command::Data(_) | Command::Doctor(_) => false,
        }
    }
}

/// How a command ended, other than by an error.
enum Outcome {
    Done,
    Interrupted,
}

/// Runs the command line of this process over the built-in architectures and `extra` ones.
///
/// A crate of one's own gets the whole harness with it:
///
/// ```no_run
/// use zoo_core::arch::MOBILENET_V2; // or a table of one's own
///
/// fn main() -> std::process::ExitCode {
///     zoo_train::main_with(&[&MOBILENET_V2])
/// }
/// ```
pub fn main_with(extra: &[&'static Architecture]) -> ExitCode {
    zoo_results::set_revision(env!("ZOO_REVISION"));
    sweep::end_with_sweep();
    interrupt::survive_limits();
    zoo_native::allocator::keep_freed_memory();
    let registry = Registry::with(extra);
    let ended = run(&registry, std::env::args_os());
    let lost = console::lost().filter(|error| error.kind() != ErrorKind::BrokenPipe);
    match ended.and_then(|outcome| lost.map_or(Ok(outcome), |error| Err(unprinted(error)))) {
        Ok(Outcome::Done) => ExitCode::from(exit::DONE),
        Ok(Outcome::Interrupted) => ExitCode::from(interrupt::code()),
        Err(error) if is_broken_pipe(&error) => ExitCode::from(exit::DONE),
        Err(error) => {
            say!("error: {}", sentence(&error));
            ExitCode::from(if interrupt::is_asked() { interrupt::code() } else { ending::code(&error) })
        }
    }
}

fn run(registry: &Registry, arguments: impl Iterator<Item = OsString>) -> Result<Outcome, Error> {
    let arguments: Vec<OsString> = arguments.collect();
    let Some(cli) = typed::read(registry, &arguments)? else { return Ok(Outcome::Done) };
    if std::env::var_os(PARSE_ONLY).is_some() {
        return Ok(Outcome::Done);
    }
    if let Err(error) = Simd::from_environment() {
        usage::misused!("{error}");
    }
    if cli.command.as_ref().is_none_or(Command::computes) {
        waiting::spin_briefly(&arguments);
    }
    match cli.command {
        Some(Command::List(args)) => list::run(registry, &args).map(|()| Outcome::Done),
        Some(Command::Show(args)) => show::run(registry, &args).map(|()| Outcome::Done),
        Some(Command::Train(args)) => train::run(registry, &(*args).flags()),
        Some(Command::Eval(args)) => eval::run(registry, &args).map(|()| Outcome::Done),
        Some(Command::Predict(args)) => predict::run(registry, &args).map(|()| Outcome::Done),
        Some(Command::Latency(args)) => latency::run(registry, &args).map(|()| Outcome::Done),
        Some(Command::Choose(args)) => choose::run(registry, &args),
        Some(Command::Throughput(args)) => throughput::run(registry, &args).map(|()| Outcome::Done),
        Some(Command::Sweep(args)) => sweep::run(registry, &args),
        Some(Command::Export(args)) => export::run(registry, &args).map(|()| Outcome::Done),
        Some(Command::Quantize(args)) => quantize::run(registry, &args).map(|()| Outcome::Done),
        Some(Command::Report(args)) => report::run(registry, &args).map(|()| Outcome::Done),
        Some(Command::Data(args)) => data::run(&args).map(|()| Outcome::Done),
        Some(Command::Doctor(args)) => doctor::run(&args).map(|()| Outcome::Done),
        None => train::run(registry, &cli.train),
    }
}

/// The work is done, and its results could not be printed.
fn unprinted(error: std::io::Error) -> Error {
    Error::new(error).context("the work is done, but not all results could be written to standard output")
}

/// Whoever reads our output has read enough, as `head` does.
fn is_broken_pipe(error: &Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        let plain = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        plain.or_else(|| cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind))
    };
    error.chain().any(|cause| kind(cause) == Some(std::io::ErrorKind::BrokenPipe))
}

/// The error with its causes, each said once: many of our messages hold their cause already.
fn sentence(error: &Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |said, cause| {
        let cause = cause.to_string();
        if said.contains(&cause) { said } else { format!("{said}: {cause}") }
    })
}
