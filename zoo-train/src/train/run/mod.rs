//! One training run, from a request to its last row.
//!
//! Owns the order of steps, evaluations, checkpoints and rows. How it starts is in `start`, what it says in `say`.

mod say;
mod start;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tch::Device;
use zoo_core::Entry;

pub use say::skipped_lines;
pub(super) use start::load_weights;

use super::budget::{Budget, Speed};
use super::checkpoint::{self, Running, State};
use super::evaluate::{Answers, Evaluation, evaluate};
use super::folder::{Resume, RunFolder};
use super::loader::Loader;
use super::metrics::{self, Epoch};
use super::progress::{Progress, Snapshot, Verbosity};
use super::source::{Source, TestSet};
use super::trainer::Trainer;
use super::{Settings, TrainError};
use crate::data::Dataset;
use crate::results::{Environment, accuracy};
use crate::weights::{Description, Identified};

/// What a run is asked for.
#[derive(Debug)]
pub struct Request {
    /// The network.
    pub entry: Entry,
    /// Everything that its results depend on.
    pub settings: Settings,
    /// Wall time in place of a number of steps.
    pub budget: Option<Budget>,
    /// Weights that a fresh run starts from.
    pub weights: Option<Identified>,
    /// Whether to go on with an earlier run.
    pub resume: Resume,
    /// The folder that runs and tables are in.
    pub results: PathBuf,
    /// Where the tensors live.
    pub device: Device,
    /// How much it says.
    pub verbosity: Verbosity,
}

/// How a run ended, other than by an error.
#[derive(Debug)]
pub enum Ending {
    /// All steps are done.
    Done,
    /// It was asked to stop, and has saved where it stands.
    Interrupted,
}

/// Trains. `stop` asks it to save and end after the step in progress.
///
/// # Errors
/// Whatever ends it early; the newest good checkpoint stays in the run's folder.
pub fn run(request: &Request, dataset: Dataset, stop: &AtomicBool) -> Result<Ending, TrainError> {
    let mut run = Run::start(request, dataset)?;
    let outcome = run.train(stop);
    run.progress.finish();
    let status = match &outcome {
        Ok(Ending::Done) => "done".to_string(),
        Ok(Ending::Interrupted) => "interrupted".to_string(),
        Err(TrainError::NonFinite { step, .. }) => format!("non-finite loss at step {step}"),
        Err(error) => format!("failed: {error}"),
    };
    run.append_row(&status)?;
    run.say_ending(&outcome);
    outcome
}

struct Run<'a> {
    request: &'a Request,
    started: Instant,
    earlier_seconds: f64,
    trainer: Trainer,
    source: Arc<Source>,
    test: Arc<TestSet>,
    dataset: Dataset,
    state: State,
    steps: u64,
    speed: Speed,
    budget: Option<Budget>,
    folder: RunFolder,
    progress: Progress,
}

impl<'a> Run<'a> {
    fn train(&mut self, stop: &AtomicBool) -> Result<Ending, TrainError> {
        let mut loader = Loader::start(self.source.clone(), self.state.step, self.state.settings.workers);
        // A run that was stopped while it evaluated makes up for it.
        if self.at_epoch_end() && self.state.running.steps > 0 {
            self.end_epoch(stop)?;
        }
        while self.state.step < self.steps {
            self.one_step(&mut loader)?;
            self.fix_budget()?;
            if self.at_epoch_end() {
                self.end_epoch(stop)?;
            } else if self.state.settings.checkpoint_every.is_some_and(|every| self.state.step.is_multiple_of(every)) {
                self.save()?;
            }
            if stop.load(Ordering::Relaxed) && !self.is_done() {
                self.save()?;
                return Ok(Ending::Interrupted);
            }
        }
        Ok(if self.is_done() { Ending::Done } else { Ending::Interrupted })
    }

    fn at_epoch_end(&self) -> bool {
        self.state.step == self.steps || self.state.step.is_multiple_of(self.source.steps_per_epoch())
    }

    /// Whether every step is done and evaluated.
    fn is_done(&self) -> bool {
        self.state.step == self.steps && self.state.running.steps == 0
    }

    fn one_step(&mut self, loader: &mut Loader) -> Result<(), TrainError> {
        let begun = Instant::now();
        let step = self.state.step;
        self.trainer.freeze_for(step as f64 / self.source.steps_per_epoch() as f64)?;
        let rate = self.state.settings.schedule(self.steps).rate(step);
        let batch = loader.next_batch()?;
        let outcome = self.trainer.step(&batch, step, rate)?;
        let seconds = begun.elapsed().as_secs_f64();
        let running = &mut self.state.running;
        running.loss += outcome.loss;
        running.correct += outcome.correct;
        running.images += batch.len() as u64;
        running.steps += 1;
        running.seconds += seconds;
        self.state.training_seconds += seconds;
        self.state.step += 1;
        self.progress.update(&self.snapshot(), self.steps);
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        let Running { loss, correct, images, steps, .. } = self.state.running;
        let speed = self.current_speed();
        let left = self.steps - self.state.step;
        Snapshot {
            step: self.state.step,
            loss: loss / steps.max(1) as f64,
            top1: 100.0 * correct as f64 / images.max(1) as f64,
            images_per_second: self.state.settings.batch_size as f64 / speed.step,
            seconds_left: speed.seconds(left, self.source.steps_per_epoch()),
        }
    }

    /// The speed of the run's own steps, or what was measured before the first.
    fn current_speed(&self) -> Speed {
        match self.state.step {
            0 => self.speed,
            step => Speed { step: self.state.training_seconds / step as f64, ..self.speed },
        }
    }

