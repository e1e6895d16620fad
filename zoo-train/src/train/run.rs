//! One training run, from a request to its last row.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tch::Device;
use zoo_core::model::Model;
use zoo_core::summary::grouped;
use zoo_core::weights::{self, Strictness};
use zoo_core::{Entry, Plan};

use super::budget::{Budget, Speed};
use super::checkpoint::{self, Checkpoint, Running, State};
use super::evaluate::{Answers, Evaluation, evaluate};
use super::folder::{self, Resume, RunFolder};
use super::loader::Loader;
use super::metrics::{self, Epoch};
use super::progress::{Progress, Snapshot, Verbosity, time};
use super::source::{Augmentation, Source, TestSet};
use super::starting_point::StartingPoint;
use super::trainer::Trainer;
use super::{Settings, TrainError, calibrate, features};
use crate::data::Dataset;
use crate::results::{Environment, accuracy};
use crate::weights::Description;

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
    pub weights: Option<StartingPoint>,
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
    fn start(request: &'a Request, mut dataset: Dataset) -> Result<Run<'a>, TrainError> {
        let started = Instant::now();
        let found = folder::find(&request.results, &request.resume, &request.settings)?;
        let settings = match &found {
            Some((_, checkpoint)) => resumed(&request.settings, &checkpoint.state.settings),
            None => request.settings.clone(),
        };
        dataset.train.truncate(settings.limit_train.unwrap_or(usize::MAX));
        dataset.test.truncate(settings.limit_test.unwrap_or(usize::MAX));
        settings.check(dataset.train.len())?;
        let plan = Plan::new(request.entry.architecture, &settings.options(&request.entry, dataset.classes.len())?)?;
        folder::make_results(&request.results)?;
        if settings.cache_features {
            features::replace(
                &mut dataset,
                &plan,
                &settings,
                request,
                found.as_ref().map(|(_, checkpoint)| checkpoint),
            )?;
        }
        let source = Arc::new(source(&settings, &mut dataset));
        let test = std::mem::take(&mut dataset.test);
        let test = Arc::new(TestSet::new(test, settings.preprocessing(&dataset)));
        let per_epoch = source.steps_per_epoch();

        let (speed, steps) = match &found {
            Some((_, checkpoint)) => (earlier_speed(&checkpoint.state), settings.steps.unwrap_or(0)),
            None => {
                let speed = calibrate::measure(&plan, &settings, &source, &test, request)?;
                let elapsed = started.elapsed().as_secs_f64();
                let asked = settings.steps.unwrap_or_else(|| (settings.epochs * per_epoch as f64).ceil() as u64);
                let steps = request.budget.map(|budget| budget.first_estimate(&speed, elapsed, per_epoch));
                (speed, steps.unwrap_or(asked).max(1))
            }
        };
        let mut trainer = Trainer::new(plan, &settings, request.device)?;
        let mut loaded = Vec::new();
        let (folder, state) = match found {
            Some((folder, checkpoint)) => (folder, load(&mut trainer, checkpoint, &settings)?),
            None => {
                loaded = load_weights(&mut trainer.model, request, &settings)?;
                let settings = Settings { steps: Some(steps), ..settings };
                (RunFolder::create(&request.results, &settings)?, State::new(settings))
            }
        };
        folder.write_config(&state.settings)?;
        metrics::rewrite(&folder.metrics(), &state.epochs)?;
        // A budget that was resumed became steps in the first sitting.
        let budget = request.budget.filter(|_| state.step == 0);
        let progress = Progress::new(request.verbosity, steps, state.step);
        let earlier_seconds = state.seconds;
        let mut run = Run {
            request,
            started,
            earlier_seconds,
            trainer,
            source,
            test,
            dataset,
            state,
            steps,
            speed,
            budget,
            folder,
            progress,
        };
        loaded.iter().for_each(|line| run.progress.say(line));
        run.say_beginning();
        Ok(run)
    }

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

    fn say_beginning(&mut self) {
        let settings = &self.state.settings;
        let cost = self.trainer.model.plan().cost;
        let per_epoch = self.source.steps_per_epoch();
        let left = self.speed.seconds(self.steps - self.state.step, per_epoch);
        let lines = [
            format!(
                "{}, {}, {} px: {} parameters, {} MACs",
                settings.model,
                settings.profile,
                settings.input_size,
                grouped(cost.params),
                grouped(cost.macs),
            ),
            format!(
                "{}: {} training and {} test images; {} steps of {} images, {:.2} epochs",
                self.dataset.name,
                grouped(self.source.split.len() as u64),
                grouped(self.test.len() as u64),
                grouped(self.steps),
                settings.batch_size,
                self.steps as f64 / per_epoch as f64,
            ),
            format!(
                "expected time {} at {:.0} img/s on {} threads; Ctrl-C saves, --resume auto goes on",
                time(left),
                settings.batch_size as f64 / self.speed.step,
                tch::get_num_threads(),
            ),
            match self.state.step {
                0 => format!("results in {}", self.folder.path.display()),
                step => format!("going on at step {} in {}", grouped(step), self.folder.path.display()),
            },
        ];
        lines.iter().for_each(|line| self.progress.say(line));
    }

    fn say_epoch(&mut self, epoch: &Epoch) {
        self.progress.say(&format!(
            "epoch {:6.2}  loss {:.4}  train {:5.2} %  test {:5.2} %  test loss {:.4}  {:.0} img/s  {}",
            epoch.epoch,
            epoch.train_loss,
            epoch.train_top1,
            epoch.test_top1,
            epoch.test_loss,
            epoch.images_per_second,
            time(epoch.seconds),
        ));
    }

    fn say_ending(&mut self, outcome: &Result<Ending, TrainError>) {
        for (images, split) in [("training", &self.source.split), ("test", &self.test.split)] {
            skipped_lines(images, &split.skipped()).iter().for_each(|line| self.progress.say(line));
        }
        let seconds = time(self.seconds());
        let table = self.request.results.join("accuracy.csv");
        match outcome {
            Ok(Ending::Done) => {
                let top1 = self.state.epochs.last().map_or(f64::NAN, |epoch| epoch.test_top1);
                self.progress.say(&format!("{top1:.2} % top-1 in {seconds}; a row in {}", table.display()));
            }
            Ok(Ending::Interrupted) => self.progress.say(&format!(
                "stopped at step {} after {seconds}; go on with --resume auto",
                grouped(self.state.step)
            )),
            Err(_) if self.folder.last().exists() => {
                self.progress.say(&format!("the last good checkpoint is {}", self.folder.last().display()));
            }
            Err(_) => {}
        }
    }
}

