//! What a cell will take, before it is known: by the speed of earlier rows, or else roughly by its MACs.
//!
//! The rates were measured on an AMD EPYC, of the MobileNets and EfficientNet B0 to B3; they are for a list that people read,
//! and for bars. A budget measures.

use super::cell::{Cell, Timing, Work};
use super::present::Tables;
use super::training::Training;
use zoo_engines::{EAGER, Engine, LIBTORCH};
use zoo_measure::throughput::Pass;

/// Seconds that a process takes to start libtorch and to build a network.
const START: f64 = 2.0;
/// The same of training, which also loads its data and tries its speed.
const START_OF_TRAINING: f64 = 8.0;
/// Runs before the first that counts.
const WARM_UP: f64 = 15.0;
/// MACs a second of a thread: by kernels that fuse, and by others.
const FUSED: f64 = 25e9;
const PLAIN: f64 = 15e9;
/// Seconds of a thread that training takes for an image, and for each of its MACs.
const IMAGE: f64 = 0.22e-3;
const MAC: f64 = 0.085e-9;
/// What an evaluated image takes of a trained one.
const EVALUATED: f64 = 0.22;

/// Seconds that `cell` will take; none where the number of its images is not known.
pub fn seconds(cell: &Cell, tables: &Tables) -> Option<f64> {
    let macs = cell.cost.macs as f64;
    match &cell.work {
        Work::Count => Some(0.0),
        Work::Latency { timing, engine, per_stage, .. } => {
            let run = run(timing, macs, *engine);
            let by_stage = if *per_stage { timing.protocol.runs as f64 * run } else { 0.0 };
            Some(timed(timing, run) + by_stage)
        }
        Work::Throughput { timing, pass: Pass::Infer(engine, _) } => Some(timed(timing, run(timing, macs, *engine))),
        Work::Throughput { timing, pass: Pass::Train(_) } => {
            Some(timed(timing, f64::from(timing.batch) * image(macs, timing.threads)))
        }
        Work::Accuracy(training) => training_seconds(training, image_seconds(cell, training, tables)),
    }
}

/// What `cell` weighs where a grid is split: the same wherever it is asked.
pub fn weight(cell: &Cell) -> f64 {
    let macs = cell.cost.macs as f64;
    match &cell.work {
        Work::Count => 0.0,
        Work::Latency { timing, engine, .. } | Work::Throughput { timing, pass: Pass::Infer(engine, _) } => {
            timed(timing, run(timing, macs, *engine))
        }
        Work::Throughput { timing, .. } => timed(timing, f64::from(timing.batch) * image(macs, timing.threads)),
        Work::Accuracy(training) => training_seconds(training, image(macs, 1)).unwrap_or(macs),
    }
}

fn run(timing: &Timing, macs: f64, engine: &'static dyn Engine) -> f64 {
    let rate = if *engine == *EAGER || *engine == *LIBTORCH { PLAIN } else { FUSED };
    f64::from(timing.batch) * macs / (rate * f64::from(timing.threads))
}

fn timed(timing: &Timing, run: f64) -> f64 {
    START + WARM_UP * run + (timing.protocol.runs as f64 * run).max(timing.protocol.time.as_secs_f64())
}

fn image(macs: f64, threads: i32) -> f64 {
    (IMAGE + MAC * macs) / f64::from(threads)
}

/// Seconds that an epoch of `cell` will take with its share of evaluations, where it trains and its images are known.
pub fn epoch_seconds(cell: &Cell, tables: &Tables) -> Option<f64> {
    let Work::Accuracy(training) = &cell.work else { return None };
    let (train, test) = images(training)?;
    let image = image_seconds(cell, training, tables);
    Some(image * (train + EVALUATED * test / training.settings.evaluate_every().max(1) as f64))
}

/// Seconds that training takes for an image of `cell`, by earlier runs or by its MACs.
fn image_seconds(cell: &Cell, training: &Training, tables: &Tables) -> f64 {
    let speed = tables.training_speed(cell).map(f64::recip);
    let threads = training.settings.run.threads.unwrap_or(2);
    speed.unwrap_or_else(|| image(cell.cost.macs as f64, threads))
}

/// Images of training and of an evaluation.
fn images(training: &Training) -> Option<(f64, f64)> {
    training.images.map(|images| (images.train as f64, images.test as f64))
}

fn training_seconds(training: &Training, image: f64) -> Option<f64> {
    let settings = &training.settings;
    let (train, test) = images(training)?;
    let epochs = match settings.schedule.steps {
        Some(steps) => (steps * settings.schedule.batch_size as u64) as f64 / train.max(1.0),
        None => settings.schedule.epochs,
    };
    let evaluations = (epochs / settings.evaluate_every() as f64).ceil();
    Some(START_OF_TRAINING + image * (epochs * train + EVALUATED * evaluations * test))
}
