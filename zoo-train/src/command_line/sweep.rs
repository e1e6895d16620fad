//! `sweep`: a grid of networks that a file describes, trained, measured or counted.

use crate::command_line::path;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Error, bail};
use zoo_core::Registry;
use zoo_core::summary::{Align, Table, grouped};

use super::Outcome;
use super::ending::Permanent;
use super::train::stop_on_signals;
use super::{sweep_emit, sweep_merge};
use zoo_data::sets::{self, Set};
use zoo_host::console::{say, tell};
use zoo_host::duration::parse_time;
use zoo_host::interrupt;
use zoo_host::words::counted;
use zoo_results::Environment;
use zoo_sweep::budget::{Question, apply_recorded};
use zoo_sweep::command::Folders;
use zoo_sweep::launcher;
use zoo_sweep::present::{Presence, Tables};
use zoo_sweep::progress::Progress;
use zoo_sweep::run::{Request, Summary, make_own_folder, own_folder};
use zoo_sweep::{Cell, Shard, SweepFile, Work, expect, grid};
use zoo_training::dataset;
use zoo_training::progress::{Verbosity, time};

pub use zoo_host::process::end_with_sweep;

#[derive(Debug, clap::Args)]
pub struct SweepArgs {
    /// The sweep file, such as configs/sweeps/count.toml
    #[arg(value_name = "FILE", value_parser = path::argument(), required_unless_present = "merge")]
    file: Option<PathBuf>,
    /// Only part i of n of the grid, counted from 1. The split is deterministic, so n processes cover the grid, here or
    /// on several machines; their rows go into one table, or into tables that --merge puts together. `auto` takes the
    /// part from the variables of Slurm, Kubernetes, PBS, Grid Engine, LSF, torchrun, srun or mpirun
    #[arg(long, value_name = "i/n|auto", default_value_t = Part::default())]
    shard: Part,
    /// Print the file by which a cluster does the cells that are missing, in parts, and run nothing: a batch script for
    /// sbatch, a Job for kubectl, or a line of shell for each part
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["shard", "dry_run"])]
    emit: Option<sweep_emit::Format>,
    /// Parts that --emit splits the grid into [default: as many as cells are missing, 1000 at most]
    #[arg(long, value_name = "N", requires = "emit", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) shards: Option<u32>,
    /// Put the tables of these folders together in --results: what several have is there once, and no row is lost. Runs
    /// and their checkpoints stay where they are
    #[arg(long, value_name = "DIR", num_args = 1.., value_parser = path::argument(), conflicts_with_all = ["file", "shard", "emit", "budget", "timeout", "retry", "dry_run"])]
    merge: Vec<PathBuf>,
    /// Wall time, such as 2h: the speed of each training cell is measured, and all get the same number of epochs, as
    /// many as fit. Later commands keep that number. Parts of a grid must share the --results folder
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) budget: Option<Duration>,
    /// Time limit of a cell, unless the sweep file sets one
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) timeout: Option<Duration>,
    /// Run failed cells again: those whose row has a status other than done
    #[arg(long)]
    pub(super) retry: bool,
    /// Print the grid with its costs, the expected time and what is done already, with the epochs that an earlier
    /// --budget chose; run nothing
    #[arg(long, conflicts_with = "budget")]
    dry_run: bool,
    /// Folder to write runs and tables to
    #[arg(long, value_name = "DIR", default_value = "results", value_parser = path::argument())]
    pub(super) results: PathBuf,
    /// Folder of the data sets [default: ~/.cache/zoo/data]
    #[arg(long, value_name = "DIR", value_parser = path::argument())]
    pub(super) data_dir: Option<PathBuf>,
    /// Print errors only
    #[arg(long)]
    pub(super) quiet: bool,
}

/// A part of the grid, or that the environment says which.
#[derive(Clone, Copy, Debug)]
enum Part {
    Of(Shard),
    Auto,
}

impl Default for Part {
    fn default() -> Part {
        Part::Of(Shard::default())
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Part, String> {
        if text == "auto" { Ok(Part::Auto) } else { text.parse().map(Part::Of) }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Of(shard) => shard.fmt(f),
            Part::Auto => f.write_str("auto"),
        }
    }
}

impl Part {
    fn shard(self, quiet: bool) -> Result<Shard, Error> {
        match self {
            Part::Of(shard) => Ok(shard),
            Part::Auto => {
                let given = launcher::part(&|name| std::env::var(name).ok())?;
                if !quiet {
                    say!("part {}, by {}", given.shard, given.by);
                }
                Ok(given.shard)
            }
        }
    }
}

