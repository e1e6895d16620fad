//! One training run, from a request to its last row.
//!
//! Owns the order of steps, evaluations, checkpoints and rows. How it starts is in `start`, what an evaluation decides in
//! `evaluation`, what it says in `say`, and how it goes on after a loss that is not a number in `recover`.

mod evaluation;
mod recover;
mod say;
mod start;

use crate::starting_point::in_force;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tch::Device;
use zoo_core::{Entry, Plan};

pub use say::skipped_lines;
pub use start::Prepared;
pub(super) use start::load_weights;

use super::TrainError;
use super::budget::{Budget, Pace, Speed};
use super::checkpoint::{self, Running, State};
use super::comm::Comm;
use super::folder::{Resume, RunFolder};
use super::loader::Loader;
use super::metrics::Epoch;
use super::progress::{Progress, Snapshot, Verbosity};
use super::progressive::Progressive;
use super::row;
use super::source::Source;
use super::test_set::TestSet;
use super::trainer::Trainer;
use zoo_data::Dataset;
use zoo_data::sets::evaluated_split;
use zoo_host::interrupt;
use zoo_results::{Environment, TableOf, accuracy, status};
use zoo_settings::OnNan;
use zoo_settings::Settings;
use zoo_settings::schedule::{Schedule, warmup_for};
use zoo_weights::{Description, Identified};

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
    /// When the work on it began, before data was read: a budget counts from there.
    pub begun: Instant,
    /// How much it says.
    pub verbosity: Verbosity,
    /// The ranks that compute together.
    pub comm: Rc<Comm>,
}

/// How a run ended, other than by an error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ending {
    /// All steps are done, or nothing got better for long enough.
    Done(Scores),
    /// It was asked to stop, and has saved where it stands.
    Interrupted,
}

/// What a finished run came to, in percent of the test set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Accuracy of the final weights.
    pub top1: f64,
    /// Accuracy of their average, where one was kept.
    pub top1_ema: Option<f64>,
}

impl Scores {
    /// Those of a run that has come to its end.
    pub fn of(state: &State) -> Scores {
        let last = state.epochs.last();
        Scores {
            top1: last.map_or(f64::NAN, |epoch| epoch.test_top1),
            top1_ema: last.and_then(|epoch| epoch.test_top1_ema),
        }
    }
}

/// Trains. `stop` asks it to save and end after the step in progress.
///
/// # Errors
/// Whatever ends it early; the newest good checkpoint stays in the run's folder.
pub fn run(request: &Request, dataset: Dataset, stop: &AtomicBool) -> Result<Ending, TrainError> {
    let mut run = Run::start(request, dataset)?;
    let saving = interrupt::saves("the step or batch in progress is ended, then all is saved");
    let outcome = run.train(stop);
    run.progress.finish();
    let status = match &outcome {
        Ok(Ending::Done(_)) if run.state.stopped_early => "stopped early".to_string(),
        Ok(Ending::Done(_)) => "done".to_string(),
        Ok(Ending::Interrupted) => "interrupted".to_string(),
        Err(TrainError::NonFinite { step, .. }) => format!("{}{step}", status::NON_FINITE),
        Err(error) => status::of(&error.to_string()),
    };
    let row = run.append_row(&status);
    drop(saving);
    run.say_ending(&outcome, row.is_ok());
    match (outcome, row) {
        // A full disk has no room for the row either; what ended the run comes first.
        (Err(error), Err(no_row)) => {
            run.progress.say(&format!("note: {no_row}"));
            Err(error)
        }
        (outcome, row) => outcome.and_then(|ending| row.map(|()| ending)),
    }
}

struct Run<'a> {
    request: &'a Request,
    earlier_seconds: f64,
    trainer: Trainer,
    /// The network's plan at each size of the images, smallest first.
    plans: Vec<Plan>,
    progressive: Progressive,
    source: Arc<Source>,
    test: Arc<TestSet>,
    dataset: Dataset,
    state: State,
    steps: u64,
    speed: Speed,
    budget: Option<Budget>,
    folder: RunFolder,
    progress: Progress,
    /// Name of those that it started from.
    weights: String,
    /// Whether a rank was asked to stop.
    stops: bool,
}

