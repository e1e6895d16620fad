//! `choose`: the most accurate network under a time budget, on this machine.

use std::path::PathBuf;

use anyhow::Error;
use clap::ValueEnum;
use serde_json::{Value, json};
use zoo_core::Registry;
use zoo_core::summary::{Align, Table};

use super::engine::{parse_dtype, parse_engine};
use super::report::published_folder;
use super::usage::misused;
use super::{Outcome, choose_measure, path};
use zoo_engines::{Dtype, Engine};
use zoo_host::console::tell;
use zoo_report as report;
use zoo_report::choose::{Answer, Candidate, Kind, Question, Target, choose, dataset_title, draw, said};
use zoo_results::Environment;

#[derive(Clone, Debug, clap::Args)]
pub struct ChooseArgs {
    /// Median time of a batch that the network may take, such as 10ms or 0.5s
    #[arg(long, value_name = "TIME", value_parser = parse_budget)]
    pub budget: Budget,
    /// The engine that is deployed on: any, eager, libtorch, zoo, onnxruntime or openvino
    #[arg(long, value_name = "NAME", default_value = "any", value_parser = parse_any_engine)]
    pub engine: Any<&'static dyn Engine>,
    /// The number format: any, f32, bf16 or int8
    #[arg(long, value_name = "NAME", default_value = "any", value_parser = parse_any_dtype)]
    pub dtype: Any<Dtype>,
    /// The data set whose accuracies are ranked [default: that of the papers]
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// The accuracies that are ranked: those of papers, or those of runs and evaluations here [default: what more of the
    /// networks timed on this machine have]
    #[arg(long, value_enum, value_name = "SOURCE")]
    pub by: Option<By>,
    /// Top-1 accuracy in percent, at least
    #[arg(long, value_name = "P", value_parser = parse_percent)]
    pub min_accuracy: Option<f64>,
    /// Peak resident memory of the process in MiB, at most; it was measured in a process of its own where a sweep or
    /// --measure did so
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub memory: Option<u32>,
    /// Images a run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
    /// Threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=1024))]
    pub threads: i32,
    /// First time the networks that may come under the budget and have no row for this machine, as `latency` does
    #[arg(long)]
    pub measure: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Draw the fronts of all engines into this file, as SVG or PNG by its name
    #[arg(long, value_name = "FILE", value_parser = path::argument())]
    figure: Option<PathBuf>,
    /// The folder of the tables
    #[arg(long, value_name = "DIR", default_value = "results", value_parser = path::argument())]
    pub results: PathBuf,
}

/// Accuracies by where they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    Published,
    Measured,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// One, or all of them.
#[derive(Clone, Copy, Debug)]
pub struct Any<T>(pub Option<T>);

/// A time, as it was typed and in milliseconds.
#[derive(Clone, Debug)]
pub struct Budget {
    typed: String,
    pub ms: f64,
}

pub fn run(registry: &Registry, args: &ChooseArgs) -> Result<Outcome, Error> {
    if !args.results.is_dir() && args.results != *"results" {
        misused!("--results {}: there is no such folder; give that of the tables", args.results.display());
    }
    if let Some(figure) = &args.figure {
        let ending = figure.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        if !ending.is_some_and(|ending| ["svg", "png"].contains(&ending.as_str())) {
            misused!("--figure {}: give a name that ends in .svg or .png", figure.display());
        }
    }
    let environment = Environment::detect("cpu");
    let question = args.question(&environment);
    if args.measure {
        let tables = args.tables()?;
        if choose_measure::run(registry, args, &tables, &question, &environment)? {
            return Ok(Outcome::Interrupted);
        }
    }
    let answer = choose(&args.tables()?, registry, &question)?;
    if let Some(figure) = &args.figure {
        draw(&answer, figure)?;
    }
    match args.format {
        Format::Text => tell!("{}", text(&answer).trim_end()),
        Format::Json => tell!("{:#}", as_json(&answer)),
    }
    Ok(Outcome::Done)
}

impl ChooseArgs {
    /// The tables, new ones among them.
    fn tables(&self) -> Result<Vec<PathBuf>, Error> {
        Ok(report::tables(&[], &self.results, &published_folder(&self.results, None))?)
    }

    fn question(&self, environment: &Environment) -> Question {
        Question {
            target: Target {
                device: environment.device.clone(),
                cpu: environment.cpu.clone(),
                batch: self.batch,
                threads: self.threads.unsigned_abs(),
            },
            dataset: self.dataset.clone(),
            by: self.by.map(|by| match by {
                By::Published => Kind::Published,
                By::Measured => Kind::Measured,
            }),
            budget_ms: self.budget.ms,
            engine: self.engine.0.map(|engine| engine.name().into()),
            dtype: self.dtype.0.map(|dtype| dtype.name().into()),
            min_accuracy: self.min_accuracy,
            memory_mb: self.memory.map(f64::from),
            measure: self.command(),
        }
    }

    /// This command with `--measure`, for sentences.
    fn command(&self) -> String {
        let mut command = format!("zoo-train choose --budget {}", self.budget.typed);
        let mut add = |flag: &str, value: Option<String>| {
            command += &value.map(|value| format!(" --{flag} {value}")).unwrap_or_default();
        };
        add("engine", self.engine.0.map(|engine| engine.name().into()));
        add("dtype", self.dtype.0.map(|dtype| dtype.name().into()));
        add("dataset", self.dataset.clone());
        add("batch", (self.batch != 1).then(|| self.batch.to_string()));
        add("threads", (self.threads != 1).then(|| self.threads.to_string()));
        add("results", (self.results != *"results").then(|| self.results.display().to_string()));
        command + " --measure"
    }
}

