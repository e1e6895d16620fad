//! `sweep`: a grid of networks that a file describes, trained, measured or counted.

use crate::command_line::path;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Error, bail};
use zoo_core::Registry;
use zoo_core::summary::{Align, Table, grouped};

use super::Outcome;
use super::train::stop_on_ctrl_c;
use zoo_data::sets::{self, Set};
use zoo_host::console::{say, tell};
use zoo_host::duration::parse_time;
use zoo_host::interrupt;
use zoo_host::words::counted;
use zoo_results::Environment;
use zoo_sweep::budget::{Question, apply_recorded};
use zoo_sweep::command::Folders;
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
    #[arg(value_name = "FILE", value_parser = path::argument())]
    file: PathBuf,
    /// Only part i of n of the grid, counted from 1. The split is deterministic, so n processes cover the grid, here or
    /// on several machines; their rows go into one table, or into tables that are joined later
    #[arg(long, value_name = "i/n", default_value_t = Shard::default())]
    shard: Shard,
    /// Wall time, such as 2h: the speed of each training cell is measured, and all get the same number of epochs, as
    /// many as fit. Later commands keep that number. Parts of a grid must share the --results folder
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    budget: Option<Duration>,
    /// Time limit of a cell, unless the sweep file sets one
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,
    /// Run failed cells again: those whose row has a status other than done
    #[arg(long)]
    retry: bool,
    /// Print the grid with its costs, the expected time and what is done already, with the epochs that an earlier
    /// --budget chose; run nothing
    #[arg(long, conflicts_with = "budget")]
    dry_run: bool,
    /// Folder to write runs and tables to
    #[arg(long, value_name = "DIR", default_value = "results", value_parser = path::argument())]
    results: PathBuf,
    /// Folder of the data sets [default: ~/.cache/zoo/data]
    #[arg(long, value_name = "DIR", value_parser = path::argument())]
    data_dir: Option<PathBuf>,
    /// Print errors only
    #[arg(long)]
    quiet: bool,
}

pub fn run(registry: &Registry, args: &SweepArgs) -> Result<Outcome, Error> {
    let file = SweepFile::read(&args.file)?;
    let mut cells = grid::cells(&file, registry)?;
    let environment = Environment::detect("cpu");
    let tables = Tables::read(&args.results, &environment)?;
    let weights: Vec<f64> = cells.iter().map(expect::weight).collect();
    let mine = args.shard.places(&weights);
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
    let stop = stop_on_ctrl_c()?;
    let _saving = interrupt::saves("the cell in progress is stopped, and saved if it is training");
    let folders = Folders { results: &args.results, own: &own, data: args.data_dir.as_deref() };
    let verbosity = if args.quiet { Verbosity::Quiet } else { Verbosity::Normal };
    let mut progress = Progress::new(verbosity, mine.len());
    let question = Question { budget: args.budget, shard: args.shard, folders, tables: &tables, stop };
    if !question.settle(&mut cells, &mut progress)? {
        return Ok(Outcome::Interrupted);
    }
    let request = Request { folders, timeout: args.timeout, retry: args.retry, environment: &environment, stop };
    let summary = request.run(&part(&cells, &mine), &mut progress);
    progress.finish();
    end(&summary?, args)
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

fn end(summary: &Summary, args: &SweepArgs) -> Result<Outcome, Error> {
    let Summary { done, present, failed, failed_earlier, elsewhere, stopped } = summary;
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
        let part = if args.shard.is_whole() { String::new() } else { format!(", part {}", args.shard) };
        say!("{}{part}: {what}; rows are in {}{stopped}", args.file.display(), args.results.display());
        failed.iter().for_each(|(cell, status)| say!("  {cell}: {status}"));
    }
    if *stopped {
        return Ok(Outcome::Interrupted);
    }
    if summary.is_complete() {
        return Ok(Outcome::Done);
    }
    let count = failed.len() + failed_earlier;
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