/// What is said of files that could not be read.
pub fn skipped_lines(images: &str, skipped: &[String]) -> Vec<String> {
    if skipped.is_empty() {
        return Vec::new();
    }
    let heading = format!("skipped {} {images} images that cannot be read:", skipped.len());
    std::iter::once(heading).chain(skipped.iter().map(|line| format!("  {line}"))).collect()
}

/// The settings of an earlier run, with what does not change its results from the new request.
fn resumed(request: &Settings, earlier: &Settings) -> Settings {
    Settings {
        threads: request.threads,
        workers: request.workers,
        device: request.device.clone(),
        checkpoint_every: request.checkpoint_every,
        ..earlier.clone()
    }
}

/// Fills a fresh network with the weights that were asked for, and tells how that went.
pub(super) fn load_weights(
    model: &mut Model,
    request: &Request,
    settings: &Settings,
) -> Result<Vec<String>, TrainError> {
    let Some(StartingPoint { file, resolved }) = &request.weights else { return Ok(Vec::new()) };
    let strictness = if settings.allow_partial { Strictness::Partial } else { Strictness::Strict };
    let report = weights::load(model, request.entry.architecture.family, file, strictness)?;
    let mut lines = vec![format!("{}: {report}", file.path.display())];
    lines.extend(report.faults().into_iter().map(|fault| format!("  {fault}")));
    lines.push(format!("images: {resolved}"));
    Ok(lines)
}

fn load(trainer: &mut Trainer, checkpoint: Checkpoint, settings: &Settings) -> Result<State, TrainError> {
    checkpoint.load_model(&mut trainer.model)?;
    checkpoint.load_optimizer(&trainer.model, &mut trainer.optimizer)?;
    Ok(State { settings: settings.clone(), ..checkpoint.state })
}

fn earlier_speed(state: &State) -> Speed {
    let steps = state.step.max(1) as f64;
    let evaluations = state.epochs.len().max(1) as f64;
    Speed {
        step: state.training_seconds / steps,
        evaluation: (state.seconds - state.training_seconds).max(0.0) / evaluations,
    }
}

/// Takes the training images out of the data set: a copy would be 150 MB of CIFAR-10.
fn source(settings: &Settings, dataset: &mut Dataset) -> Source {
    let Settings { crop_padding, flip, batch_size, seed, .. } = *settings;
    let augmentation = Augmentation { crop_padding, crop_scale: settings.crop_scale(), flip };
    let preprocessing = settings.preprocessing(dataset);
    Source::new(std::mem::take(&mut dataset.train), preprocessing, augmentation, batch_size, seed)
}