/// The answer for people.
fn text(answer: &Answer) -> String {
    let head = format!(
        "The most accurate networks under {} ms (top-1 on {}, {}; {}):",
        answer.budget_ms,
        dataset_title(&answer.dataset),
        said(answer.by),
        answer.target
    );
    let mut text = format!("{head}\n\n{}\n", table(&answer.best));
    text += "Pareto front over all engines and number formats:\n\n";
    text += &table(&answer.front);
    for note in &answer.notes {
        text += &format!("\n{note}");
    }
    text
}

fn table(candidates: &[Candidate]) -> String {
    let (left, right) = (Align::Left, Align::Right);
    let mut table = Table::new(&[
        ("network", left),
        ("engine", left),
        ("dtype", left),
        ("p50 ms", right),
        ("published %", right),
        ("measured %", right),
        ("drop", right),
        ("MiB", right),
    ]);
    let number = |value: Option<f64>| value.map(|value| format!("{value:.2}")).unwrap_or_default();
    for candidate in candidates {
        let measured = candidate.measured.map(|measured| match measured.images {
            Some(images) => format!("{:.2} ({images} images)", measured.top1),
            None => format!("{:.2}", measured.top1),
        });
        table.row([
            candidate.network.title(),
            candidate.engine.clone(),
            candidate.dtype.clone(),
            format!("{:.3}", candidate.p50_ms),
            number(candidate.published),
            measured.unwrap_or_default(),
            number(candidate.drop),
            candidate.peak_mb.map(|peak| format!("{peak:.0}")).unwrap_or_default(),
        ]);
    }
    table.render()
}

fn as_json(answer: &Answer) -> Value {
    let all = |candidates: &[Candidate]| -> Vec<Value> {
        candidates.iter().map(|candidate| one(candidate, answer.by)).collect()
    };
    json!({
        "budget_ms": answer.budget_ms,
        "dataset": answer.dataset,
        "ranked_by": if answer.by == Kind::Published { "published" } else { "measured" },
        "device": answer.target.device,
        "cpu": answer.target.cpu,
        "batch": answer.target.batch,
        "threads": answer.target.threads,
        "best": all(&answer.best),
        "front": all(&answer.front),
        "notes": answer.notes,
    })
}

fn one(candidate: &Candidate, by: Kind) -> Value {
    json!({
        "model": candidate.network.model,
        "width": candidate.network.width,
        "depth": candidate.network.depth,
        "input_size": candidate.network.input_size.to_string(),
        "profile": candidate.network.profile,
        "engine": candidate.engine,
        "dtype": candidate.dtype,
        "p50_ms": candidate.p50_ms,
        "noise": candidate.noise,
        "peak_mb": candidate.peak_mb,
        "macs": candidate.macs,
        "top1": candidate.top1(by),
        "published": candidate.published,
        "measured": candidate.measured.map(|measured| measured.top1),
        "measured_on": candidate.measured.and_then(|measured| measured.images),
        "drop": candidate.drop,
    })
}

/// A time in milliseconds, with its unit.
fn parse_budget(text: &str) -> Result<Budget, String> {
    let wrong = || format!("`{text}` is not a time of a network: give milliseconds or seconds, such as 10ms or 0.5s");
    let number = text.trim_end_matches(|letter: char| letter.is_alphabetic());
    let factor = match &text[number.len()..] {
        "ms" => 1.0,
        "s" => 1e3,
        "" if number.parse::<f64>().is_ok() => {
            return Err(format!("`{text}` has no unit: give milliseconds or seconds, such as {text}ms"));
        }
        _ => return Err(wrong()),
    };
    let ms = number.parse::<f64>().map_err(|_| wrong())? * factor;
    let is_time = (1e-3..=1e7).contains(&ms);
    let out_of_range = || format!("`{text}` is out of range: give from 0.001ms to 10000s");
    is_time.then(|| Budget { typed: text.into(), ms }).ok_or_else(out_of_range)
}

fn parse_any_engine(name: &str) -> Result<Any<&'static dyn Engine>, String> {
    if name == ANY { Ok(Any(None)) } else { parse_engine(name).map(|engine| Any(Some(engine))) }
}

fn parse_any_dtype(name: &str) -> Result<Any<Dtype>, String> {
    if name == ANY { Ok(Any(None)) } else { parse_dtype(name).map(|dtype| Any(Some(dtype))) }
}

/// All engines, or all number formats.
const ANY: &str = "any";

fn parse_percent(text: &str) -> Result<f64, String> {
    let percent =
        text.trim_end_matches(['%', ' ']).parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| format!("`{text}` is no accuracy: give percent, from 0 to 100, such as 75"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_has_a_unit() {
        let ms = |text: &str| parse_budget(text).map(|budget| budget.ms);
        assert_eq!((ms("10ms"), ms("0.5s"), ms("2.5ms")), (Ok(10.0), Ok(500.0), Ok(2.5)));
        let said = |text: &str| ms(text).unwrap_err();
        assert_eq!(said("10"), "`10` has no unit: give milliseconds or seconds, such as 10ms");
        for wrong in ["10kg", "10 ms", "ms", "", "1e3", "10µs", "5m", "nanms"] {
            assert!(said(wrong).contains("such as"), "{wrong}: {}", said(wrong));
        }
        assert!(said("0ms").contains("out of range") && said("1e9s").contains("out of range"));
    }

    #[test]
    fn an_accuracy_is_in_percent() {
        assert_eq!((parse_percent("75"), parse_percent("75.5%")), (Ok(75.0), Ok(75.5)));
        assert!(parse_percent("101").is_err() && parse_percent("high").is_err());
    }
}
