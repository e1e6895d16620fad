//! How a run starts: anew, from weights, or where an earlier sitting stopped.
use std::sync::Arc;
use std::time::Instant;

use tch::Device;
use zoo_core::model::Model;
use zoo_core::weights::{self, Strictness};
use zoo_core::{Options, Plan};

use super::{Request, Run};
use crate::data::{Dataset, Split};
use crate::results::accuracy;
use crate::train::budget::{Pace, Speed};
use crate::train::checkpoint::{Checkpoint, State};
use crate::train::folder::{self, Found, Resumed, RunFolder};
use crate::train::progress::Progress;
use crate::train::progressive::Progressive;
use crate::train::source::Source;
use crate::train::test_set::TestSet;
use crate::train::trainer::Trainer;
use crate::train::{Settings, TrainError, calibrate, features, metrics};
use crate::weights::Identified;

/// What a run needs before its first step, but for weights.
pub struct Prepared {
    /// The settings in force.
    pub settings: Settings,
    /// How images grow.
    pub progressive: Progressive,
    /// The network's plan at each size of the images, smallest first.
    pub plans: Vec<Plan>,
    /// The training batches.
    pub source: Source,
    /// The test set.
    pub test: TestSet,
    /// The rest of the data set.
    pub dataset: Dataset,
}

impl Prepared {
    /// For a run that starts anew.
    ///
    /// # Errors
    /// Where the settings cannot be.
    pub fn new(request: &Request, dataset: Dataset) -> Result<Prepared, TrainError> {
        Prepared::with(request, request.settings.clone(), dataset, None)
    }

    fn with(
        request: &Request,
        settings: Settings,
        mut dataset: Dataset,
        earlier: Option<&Checkpoint>,
    ) -> Result<Prepared, TrainError> {
        dataset.train.truncate(settings.limit_train.unwrap_or(usize::MAX));
        dataset.test.truncate(settings.limit_test.unwrap_or(usize::MAX));
        settings.check(dataset.train.len())?;
        let (progressive, plans) = plans(request, &settings, dataset.classes.len())?;
        folder::make_results(&request.results)?;
        if let Some(full) = plans.last().filter(|_| settings.cache_features) {
            features::replace(&mut dataset, full, &settings, request, earlier)?;
            // Files that could not be decoded are gone.
            settings.check(dataset.train.len())?;
        }
        let source = source(&settings, &mut dataset, request.device)?;
        let test = TestSet::new(std::mem::take(&mut dataset.test), settings.preprocessing(&dataset));
        Ok(Prepared { settings, progressive, plans, source, test, dataset })
    }
}

