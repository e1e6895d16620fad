//! How fast a run will be, from a few steps of a network that is then thrown away.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zoo_core::Plan;
use zoo_core::model::Backend;

use super::TrainError;
use super::budget::Speed;
use super::comm::Comm;
use super::evaluate::logits_of;
use super::loader::{Batches, Loader, Worker};
use super::memory::in_pieces;
use super::run::Request;
use super::source::Source;
use super::test_set::TestSet;
use super::trainer::Trainer;
use zoo_settings::Settings;

/// Steps not counted: the first ones find the allocator and the kernels' caches empty.
const WARMUP_STEPS: u64 = 2;
/// Trial steps at least and at most; between them, until the time is up. The later half counts: of MobileNetV2 at 96 px
/// the first ten took half as long again as the rest.
const STEPS: std::ops::RangeInclusive<u64> = 4..=40;
/// Time for the trial without a budget, and its share of one, up to a limit.
const TIME: Duration = Duration::from_secs(3);
const SHARE: f64 = 0.02;
const MOST_TIME: Duration = Duration::from_secs(12);
/// Where steps are slow, so many times that time is as much as steps take, and as an evaluation takes: fewer are measured.
const PATIENCE: u32 = 2;
/// Where the first step takes so many times that time, it alone is measured.
const VERY_SLOW: u32 = 5;
/// Images of the first, small piece of an evaluation, which tells how many can be measured.
const FIRST_IMAGES: usize = 8;
/// Bytes that are written to tell how fast the disk is: one that takes a second for them is rare.
const DISK_BYTES: usize = 16 << 20;

/// Measures a training step at the size of each of `plans`, an evaluation of `test` at that of the last, and a checkpoint.
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
    let Some(full) = plans.last() else { return Ok(Speed { steps: Vec::new(), evaluation: 0.0, saving: 0.0 }) };
    let all = request.budget.map_or(TIME, |budget| budget.total.mul_f64(SHARE).min(MOST_TIME));
    let time = all.div_f64(plans.len() as f64);
    let comm = &request.comm;
    let mut trainer = Trainer::new(full.clone(), settings, source, request.device, comm)?;
    let mut loader = Loader::start(source.clone(), 0, settings.run.workers);
    let mut steps = Vec::new();
    for plan in plans {
        trainer.model.set_size_of(plan)?;
        steps.push(step(&mut trainer, &mut loader, time, comm)?);
    }
    let evaluations = 1 + u32::from(trainer.average.is_some());
    let once = evaluation(&trainer, settings, test, PATIENCE * all)? / comm.size() as f64;
    comm.first(|| {
        Ok(Speed { steps, evaluation: f64::from(evaluations) * once, saving: saving(&trainer, &request.results) })
    })
}

/// Seconds of a step. How many are made is rank 0's to say.
fn step(trainer: &mut Trainer, loader: &mut Loader, time: Duration, comm: &Comm) -> Result<f64, TrainError> {
    let mut one = |number: u64| -> Result<(), TrainError> {
        let batch = loader.next_batch()?;
        // A rate of zero is the same work, and cannot diverge.
        trainer.step(&batch, number, 0.0).map(|_| ())
    };
    let asked = Instant::now();
    let is_slow = || asked.elapsed() >= PATIENCE * time;
    one(0)?;
    if comm.first(|| Ok(asked.elapsed() >= VERY_SLOW * time))? {
        // A second one would cost more than it tells: the first ones take some half as long again.
        return Ok(asked.elapsed().as_secs_f64());
    }
    for number in 1..WARMUP_STEPS {
        if !comm.first(|| Ok(is_slow()))? {
            one(number)?;
        }
    }
    let begun = Instant::now();
    let mut ends = vec![0.0];
    let is_due = |steps: u64| match steps {
        0 => true,
        few if few < *STEPS.start() => !is_slow(),
        some => some < *STEPS.end() && begun.elapsed() < time,
    };
    while comm.first(|| Ok(is_due(ends.len() as u64 - 1)))? {
        one(WARMUP_STEPS + ends.len() as u64)?;
        ends.push(begun.elapsed().as_secs_f64());
    }
    let last = ends.len() - 1;
    let half = ends.len() / 2 - usize::from(last == 1);
    Ok((ends[last] - ends[half]) / (last - half) as f64)
}

/// Seconds of an evaluation, by a batch of it, or as much of one as `time` allows.
fn evaluation(trainer: &Trainer, settings: &Settings, test: &TestSet, time: Duration) -> Result<f64, TrainError> {
    let zoo_settings::Run { workers, test_time_flip, .. } = settings.run;
    let model = &trainer.model;
    let deployed = model.deploy(Backend::Native)?;
    let mut worker = Worker::default();
    let begun = Instant::now();
    let Some(batch) = test.batch(0, &mut worker).transpose()? else { return Ok(0.0) };
    let preparing = begun.elapsed().as_secs_f64() / workers as f64 / batch.len().max(1) as f64;
    if batch.is_empty() {
        return Ok(0.0);
    }
    let mut most = usize::MAX;
    let mut images = |count: usize| -> Result<f64, TrainError> {
        let begun = Instant::now();
        let logits = logits_of(model, &deployed, test_time_flip);
        let compute = |piece| tch::no_grad(|| logits(&batch, piece));
        in_pieces(count, &mut most, compute, |(logits, _)| {
            logits.f_sum(tch::Kind::Float)?.f_double_value(&[])?;
            Ok::<(), TrainError>(())
        })?;
        Ok(begun.elapsed().as_secs_f64() / count as f64)
    };
    let first = images(batch.len().min(FIRST_IMAGES))?;
    // The second pass counts.
    let fit = (time.as_secs_f64() / 2.0 / first.max(f64::MIN_POSITIVE)) as usize;
    let count = fit.clamp(FIRST_IMAGES, FIRST_IMAGES.max(batch.len())).min(batch.len());
    images(count)?;
    // The next batch is prepared while this one is evaluated.
    Ok(images(count)?.max(preparing) * test.len() as f64)
}

/// Seconds of writing a checkpoint into `folder`, by writing as many bytes, or a part of them. Where nothing can be written
/// there, the run will say so.
fn saving(trainer: &Trainer, folder: &Path) -> f64 {
    let weights = 4 * trainer.model.parameter_count() as usize;
    let copies = 1 + trainer.optimizer.slots.len() + usize::from(trainer.average.is_some());
    let bytes = (weights * copies).max(1);
    let part = bytes.min(DISK_BYTES);
    let begun = Instant::now();
    let written = nameless(folder).and_then(|mut file| {
        file.write_all(&vec![0x5a; part])?;
        file.sync_all()
    });
    written.map_or(0.0, |()| begun.elapsed().as_secs_f64() * bytes as f64 / part as f64)
}

/// A file without a name, so that nothing is left of it whatever happens.
fn nameless(folder: &Path) -> io::Result<File> {
    let path = folder.join(format!(".speed-{}", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
