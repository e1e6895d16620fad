//! How fast a run will be, from a few steps of a network that is then thrown away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zoo_core::Plan;
use zoo_core::model::Mode;

use super::budget::Speed;
use super::loader::{Batches, Loader, Worker};
use super::run::Request;
use super::source::{Source, TestSet};
use super::trainer::Trainer;
use super::{Settings, TrainError};

/// Steps not counted: the first ones find the allocator and the kernels' caches empty.
const WARMUP_STEPS: u64 = 2;
/// Counted steps at least and at most; between them, until the time is up.
const STEPS: std::ops::RangeInclusive<u64> = 2..=20;
/// Time for the trial without a budget, and its share of one.
const TIME: Duration = Duration::from_secs(3);
const SHARE: f64 = 0.02;

/// Measures a training step and an evaluation of `test`.
///
/// # Errors
/// Where the network cannot be built or run, for lack of memory most often: the sooner that is known, the better.
pub fn measure(
    plan: &Plan,
    settings: &Settings,
    source: &Arc<Source>,
    test: &TestSet,
    request: &Request,
) -> Result<Speed, TrainError> {
    let time = request.budget.map_or(TIME, |budget| budget.total.mul_f64(SHARE).min(2 * TIME));
    let mut trainer = Trainer::new(plan.clone(), settings, request.device)?;
    let mut loader = Loader::start(source.clone(), 0, settings.workers);
    let mut step = |number: u64| -> Result<(), TrainError> {
        let batch = loader.next_batch()?;
        // A rate of zero is the same work, and cannot diverge.
        trainer.step(&batch, number, 0.0).map(|_| ())
    };
    (0..WARMUP_STEPS).try_for_each(&mut step)?;
    let begun = Instant::now();
    let mut steps = 0;
    while steps < *STEPS.start() || (steps < *STEPS.end() && begun.elapsed() < time) {
        step(WARMUP_STEPS + steps)?;
        steps += 1;
    }
    let step = begun.elapsed().as_secs_f64() / steps as f64;
    Ok(Speed { step, evaluation: evaluation(&trainer, settings.workers, test)? })
}

fn evaluation(trainer: &Trainer, workers: usize, test: &TestSet) -> Result<f64, TrainError> {
    let model = &trainer.model;
    let mut worker = Worker::default();
    let (mut seconds, mut seen) = (0.0, 0);
    // The second pass counts.
    for _ in 0..2 {
        let begun = Instant::now();
        let Some(batch) = test.batch(0, &mut worker).transpose()? else { return Ok(0.0) };
        let preparing = begun.elapsed().as_secs_f64() / workers as f64;
        seen = batch.len();
        if batch.is_empty() {
            return Ok(0.0);
        }
        let begun = Instant::now();
        let (logits, _) = tch::no_grad(|| batch.classify(model, Mode::Eval))?;
        logits.f_sum(tch::Kind::Float)?.f_double_value(&[])?;
        // The next batch is prepared while this one is evaluated.
        seconds = begun.elapsed().as_secs_f64().max(preparing);
    }
    Ok(seconds * test.len() as f64 / seen as f64)
}