impl<'a> Run<'a> {
    pub(super) fn start(request: &'a Request, dataset: Dataset) -> Result<Run<'a>, TrainError> {
        let started = Instant::now();
        let found = folder::find(&request.results, &request.resume, &request.settings)?;
        let kept = found.run.as_ref().map(|(_, resumed)| resumed.file.clone());
        let run = Run::begin(request, dataset, found, started);
        if let (Err(_), Some(kept)) = (&run, kept) {
            Progress::new(request.verbosity, 0, 0).say(&format!("the last good checkpoint is {}", kept.display()));
        }
        run
    }

    fn begin(request: &'a Request, dataset: Dataset, found: Found, started: Instant) -> Result<Run<'a>, TrainError> {
        // Another table in its place would be noticed only when all is trained.
        accuracy::check(&request.results)?;
        let Found { run: found, mut notes } = found;
        notes.extend(found.as_ref().and_then(|(_, resumed)| resumed.note.clone()));
        let settings = match &found {
            Some((_, resumed)) => in_force(&request.settings, &resumed.checkpoint.state.settings),
            None => request.settings.clone(),
        };
        let earlier = found.as_ref().map(|(_, resumed)| &resumed.checkpoint);
        let prepared = Prepared::with(request, settings, dataset, earlier)?;
        let Prepared { settings, progressive, plans, source, test, dataset } = prepared;
        let (source, test) = (Arc::new(source), Arc::new(test));
        let interval = source.steps_per_epoch().saturating_mul(settings.evaluate_every());
        // A run that has not made a step has no speed yet either.
        let trained = earlier.map(|checkpoint| &checkpoint.state).filter(|state| state.step > 0);
        let (speed, steps) = match trained {
            Some(state) => (earlier_speed(state, &progressive), settings.steps.unwrap_or(0)),
            None => {
                let speed = calibrate::measure(&plans, &settings, &source, &test, request)?;
                let elapsed = started.elapsed().as_secs_f64();
                let epochs = settings.epochs * source.steps_per_epoch() as f64;
                let asked = settings.steps.unwrap_or_else(|| epochs.ceil() as u64);
                let pace = Pace { step: progressive.mean(&speed.steps), evaluation: speed.evaluation, interval };
                let steps = request.budget.map(|budget| budget.first_estimate(&pace, elapsed));
                (speed, steps.unwrap_or(asked).max(1))
            }
        };
        let full = plans.last().cloned().ok_or_else(|| TrainError::Setting("the images have no size".into()))?;
        let mut trainer = Trainer::new(full, &settings, &source, request.device)?;
        let mut loaded = notes;
        let (folder, state, is_newest) = match found {
            Some((folder, Resumed { file, checkpoint, .. })) => {
                let settings = Settings { steps: Some(steps), ..settings };
                let is_newest = file.file_name() == folder.last().file_name();
                (folder, load(&mut trainer, checkpoint, settings)?, is_newest)
            }
            None => {
                loaded.extend(load_weights(&mut trainer.model, request, &settings)?);
                trainer.restart_average(&settings)?;
                let settings = Settings { steps: Some(steps), ..settings };
                (RunFolder::create(&request.results, &settings)?, State::new(settings), true)
            }
        };
        folder.write_config(&state.settings)?;
        if is_newest && state.epochs.last().is_some_and(|epoch| epoch.step == state.step) {
            // A run killed right after an evaluation had no time for it.
            folder.keep_top(&state)?;
        }
        metrics::rewrite(&folder.metrics(), &state.epochs)?;
        // A budget that was resumed became steps in the first sitting.
        let budget = request.budget.filter(|_| state.step == 0);
        let progress = Progress::new(request.verbosity, steps, state.step);
        let earlier_seconds = state.seconds;
        let weights = state.settings.name_of_weights();
        let mut run = Run {
            request,
            started,
            earlier_seconds,
            trainer,
            plans,
            progressive,
            source,
            test,
            dataset,
            state,
            steps,
            speed,
            budget,
            folder,
            progress,
            weights,
        };
        loaded.iter().for_each(|line| run.progress.say(line));
        run.say_beginning();
        if !is_newest {
            // The steps behind it are given up: what goes back, or resumes, must not go on with them.
            run.save()?;
        }
        Ok(run)
    }
}

/// The settings of an earlier run, with what does not change its results from the new request.
fn in_force(request: &Settings, earlier: &Settings) -> Settings {
    Settings {
        threads: request.threads,
        workers: request.workers,
        device: request.device.clone(),
        data_on_device: request.data_on_device,
        cudnn_autotune: request.cudnn_autotune,
        checkpoint_every: request.checkpoint_every,
        keep: request.keep,
        ..earlier.clone()
    }
}

/// Fills a fresh network with the weights that were asked for, and tells how that went.
pub fn load_weights(model: &mut Model, request: &Request, settings: &Settings) -> Result<Vec<String>, TrainError> {
    let Some(Identified { file, resolved, .. }) = &request.weights else { return Ok(Vec::new()) };
    let strictness = if settings.allow_partial { Strictness::Partial } else { Strictness::Strict };
    let report = weights::load(model, request.entry.architecture.family, file, strictness)?;
    if settings.trains_norms() && model.has_folded_norms()? {
        return Err(TrainError::FoldedNorms { path: file.path.clone() });
    }
    let mut lines = vec![format!("{}: {report}", file.path.display())];
    lines.extend(report.faults().into_iter().map(|fault| format!("  {fault}")));
    let whole = if settings.is_small_images() { "small images are resized whole to the crop; " } else { "" };
    lines.push(format!("images: {whole}{resolved}"));
    Ok(lines)
}

fn load(trainer: &mut Trainer, checkpoint: Checkpoint, settings: Settings) -> Result<State, TrainError> {
    checkpoint.load_trainer(trainer)?;
    Ok(State { settings, ..checkpoint.state })
}

/// The speed of an earlier sitting, of which the sizes' relation is not known.
fn earlier_speed(state: &State, progressive: &Progressive) -> Speed {
    let steps = state.step.max(1) as f64;
    let evaluations = state.epochs.len().max(1) as f64;
    Speed {
        steps: vec![state.training_seconds / steps; progressive.sizes().len()],
        evaluation: (state.seconds - state.training_seconds).max(0.0) / evaluations,
    }
}

/// The sizes that images have, and the network's plan at each of them.
fn plans(request: &Request, settings: &Settings, classes: usize) -> Result<(Progressive, Vec<Plan>), TrainError> {
    let options = settings.options(&request.entry, classes)?;
    let plan =
        |input_size: &u32| Plan::new(request.entry.architecture, &Options { input_size: *input_size, ..options });
    // Sizes that give no network are refused before others are reckoned from them.
    Plan::new(request.entry.architecture, &options)?;
    let progressive = Progressive::new(settings.input_size_from, settings.input_size);
    let plans = progressive.sizes().iter().map(plan).collect::<Result<_, _>>()?;
    Ok((progressive, plans))
}

/// Takes the training images out of the data set: a copy would be 150 MB of CIFAR-10.
fn source(settings: &Settings, dataset: &mut Dataset, device: Device) -> Result<Source, TrainError> {
    let preprocessing = settings.preprocessing(dataset);
    let train = std::mem::take(&mut dataset.train);
    let augmentation = settings.augmentation();
    let possible = matches!(train, Split::Memory(_)) && !augmentation.is_more_than_crops();
    if settings.data_on_device == Some(true) && !possible {
        return Err(TrainError::Setting(
            "--data-on-device true is for cifar10 and synthetic, with no changes to images but crops and flips".into(),
        ));
    }
    let mut source = Source::new(train, preprocessing, augmentation, settings.batch_size, settings.seed);
    source.on_device = possible && settings.data_on_device.unwrap_or(matches!(device, Device::Cuda(_)));
    Ok(source)
}