pub fn run(registry: &Registry, args: &SweepArgs) -> Result<Outcome, Error> {
    let Some(path) = &args.file else { return sweep_merge::run(&args.merge, &args.results, args.quiet) };
    // From here on: a signal of a scheduler is told from a failure however early it comes.
    let stop = stop_on_signals()?;
    let shard = args.shard.shard(args.quiet)?;
    let file = SweepFile::read(path)?;
    let mut cells = grid::cells(&file, registry)?;
    let environment = Environment::detect("cpu");
    let tables = Tables::read(&args.results, &environment)?;
    if let Some(format) = args.emit {
        apply_recorded(&own_folder(&args.results, &file.name), &mut cells)?;
        tell!("{}", sweep_emit::text(format, path, args, &file.name, &cells, &tables)?.trim_end());
        return Ok(Outcome::Done);
    }
    let weights: Vec<f64> = cells.iter().map(expect::weight).collect();
    let mine = shard.places(&weights);
    if args.dry_run {
        if let Some(epochs) = apply_recorded(&own_folder(&args.results, &file.name), &mut cells)? {
            say!(
                "note: {epochs} epochs, chosen by an earlier command with --budget; without it, each cell has the \
                 recipe's own"
            );
        }
        tell!("{}", overview(&part(&cells, &mine), &tables).trim_end());
        return Ok(Outcome::Done);
    }
    check_data(&part(&cells, &mine), &tables, args.data_dir.as_deref())?;
    let own = make_own_folder(&args.results, &file.name)?;
    let _saving = interrupt::saves("the cell in progress is stopped, and saved if it is training");
    let folders = Folders { results: &args.results, own: &own, data: args.data_dir.as_deref() };
    let verbosity = if args.quiet { Verbosity::Quiet } else { Verbosity::Normal };
    let mut progress = Progress::new(verbosity, mine.len());
    let question = Question { budget: args.budget, shard, folders, tables: &tables, stop };
    if !question.settle(&mut cells, &mut progress)? {
        return Ok(Outcome::Interrupted);
    }
    let request = Request { folders, timeout: args.timeout, retry: args.retry, environment: &environment, stop };
    let summary = request.run(&part(&cells, &mine), &mut progress);
    progress.finish();
    end(&summary?, path, shard, args)
}

fn part(cells: &[Cell], places: &[usize]) -> Vec<Cell> {
    places.iter().filter_map(|&at| cells.get(at).cloned()).collect()
}

/// Loads each data set once: without it every cell would fail, one after the other.
fn check_data(cells: &[Cell], tables: &Tables, data: Option<&Path>) -> Result<(), Error> {
    let mut seen = Vec::new();
    for cell in cells {
        let Work::Accuracy(training) = &cell.work else { continue };
        let key = (training.settings.data.dataset.clone(), training.settings.data.subset.clone());
        let has_files = sets::named(&key.0).is_none_or(Set::has_files);
        if has_files && !seen.contains(&key) && tables.presence(cell) != Presence::Done {
            dataset::load(&training.settings, data)?;
            seen.push(key);
        }
    }
    Ok(())
}

fn end(summary: &Summary, path: &Path, shard: Shard, args: &SweepArgs) -> Result<Outcome, Error> {
    let Summary { done, present, failed, failed_earlier, permanent, elsewhere, stopped } = summary;
    let parts = [
        (*done, "done now"),
        (*present, "there already"),
        (failed.len(), "failed"),
        (*failed_earlier, "failed earlier"),
        (*elsewhere, "running in another process"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if !args.quiet {
        let what = if said.is_empty() { "nothing was finished".into() } else { said.join(", ") };
        let stopped = if *stopped { "; stopped, and the same command continues" } else { "" };
        let part = if shard.is_whole() { String::new() } else { format!(", part {shard}") };
        say!("{}{part}: {what}; rows are in {}{stopped}", path.display(), args.results.display());
        failed.iter().for_each(|(cell, status)| say!("  {cell}: {status}"));
    }
    if *stopped {
        return Ok(Outcome::Interrupted);
    }
    if summary.is_complete() {
        return Ok(Outcome::Done);
    }
    let count = failed.len() + failed_earlier;
    if *permanent > 0 {
        let problem = format!(
            "{count} of the cells failed, {permanent} of them for good: the status of their rows says what to change in \
             the sweep file"
        );
        return Err(Permanent(problem).into());
    }
    bail!("{count} of the cells failed; the status of their rows says why, and --retry tries them again")
}

/// The grid as a table, and what is to be done as a sentence.
fn overview(cells: &[Cell], tables: &Tables) -> String {
    let (left, right) = (Align::Left, Align::Right);
    let columns = [("cell", left), ("parameters", right), ("MACs", right), ("expected", right), ("row", left)];
    let mut table = Table::new(&columns);
    let (mut there, mut failed, mut seconds) = (0, 0, 0.0);
    for cell in cells {
        let expected = expect::seconds(cell, tables);
        let row = match tables.presence(cell) {
            Presence::Done => {
                there += 1;
                "done".to_string()
            }
            Presence::Failed(status) => {
                failed += 1;
                status
            }
            Presence::Missing => {
                seconds += expected.unwrap_or(0.0);
                String::new()
            }
        };
        let expected = expected.map_or_else(|| "?".to_string(), time);
        table.row([cell.to_string(), grouped(cell.cost.params), grouped(cell.cost.macs), expected, row]);
    }
    let missing = cells.len() - there - failed;
    format!(
        "{}\n{}: {there} done, {failed} failed earlier, {missing} missing (about {})\n",
        table.render(),
        counted(cells.len() as u64, "cell"),
        time(seconds)
    )
}
