//! What `choose --measure` times: networks with an accuracy that may come under the budget, by the code of a sweep, each in a
//! process of `latency`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Error;
use zoo_core::{Overrides, Plan, Registry};

use super::choose::ChooseArgs;
use super::engine::usual;
use super::train::stop_on_signals;
use zoo_engines::{Dtype, EAGER, Engine};
use zoo_host::console::say;
use zoo_host::interrupt;
use zoo_host::words::counted;
use zoo_measure::Protocol;
use zoo_report::choose::{NEXT, Question, Wanted, wanted};
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

/// Multiply-accumulates that one thread does in a second at the very best, in f32: processors with AVX-512 reach 100e9. They
/// do twice as many in bf16 and four times as many in int8. A network of more than fit into the budget at this rate cannot
/// meet it.
const FASTEST: f64 = 100e9;

/// The rate of a common processor. The first network is one that meets the budget at this rate, and tells the real one.
const COMMON: f64 = 30e9;

/// How much faster than at the best rate that was seen a network may run: rates differ between networks.
const SLACK: f64 = 1.5;

/// Time limit of one measurement.
const PATIENCE: Duration = Duration::from_secs(300);

/// Times networks, the most accurate first, until so many meet the budget as are named; whether it was stopped.
pub fn run(
    registry: &Registry,
    args: &ChooseArgs,
    tables: &[PathBuf],
    question: &Question,
    environment: &Environment,
) -> Result<bool, Error> {
    let networks = networks(registry, args, &wanted(tables, registry, question)?);
    let present = Tables::read(&args.results, environment)?;
    let missing = networks.iter().flatten().filter(|cell| present.presence(cell) == Presence::Missing);
    let expected: Vec<f64> = missing.take(MOST).map(|cell| expect::seconds(cell, &present).unwrap_or(0.0)).collect();
    if expected.is_empty() {
        say!("nothing to measure: every network that may meet the budget has its rows");
        return Ok(false);
    }
    say!(
        "timing networks that may meet the budget, the most accurate first, until {} do: at most {}, {}",
        NEXT + 1,
        counted(expected.len() as u64, "measurement"),
        time(expected.iter().sum())
    );
    let stop = stop_on_signals()?;
    let _saving = interrupt::saves("the measurement in progress is ended");
    let own = make_own_folder(&args.results, "choose")?;
    let folders = Folders { results: &args.results, own: &own, data: None };
    let request = Request { folders, timeout: None, retry: false, environment, stop };
    let (mut left, mut met) = (MOST, 0);
    for cells in &networks {
        let present = Tables::read(&args.results, environment)?;
        if left == 0 || met > NEXT || is_too_slow(args, cells, &networks, &present) {
            continue;
        }
        let missing = cells.iter().filter(|cell| present.presence(cell) == Presence::Missing);
        let missing: Vec<Cell> = missing.take(left).cloned().collect();
        left -= missing.len();
        let mut progress = Progress::new(Verbosity::Normal, missing.len());
        let summary = request.run(&missing, &mut progress);
        progress.finish();
        if summary?.stopped {
            return Ok(true);
        }
        let present = Tables::read(&args.results, environment)?;
        let meets = |cell: &Cell| present.figure(cell).is_some_and(|ms| ms <= args.budget.ms);
        met += usize::from(cells.iter().any(meets));
    }
    Ok(false)
}

/// Whether a network would have to run much faster, in each number format, than any that was timed here in that one.
fn is_too_slow(args: &ChooseArgs, cells: &[Cell], all: &[Vec<Cell>], present: &Tables) -> bool {
    cells.iter().all(|cell| {
        let alike = all.iter().flatten().filter(|other| dtype(other) == dtype(cell));
        let best = alike.filter_map(|other| Some(rate(args, other, present.figure(other)?))).reduce(f64::max);
        best.is_some_and(|best| rate(args, cell, args.budget.ms) > SLACK * best)
    })
}

/// The numbers that a cell computes with.
fn dtype(cell: &Cell) -> Option<Dtype> {
    if let Work::Latency { dtype, .. } = cell.work { Some(dtype) } else { None }
}

/// Multiply-accumulates in the number format of a cell in the time of one in f32, at best.
fn speed_up(cell: &Cell) -> f64 {
    match dtype(cell) {
        Some(Dtype::Bf16) => 2.0,
        Some(Dtype::Int8) => 4.0,
        _ => 1.0,
    }
}

/// Multiply-accumulates that a thread does in a second where a run takes so long.
fn rate(args: &ChooseArgs, cell: &Cell, ms: f64) -> f64 {
    cell.cost.macs as f64 * f64::from(args.batch) / (f64::from(args.threads) * 1e-3 * ms)
}

/// What may be timed of each network that may meet the budget: the most accurate first, but for one that tells how fast this
/// machine is.
fn networks(registry: &Registry, args: &ChooseArgs, wanted: &[Wanted]) -> Vec<Vec<Cell>> {
    let ways = ways(args);
    let cells = |network: &Wanted| -> Vec<Cell> {
        // A quantized network of which nobody knows the accuracy cannot be chosen.
        let may_be = |(engine, dtype): &&(&'static dyn Engine, Dtype)| {
            *dtype != Dtype::Int8 || network.quantized_on.contains(&engine.name())
        };
        let usable = ways.iter().filter(may_be);
        let all = usable.filter_map(|(engine, dtype)| cell(registry, args, network, *engine, *dtype));
        all.filter(|cell| rate(args, cell, args.budget.ms) <= FASTEST * speed_up(cell)).collect()
    };
    let is_wanted = |network: &&Wanted| args.min_accuracy.is_none_or(|least| network.top1 >= least);
    let mut networks: Vec<Vec<Cell>> = wanted.iter().filter(is_wanted).map(cells).collect();
    networks.retain(|cells| !cells.is_empty());
    let is_common = |cells: &Vec<Cell>| cells.iter().all(|cell| rate(args, cell, args.budget.ms) <= COMMON);
    if let Some(first) = networks.iter().position(is_common) {
        networks[..=first].rotate_right(1);
    }
    networks
}

/// The engines with their number formats that are installed and asked for. The training model is never the fastest.
fn ways(args: &ChooseArgs) -> Vec<(&'static dyn Engine, Dtype)> {
    let dtypes = Dtype::ALL.into_iter().filter(|dtype| args.dtype.0.is_none_or(|only| only == *dtype));
    let of = |dtype: Dtype| usual(dtype).into_iter().map(move |engine| (engine, dtype));
    let is_wanted = |(engine, _): &(&'static dyn Engine, Dtype)| match args.engine.0 {
        Some(only) => *only == **engine,
        None => **engine != *EAGER,
    };
    dtypes.flat_map(of).filter(is_wanted).collect()
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
