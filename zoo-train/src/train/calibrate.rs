//! How fast a run will be, from a few steps of a network that is then thrown away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zoo_core::Plan;
use zoo_core::model::Backend;

use super::budget::Speed;
use super::loader::{Batches, Loader, Worker};
use super::memory::in_pieces;
use super::run::Request;
use super::source::Source;
use super::test_set::TestSet;
use super::trainer::Trainer;
use super::{Settings, TrainError};

/// Steps not counted: the first ones find the allocator and the kernels' caches empty.
const WARMUP_STEPS: u64 = 2;
/// Trial steps at least and at most; between them, until the time is up. The later half counts: of MobileNetV2 at 96 px
/// the first ten took half as long again as the rest.
const STEPS: std::ops::RangeInclusive<u64> = 4..=40;
/// Time for the trial without a budget, and its share of one, up to a limit.
const TIME: Duration = Duration::from_secs(3);
const SHARE: f64 = 0.02;
const MOST_TIME: Duration = Duration::from_secs(12);

/// Measures a training step at the size of each of `plans`, and an evaluation of `test` at that of the last.
///
/// # Errors
/// Where the network cannot be built or run, for lack of memory most often: the sooner that is known, the better.
pub fn measure(
    plans: &[Plan],
    settings: &Settings,
    source: &Arc<Source>,
    test: &TestSet,
    request: &Request,
) -> Result<Speed, TrainError> {
    let Some(full) = plans.last() else { return Ok(Speed { steps: Vec::new(), evaluation: 0.0 }) };
    let time = request.budget.map_or(TIME, |budget| budget.total.mul_f64(SHARE).min(MOST_TIME));
    let time = time.div_f64(plans.len() as f64);
    let mut trainer = Trainer::new(full.clone(), settings, source, request.device)?;
    let mut loader = Loader::start(source.clone(), 0, settings.workers);
    let mut steps = Vec::new();
    for plan in plans {
        trainer.model.set_size_of(plan)?;
        steps.push(step(&mut trainer, &mut loader, time)?);
    }
    let evaluations = 1 + u32::from(trainer.average.is_some());
    let once = evaluation(&trainer, settings, test)?;
    Ok(Speed { steps, evaluation: f64::from(evaluations) * once })
}

/// Seconds of a step.
fn step(trainer: &mut Trainer, loader: &mut Loader, time: Duration) -> Result<f64, TrainError> {
    let mut one = |number: u64| -> Result<(), TrainError> {
        let batch = loader.next_batch()?;
        // A rate of zero is the same work, and cannot diverge.
        trainer.step(&batch, number, 0.0).map(|_| ())
    };
    (0..WARMUP_STEPS).try_for_each(&mut one)?;
    let begun = Instant::now();
    let mut ends = vec![0.0];
    while ends.len() as u64 <= *STEPS.start() || (ends.len() as u64 <= *STEPS.end() && begun.elapsed() < time) {
        one(WARMUP_STEPS + ends.len() as u64)?;
        ends.push(begun.elapsed().as_secs_f64());
    }
    let (half, last) = (ends.len() / 2, ends.len() - 1);
    Ok((ends[last] - ends[half]) / (last - half) as f64)
}

/// Seconds of an evaluation.
fn evaluation(trainer: &Trainer, settings: &Settings, test: &TestSet) -> Result<f64, TrainError> {
    let Settings { workers, test_time_flip, .. } = *settings;
    let model = &trainer.model;
    let deployed = model.deploy(Backend::Native)?;
    let mut worker = Worker::default();
    let (mut seconds, mut seen, mut most) = (0.0, 0, usize::MAX);
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
        let compute = |piece| tch::no_grad(|| batch.evaluate(model, &deployed, test_time_flip, piece));
        in_pieces(batch.len(), &mut most, compute, |(logits, _)| {
            logits.f_sum(tch::Kind::Float)?.f_double_value(&[])?;
            Ok::<(), TrainError>(())
        })?;
        // The next batch is prepared while this one is evaluated.
        seconds = begun.elapsed().as_secs_f64().max(preparing);
    }
    Ok(seconds * test.len() as f64 / seen as f64)
}
