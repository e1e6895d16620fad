//! What `choose --measure` times: networks with an accuracy that may come under the budget, by the code of a sweep, each in a
//! process of `latency`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Error;
use zoo_core::{Overrides, Plan, Registry};

use super::choose::ChooseArgs;
use super::engine::usual;
use super::train::stop_on_ctrl_c;
use zoo_engines::{Dtype, EAGER, Engine};
use zoo_host::console::say;
use zoo_host::interrupt;
use zoo_host::words::counted;
use zoo_measure::Protocol;
use zoo_report::choose::{Question, Wanted, wanted};
use zoo_results::Environment;
use zoo_sweep::cell::Timing;
use zoo_sweep::command::Folders;
use zoo_sweep::present::{Presence, Tables};
use zoo_sweep::progress::Progress;
use zoo_sweep::run::{Request, make_own_folder};
use zoo_sweep::{Cell, Work, expect};
use zoo_training::progress::{Verbosity, time};

/// The most that are timed by one command: a few minutes.
const MOST: usize = 60;

/// Multiply-accumulates that one thread does in a second at the very best: a network of more than fit into the budget at this
/// rate cannot meet it. Processors with AVX-512 reach 100e9 in f32, and twice that in bf16.
const FASTEST: f64 = 200e9;

/// Rates of a common processor: of networks that it would not bring under twice the budget few will come under it.
const COMMON: f64 = 20e9;

/// Time limit of one.
const PATIENCE: Duration = Duration::from_secs(300);

/// Times what is missing; whether it was stopped.
pub fn run(
    registry: &Registry,
    args: &ChooseArgs,
    tables: &[PathBuf],
    question: &Question,
    environment: &Environment,
) -> Result<bool, Error> {
    let wanted = wanted(tables, registry, question)?;
    let present = Tables::read(&args.results, environment)?;
    let ways = ways(args);
    let missing = missing(registry, args, &wanted, &ways, &present);
    if missing.is_empty() {
        say!("nothing to measure: what may come under the budget has its rows");
        return Ok(false);
    }
    let cells = &missing[..missing.len().min(MOST)];
    let seconds: f64 = cells.iter().filter_map(|cell| expect::seconds(cell, &present)).sum();
    let left_out = match missing.len() - cells.len() {
        0 => String::new(),
        more => format!("; {more} more are left out, as one command times at most {MOST}: the same command goes on"),
    };
    let what = counted(cells.len() as u64, "measurement");
    say!("{what} of networks that may come under the budget, about {}{left_out}", time(seconds));
    let stop = stop_on_ctrl_c()?;
    let _saving = interrupt::saves("the measurement in progress is ended");
    let own = make_own_folder(&args.results, "choose")?;
    let folders = Folders { results: &args.results, own: &own, data: None };
    let mut progress = Progress::new(Verbosity::Normal, cells.len());
    let request = Request { folders, timeout: None, retry: false, environment, stop };
    let summary = request.run(cells, &mut progress);
    progress.finish();
    let summary = summary?;
    summary.failed.iter().for_each(|(cell, status)| say!("  {cell}: {status}"));
    Ok(summary.stopped)
}

/// The engines with their number formats that are installed and asked for. A quantized network is a file, which is timed by
/// `latency --weights`, and the training model is never the fastest.
fn ways(args: &ChooseArgs) -> Vec<(&'static dyn Engine, Dtype)> {
    let dtypes = [Dtype::F32, Dtype::Bf16].into_iter().filter(|dtype| args.dtype.0.is_none_or(|only| only == *dtype));
    let of = |dtype: Dtype| usual(dtype).into_iter().map(move |engine| (engine, dtype));
    let is_wanted = |(engine, _): &(&'static dyn Engine, Dtype)| match args.engine.0 {
        Some(only) => *only == **engine,
        None => **engine != *EAGER,
    };
    dtypes.flat_map(of).filter(is_wanted).collect()
}

/// What has no row yet, the most promising first: networks that a common processor brings near the budget, the most accurate
/// ones first, and then those that only a fast one does.
fn missing(
    registry: &Registry,
    args: &ChooseArgs,
    wanted: &[Wanted],
    ways: &[(&'static dyn Engine, Dtype)],
    present: &Tables,
) -> Vec<Cell> {
    let work = f64::from(args.batch) / (f64::from(args.threads) * 1e-3 * args.budget.ms);
    let mut cells: Vec<(bool, Cell)> = Vec::new();
    for network in wanted {
        for (engine, dtype) in ways {
            let Some(cell) = cell(registry, args, network, *engine, *dtype) else { continue };
            let rate = cell.cost.macs as f64 * work;
            if rate <= FASTEST && present.presence(&cell) == Presence::Missing {
                cells.push((rate > 2.0 * COMMON, cell));
            }
        }
    }
    cells.sort_by_key(|(is_far, _)| *is_far);
    cells.into_iter().map(|(_, cell)| cell).collect()
}

/// None where this program does not know the network.
fn cell(
    registry: &Registry,
    args: &ChooseArgs,
    wanted: &Wanted,
    engine: &'static dyn Engine,
    dtype: Dtype,
) -> Option<Cell> {
    let network = &wanted.network;
    let entry = registry.find(&network.model).ok()?;
    let given = Overrides {
        width: Some(network.width),
        depth: Some(network.depth),
        profile: Some(&network.profile),
        input: Some(network.input_size),
        classes: Some(wanted.classes),
        ..Overrides::default()
    };
    let options = given.over(&entry).ok()?;
    let cost = Plan::new(entry.architecture, &options).ok()?.cost;
    let timing = Timing { batch: args.batch, threads: args.threads, protocol: Protocol::default() };
    let work = Work::Latency { timing, engine, dtype, per_stage: false };
    let profile = network.profile.clone();
    Some(Cell { line: 0, entry, options, profile, cost, work, timeout: Some(PATIENCE) })
}