impl<'a> Run<'a> {
    fn train(&mut self, stop: &AtomicBool) -> Result<Ending, TrainError> {
        if self.state.settings.run.on_nan == OnNan::Rollback && !self.folder.last().exists() {
            self.save()?;
        }
        let mut loader = self.loader();
        while !self.is_done() {
            // Also where the run was stopped while it evaluated, and makes up for it now.
            let evaluates = self.at_evaluation() && self.state.running.steps > 0;
            match if evaluates { self.end_epoch(stop) } else { self.advance(&mut loader, stop) } {
                Err(error) if self.can_go_back(&error) => {
                    self.go_back(&error)?;
                    loader = self.loader();
                }
                outcome => outcome?,
            }
            // With others it is what all have heard.
            let stops = if self.request.comm.is_shared() { self.stops } else { stop.load(Ordering::Relaxed) };
            if stops && !self.is_done() {
                self.save()?;
                return Ok(Ending::Interrupted);
            }
        }
        Ok(Ending::Done(Scores::of(&self.state)))
    }

    fn loader(&self) -> Loader {
        Loader::start(self.source.clone(), self.state.step, self.state.settings.run.workers)
    }

    /// One step, and the checkpoint that is due after it; an evaluation, which is next then, saves one itself.
    fn advance(&mut self, loader: &mut Loader, stop: &AtomicBool) -> Result<(), TrainError> {
        self.trainer.wants_stop = stop.load(Ordering::Relaxed);
        self.one_step(loader)?;
        self.fix_budget()?;
        match self.state.settings.run.checkpoint_every {
            Some(every) if self.state.step.is_multiple_of(every) && !self.at_evaluation() => self.save(),
            _ => Ok(()),
        }
    }

    /// Steps from one evaluation to the next.
    fn interval(&self) -> u64 {
        self.source.steps_per_epoch().saturating_mul(self.state.settings.evaluate_every())
    }

    fn at_evaluation(&self) -> bool {
        self.state.step == self.steps || self.state.step.is_multiple_of(self.interval())
    }

    /// Whether every step is done and evaluated, or no more are to be.
    fn is_done(&self) -> bool {
        self.state.stopped_early || (self.state.step == self.steps && self.state.running.steps == 0)
    }

    fn schedule(&self) -> Schedule {
        self.state.settings.schedule(self.steps, self.source.steps_per_epoch())
    }

    fn one_step(&mut self, loader: &mut Loader) -> Result<(), TrainError> {
        let begun = Instant::now();
        let step = self.state.step;
        self.trainer.freeze_for(step as f64 / self.source.steps_per_epoch() as f64)?;
        self.trainer.model.set_size_of(&self.plans[self.progressive.index(step, self.steps)])?;
        let rate = self.schedule().rate(step) * self.state.rate_scale;
        let batch = loader.next_batch()?;
        let micro_batch = self.trainer.micro_batch;
        let outcome = self.trainer.step(&batch, step, rate)?;
        if !outcome.loss.is_finite() {
            return Err(self.non_finite(step, Some(outcome.loss)));
        }
        self.keep_micro_batch(micro_batch)?;
        self.stops |= outcome.stops;
        let seconds = begun.elapsed().as_secs_f64();
        let running = &mut self.state.running;
        running.loss += outcome.loss;
        running.correct += outcome.correct;
        running.images += self.source.batch_size as u64;
        running.steps += 1;
        running.seconds += seconds;
        self.state.training_seconds += seconds;
        self.state.step += 1;
        self.progress.update(&self.snapshot(), self.steps);
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        let Running { loss, correct, images, steps, seconds } = self.state.running;
        Snapshot {
            step: self.state.step,
            loss: loss / steps.max(1) as f64,
            top1: 100.0 * correct as f64 / images.max(1) as f64,
            images_per_second: images as f64 / seconds.max(f64::MIN_POSITIVE),
            seconds_left: self.seconds_left(),
        }
    }

    /// The speed of the run's own steps, spread over all sizes as the trial steps say; before the first, theirs alone.
    fn current_speed(&self) -> Speed {
        let expected = self.progressive.sum(&self.speed.steps, self.state.step, self.steps);
        match self.state.step {
            0 => self.speed.clone(),
            _ => self.speed.scaled(self.state.training_seconds / expected.max(f64::MIN_POSITIVE)),
        }
    }

    fn seconds_left(&self) -> f64 {
        let speed = self.current_speed();
        let sum = |done: u64| self.progressive.sum(&speed.steps, done, self.steps);
        let left = self.steps - self.state.step;
        let evaluations = left.div_ceil(self.interval().max(1));
        let saved = self.state.settings.run.checkpoint_every.map_or(0, |every| left / every.max(1));
        sum(self.steps) - sum(self.state.step)
            + evaluations as f64 * (speed.evaluation + speed.saving)
            + saved as f64 * speed.saving
    }