    /// Turns a budget into its final number of steps, as the warm-up ends.
    fn fix_budget(&mut self) -> Result<(), TrainError> {
        let warmup = self.state.settings.schedule(self.steps).warmup;
        let Some(budget) = self.budget.filter(|_| self.state.step >= warmup.max(1)) else { return Ok(()) };
        self.budget = None;
        if self.state.settings.warmup_steps.is_some() || warmup == 0 {
            return Ok(());
        }
        let per_epoch = self.source.steps_per_epoch();
        let speed = self.current_speed();
        self.steps = budget.second_estimate(&speed, self.seconds(), self.state.step, self.steps, per_epoch);
        self.state.settings.steps = Some(self.steps);
        self.progress.set_steps(self.steps);
        self.folder.write_config(&self.state.settings)
    }

    fn end_epoch(&mut self, stop: &AtomicBool) -> Result<(), TrainError> {
        let begun = Instant::now();
        let (progress, images, workers) = (&self.progress, self.test.len(), self.state.settings.workers);
        let found = evaluate(&self.trainer.model, &self.test, workers, &Answers::InOrder, |seen| {
            progress.evaluating(seen, images);
            seen == images || !stop.load(Ordering::Relaxed)
        })?;
        // Asked to stop, it leaves the epoch without its evaluation.
        let Some(found) = found else { return Ok(()) };
        self.speed.evaluation = begun.elapsed().as_secs_f64();
        let epoch = self.epoch(&found);
        let best = self.state.best_top1.is_none_or(|best| epoch.test_top1 > best);
        if best {
            self.state.best_top1 = Some(epoch.test_top1);
        }
        self.state.running = Running::default();
        self.state.epochs.push(epoch);
        if best {
            // The best before the newest: a run killed between the two evaluates this epoch again.
            self.save_as(&self.folder.best())?;
            self.best_is_last()?;
        } else {
            self.save()?;
        }
        metrics::append(&self.folder.metrics(), &epoch)?;
        self.say_epoch(&epoch);
        Ok(())
    }

    fn epoch(&self, found: &Evaluation) -> Epoch {
        let Running { loss, correct, images, steps, seconds } = self.state.running;
        Epoch {
            epoch: self.state.step as f64 / self.source.steps_per_epoch() as f64,
            step: self.state.step,
            learning_rate: self.state.settings.schedule(self.steps).rate(self.state.step.saturating_sub(1)),
            train_loss: loss / steps.max(1) as f64,
            train_top1: 100.0 * correct as f64 / images.max(1) as f64,
            test_loss: found.loss,
            test_top1: found.top1,
            test_top5: found.top5,
            images_per_second: images as f64 / seconds.max(f64::MIN_POSITIVE),
            seconds: self.seconds(),
        }
    }

    /// Saves the newest checkpoint, unless the weights are no longer numbers.
    fn save(&mut self) -> Result<(), TrainError> {
        self.save_as(&self.folder.last())
    }

    fn save_as(&mut self, path: &Path) -> Result<(), TrainError> {
        if !self.trainer.is_finite()? {
            return Err(TrainError::NonFinite { step: self.state.step.saturating_sub(1), loss: f64::NAN });
        }
        self.state.seconds = self.seconds();
        checkpoint::save(path, &self.trainer.model, &self.trainer.optimizer, &self.state, &self.description())
    }

    /// What the checkpoint says of itself to whoever evaluates or exports it.
    fn description(&self) -> Description {
        let settings = &self.state.settings;
        Description {
            model: Some(settings.model.clone()),
            width: settings.width,
            depth: settings.depth,
            profile: Some(settings.profile.clone()),
            dataset: Some(settings.dataset.clone()),
            classes: Some(self.dataset.classes.clone()),
            trained_with: settings.in_force(self.trainer.model.plan(), &self.dataset),
        }
    }

    /// The best checkpoint is the newest one too: another name for the same file, or a copy where links are not to be had.
    fn best_is_last(&self) -> Result<(), TrainError> {
        let (last, best) = (self.folder.last(), self.folder.best());
        let partial = last.with_extension("partial");
        let _ = std::fs::remove_file(&partial);
        let linked = std::fs::hard_link(&best, &partial).or_else(|_| std::fs::copy(&best, &partial).map(|_| ()));
        let landed = linked.and_then(|()| std::fs::rename(&partial, &last));
        landed.map_err(|source| TrainError::File { what: "write checkpoint", path: last, source })
    }

    fn seconds(&self) -> f64 {
        self.earlier_seconds + self.started.elapsed().as_secs_f64()
    }

    fn append_row(&mut self, status: &str) -> Result<(), TrainError> {
        let settings = &self.state.settings;
        let last = self.state.epochs.last().filter(|epoch| epoch.step == self.state.step);
        let trained = self.state.training_seconds > 0.0;
        let row = accuracy::Row {
            run: &self.folder.name(),
            model: &settings.model,
            options: &self.trainer.model.plan().options,
            profile: &settings.profile,
            cost: self.trainer.model.plan().cost,
            epochs: self.state.step as f64 / self.source.steps_per_epoch() as f64,
            steps: self.state.step,
            seconds: self.seconds(),
            top1: last.map(|epoch| epoch.test_top1),
            best_top1: self.state.best_top1,
            train_loss: last.map(|epoch| epoch.train_loss),
            test_loss: last.map(|epoch| epoch.test_loss),
            status,
            dataset: &self.dataset.name,
            batch_size: settings.batch_size,
            seed: settings.seed,
            images_per_second: trained
                .then(|| self.state.step as f64 * settings.batch_size as f64 / self.state.training_seconds),
            threads: tch::get_num_threads(),
            config_hash: &settings.hash(),
        };
        let environment = Environment::detect(&settings.device);
        if let Some(warning) = accuracy::append(&self.request.results, &row, &environment)? {
            self.progress.say(&format!("note: {warning}"));
        }
        Ok(())
    }
}