    /// Turns a budget into its final number of steps, once it has real ones to go by, and while nothing that has been done
    /// depends on their number.
    fn fix_budget(&mut self) -> Result<(), TrainError> {
        let warmup = warmup_for(self.steps);
        let Some(budget) = self.budget.filter(|_| self.state.step >= warmup.max(1)) else { return Ok(()) };
        self.budget = None;
        if self.state.settings.schedule.warmup_steps.is_some() || warmup == 0 {
            return Ok(());
        }
        let speed = self.current_speed();
        let mean = self.progressive.mean(&speed.steps);
        let evaluations = self.state.epochs.len() as f64 * speed.evaluation;
        let other = self.seconds() - self.state.training_seconds - evaluations;
        let pace = Pace::of(mean, &speed, &self.state.settings, self.interval());
        // No two clocks agree.
        self.steps = self.request.comm.first(|| Ok(budget.second_estimate(&pace, other, self.steps)))?;
        self.state.settings.schedule.steps = Some(self.steps);
        self.progress.set_steps(self.steps);
        self.write_config()
    }

    fn write_config(&self) -> Result<(), TrainError> {
        if self.request.comm.is_first() { self.folder.write_config(&self.state.settings) } else { Ok(()) }
    }

    /// Saves the newest checkpoint, unless the weights are no longer numbers.
    fn save(&mut self) -> Result<(), TrainError> {
        self.save_as(&self.folder.last())
    }

    fn save_as(&mut self, path: &Path) -> Result<(), TrainError> {
        if !self.trainer.is_finite()? {
            return Err(self.non_finite(self.state.step.saturating_sub(1), None));
        }
        self.state.seconds = self.seconds();
        self.trainer.check_equal()?;
        if !self.request.comm.is_first() {
            return Ok(());
        }
        let begun = Instant::now();
        checkpoint::save(path, &self.trainer, &self.state, &self.description())?;
        self.speed.saving = begun.elapsed().as_secs_f64();
        Ok(())
    }

    /// What the checkpoint says of itself to whoever evaluates or exports it.
    fn description(&self) -> Description {
        let settings = &self.state.settings;
        Description {
            model: Some(settings.network.model.clone()),
            width: settings.network.width,
            depth: settings.network.depth,
            profile: Some(settings.network.profile.clone()),
            dataset: Some(settings.data.dataset.clone()),
            classes: Some(self.dataset.classes.clone()),
            averages_are_better: self.state.epochs.last().and_then(Epoch::average_is_better),
            trained_with: in_force(settings, self.trainer.model.plan(), &self.dataset),
        }
    }

    fn seconds(&self) -> f64 {
        self.earlier_seconds + self.request.begun.elapsed().as_secs_f64()
    }

    fn append_row(&mut self, status: &str) -> Result<(), TrainError> {
        let comm = &self.request.comm;
        if !comm.is_first() {
            return Ok(());
        }
        let settings = &self.state.settings;
        let last = self.state.epochs.last().filter(|epoch| epoch.step == self.state.step);
        let trained = self.state.training_seconds > 0.0;
        // Not the plan of the images' size of the moment.
        let Some(plan) = self.plans.last() else { return Ok(()) };
        let environment = Environment::detect(&settings.run.device);
        let row = accuracy::Row {
            run: self.folder.name(),
            epochs: self.state.step as f64 / self.source.steps_per_epoch() as f64,
            steps: self.state.step,
            seconds: Some(self.seconds()),
            top1: last.map(|epoch| epoch.test_top1),
            top1_ema: last.and_then(|epoch| epoch.test_top1_ema),
            best_top1: self.state.best_top1,
            train_loss: last.map(|epoch| epoch.train_loss),
            test_loss: last.map(|epoch| epoch.test_loss),
            status: status.into(),
            dataset: self.dataset.name.clone(),
            split: evaluated_split(&self.dataset.name).into(),
            images_per_second: trained
                .then(|| self.state.step as f64 * settings.schedule.batch_size as f64 / self.state.training_seconds),
            threads: Some(tch::get_num_threads().unsigned_abs()),
            ranks: Some(comm.size() as u32),
            backend: comm.backend().map(|backend| backend.name().into()).unwrap_or_default(),
            hosts: Some(comm.hosts() as u32),
            ..row::before(settings, &plan.options, plan.cost, &self.weights, &environment)
        };
        let added = TableOf::new(&self.request.results).append(&row);
        let no_row = |source| TrainError::NoRow { source, folder: self.folder.path.clone() };
        if let Some(warning) = added.map_err(no_row)? {
            self.progress.say(&format!("note: {warning}"));
        }
        Ok(())
    }
}
