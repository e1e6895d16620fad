//! How a run starts: anew, from weights, or where an earlier sitting stopped.
use crate::augment::Augmentation;
use crate::starting_point::{name_of_weights, preprocessing};
use std::sync::Arc;

use tch::Device;
use zoo_core::model::Model;
use zoo_core::weights::{self, Strictness};
use zoo_core::{ImageSize, Options, Plan};

use super::{Request, Run};
use crate::budget::{Pace, Speed};
use crate::checkpoint::{Checkpoint, State};
use crate::folder::{self, Found, Resumed, RunFolder};
use crate::freeze::operations;
use crate::progress::Progress;
use crate::progressive::Progressive;
use crate::source::Source;
use crate::test_set::TestSet;
use crate::trainer::Trainer;
use crate::{TrainError, calibrate, channels, features, metrics, norms};
use zoo_data::{Dataset, Preprocessing, Split, sets};
use zoo_host::words::counted;
use zoo_results::{TableOf, accuracy};
use zoo_settings::Settings;
use zoo_settings::freeze::Freeze;
use zoo_weights::{Identified, classes};

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
        if request.comm.is_shared() && settings.network.cache_features {
            return Err(TrainError::Setting(
                "--cache-features trains one layer on features in memory, which several ranks make no faster: give one \
                 rank, or leave it out"
                    .into(),
            ));
        }
        dataset.train.truncate(settings.data.limit_train.unwrap_or(usize::MAX));
        dataset.test.truncate(settings.data.limit_test.unwrap_or(usize::MAX));
        settings.check(dataset.train.len())?;
        if dataset.classes.len() == 1 {
            return Err(TrainError::Setting(format!(
                "{} has one class, {}, but training needs at least two: add another class",
                settings.data.dataset, dataset.classes[0]
            )));
        }
        let (progressive, plans) = plans(request, &settings, dataset.classes.len())?;
        if let Some(smallest) = plans.first().filter(|_| !settings.network.cache_features) {
            let frozen = frozen_at_last(&settings, smallest, dataset.train.len())?;
            norms::check(&settings, smallest, frozen)?;
            norms::check_share(&settings, smallest, frozen, &request.comm)?;
        }
        folder::make_results(&request.results)?;
        if let Some(full) = plans.last().filter(|_| settings.network.cache_features) {
            features::replace(&mut dataset, full, &settings, request, earlier)?;
            // Files that could not be decoded are gone.
            settings.check(dataset.train.len())?;
        }
        let channels = plans.last().map_or(3, |full| full.input.c);
        let preprocessing = preprocessing(&settings, &dataset, channels);
        let mut source = source(&settings, &mut dataset, preprocessing, request.device)?;
        source.share = request.comm.share(settings.schedule.batch_size);
        let test = TestSet::new(std::mem::take(&mut dataset.test), preprocessing);
        Ok(Prepared { settings, progressive, plans, source, test, dataset })
    }
}

impl<'a> Run<'a> {
    pub(super) fn start(request: &'a Request, dataset: Dataset) -> Result<Run<'a>, TrainError> {
        let found = match request.comm.is_first() {
            true => folder::find(&request.results, &request.resume, &request.settings)?,
            false => Found::default(),
        };
        let kept = found.run.as_ref().map(|(_, resumed)| resumed.file.clone());
        let run = Run::begin(request, dataset, found);
        if let (Err(_), Some(kept)) = (&run, kept) {
            Progress::new(request.verbosity).say(&format!("the last good checkpoint is {}", kept.display()));
        }
        run
    }

    fn begin(request: &'a Request, dataset: Dataset, found: Found) -> Result<Run<'a>, TrainError> {
        let comm = &request.comm;
        if comm.is_first() {
            // Another table in its place would be noticed only when all is trained.
            TableOf::<accuracy::Row>::new(&request.results).check()?;
        }
        let mut progress = Progress::new(request.verbosity);
        let Found { run: found, notes } = found;
        notes.iter().for_each(|line| progress.say(line));
        let mut loaded = Vec::new();
        loaded.extend(found.as_ref().and_then(|(_, resumed)| resumed.note.clone()));
        loaded.extend(found.as_ref().and_then(|(_, resumed)| {
            other_threads(resumed.checkpoint.state.settings.run.threads, request.settings.run.threads)
        }));
        let earlier = found.as_ref().map(|(_, resumed)| &resumed.checkpoint);
        let earlier_state = comm.first(|| Ok(earlier.map(|checkpoint| checkpoint.state.clone())))?;
        let settings = match &earlier_state {
            Some(state) => in_force(&request.settings, state),
            None => request.settings.clone(),
        };
        let extended = earlier_state.as_ref().is_some_and(|state| state.is_extended_by(&settings));
        earlier.map_or(Ok(()), |checkpoint| checkpoint.check_classes(&dataset))?;
        let prepared = Prepared::with(request, settings, dataset, earlier)?;
        let Prepared { mut settings, progressive, plans, source, test, dataset } = prepared;
        loaded.extend(plans.first().filter(|_| !settings.network.cache_features).and_then(norms::strides_beyond));
        loaded.extend(missing_classes(&source.split, dataset.classes.len()));
        let (source, test) = (Arc::new(source), Arc::new(test));
        let interval = source.steps_per_epoch().saturating_mul(settings.evaluate_every());
        // A run that has not made a step has no speed yet either.
        let trained = earlier_state.as_ref().filter(|state| state.step > 0);
        let (speed, steps) = match trained {
            Some(state) => (earlier_speed(state, &progressive), settings.schedule.steps.unwrap_or(0)),
            None => {
                progress.say("measuring the speed of a step and of an evaluation first");
                let _sign = progress.busy("measuring");
                let speed = calibrate::measure(&plans, &settings, &source, &test, request)?;
                let epochs = settings.schedule.epochs * source.steps_per_epoch() as f64;
                let asked = settings.schedule.steps.unwrap_or_else(|| epochs.ceil() as u64);
                let steps = comm.first(|| match request.budget {
                    None => Ok(asked),
                    Some(budget) => {
                        let passed = request.begun.elapsed().as_secs_f64();
                        let pace = Pace::of(progressive.mean(&speed.steps), &speed, &settings, interval);
                        loaded.extend(budget.check(&pace, passed).map_err(TrainError::Setting)?);
                        Ok(budget.first_estimate(&pace, passed))
                    }
                })?;
                (speed, steps.max(1))
            }
        };
        let full = plans.last().cloned().ok_or_else(|| TrainError::Setting("the images have no size".into()))?;
        let mut trainer = Trainer::new(full, &settings, &source, request.device, comm)?;
        let (folder, state, is_newest) = match found {
            Some((folder, Resumed { file, checkpoint, .. })) => {
                settings.schedule.steps = Some(steps);
                if extended {
                    loaded.push(say_extension(&checkpoint.state, &settings, source.steps_per_epoch()));
                }
                let is_newest = file.file_name() == folder.last().file_name();
                (folder, load(&mut trainer, checkpoint, settings)?, is_newest)
            }
            None if comm.is_first() => {
                loaded.extend(load_weights(&mut trainer.model, request, &settings, &dataset)?);
                trainer.restart_average(&settings)?;
                settings.schedule.steps = Some(steps);
                (RunFolder::create(&request.results, &request.entry, &settings)?, State::new(settings), true)
            }
            // Rank 0 has all of it.
            None => (RunFolder::at(request.results.clone()), State::new(settings), true),
        };
        let (state, is_newest, path) = comm.first(|| Ok((state, is_newest, folder.path.clone())))?;
        let folder = if comm.is_first() { folder } else { RunFolder::at(path) };
        trainer.share()?;
        loaded.extend(folder.lock_note());
        if comm.is_first() {
            folder.write_config(&state.settings)?;
            if is_newest && state.epochs.last().is_some_and(|epoch| epoch.step == state.step) {
                // A run killed right after an evaluation had no time for it.
                folder.keep_top(&state)?;
            }
            metrics::rewrite(&folder.metrics(), &state.epochs)?;
        }
        // A budget that was resumed became steps in the first sitting.
        if request.budget.is_some() && state.step > 0 {
            loaded.push(format!(
                "note: --budget is not used, because this run has its {} already",
                counted(steps, "step")
            ));
        }
        let budget = request.budget.filter(|_| state.step == 0);
        let earlier_seconds = state.seconds;
        let weights = name_of_weights(&state.settings);
        let mut run = Run {
            request,
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
            stops: false,
        };
        loaded.iter().for_each(|line| run.progress.say(line));
        run.say_beginning();
        run.progress.begin(steps, run.state.step);
        if !is_newest || extended {
            // The steps behind it are given up: what goes back, or resumes, must not go on with them. Nor may it take a run
            // that was extended for one that has ended.
            run.save()?;
        }
        Ok(run)
    }
}

/// The settings of an earlier run, with what does not change its results from the new request, and its length where it is
/// extended.
fn in_force(request: &Settings, state: &State) -> Settings {
    let length = if state.is_extended_by(request) { request } else { &state.settings };
    let schedule = zoo_settings::LearningSchedule {
        epochs: length.schedule.epochs,
        steps: length.schedule.steps,
        extended_from: length.schedule.extended_from.clone(),
        ..state.settings.schedule.clone()
    };
    let run = zoo_settings::Run {
        threads: request.run.threads,
        workers: request.run.workers,
        device: request.run.device.clone(),
        data_on_device: request.run.data_on_device,
        cudnn_autotune: request.run.cudnn_autotune,
        checkpoint_every: request.run.checkpoint_every,
        keep: request.run.keep,
        ..state.settings.run.clone()
    };
    Settings { schedule, run, ..state.settings.clone() }
}

/// Fills a fresh network with the weights that were asked for, and tells how that went.
pub fn load_weights(
    model: &mut Model,
    request: &Request,
    settings: &Settings,
    dataset: &Dataset,
) -> Result<Vec<String>, TrainError> {
    let Some(Identified { file, resolved, description, averaged, .. }) = &request.weights else {
        return Ok(Vec::new());
    };
    let strictness = if settings.network.allow_partial { Strictness::Partial } else { Strictness::Strict };
    let report = weights::load(model, request.entry.architecture, file, strictness)?;
    if settings.trains_norms() && model.has_folded_norms()? {
        return Err(TrainError::FoldedNorms { path: file.path.clone() });
    }
    let mut lines = vec![format!("{}: {report}", file.path.display())];
    if let Some(account) = file.account() {
        let averages = file.has_averages() && file.has_weights() && !averaged;
        let other = if averages { "; `export --ema` writes the averaged weights to a file" } else { "" };
        lines.push(format!("{}: {account}{other}", file.path.display()));
    }
    lines.extend(report.faults().into_iter().map(|fault| format!("  {fault}")));
    if report.replaced_classifier.is_none() && !report.has_no_classifier {
        let named = description.classes.as_deref();
        let kept = classes::kept(named, model.plan().options.classes as usize, dataset);
        lines.extend(kept.map(|kept| format!("{}: {kept}", file.path.display())));
    }
    let whole =
        if sets::is_small(&settings.data.dataset) { "small images are resized whole to the crop; " } else { "" };
    lines.push(format!("images: {whole}{resolved}"));
    Ok(lines)
}

fn load(trainer: &mut Trainer, checkpoint: Checkpoint, settings: Settings) -> Result<State, TrainError> {
    checkpoint.load_trainer(trainer)?;
    // A run that is extended has an end before it again.
    let stopped_early = checkpoint.state.stopped_early
        && checkpoint.state.settings.schedule.extended_from == settings.schedule.extended_from;
    Ok(State { settings, stopped_early, ..checkpoint.state })
}

/// What becomes of the learning rate of the run at `state` with the length of `settings`.
fn say_extension(state: &State, settings: &Settings, per_epoch: u64) -> String {
    let rate = |settings: &Settings, step: u64| {
        settings.schedule(settings.schedule.steps.unwrap_or(0), per_epoch).rate(step) * state.rate_scale
    };
    let (ended, goes_on) = (rate(&state.settings, state.step.saturating_sub(1)), rate(settings, state.step));
    let steps = settings.schedule.steps.unwrap_or(0);
    format!(
        "extended from {} to {}: the learning rate goes from {ended:.3e} to {goes_on:.3e}, its value at this step of \
         a schedule of {}; the row will say so",
        counted(state.step, "step"),
        counted(steps, "step"),
        counted(steps, "step"),
    )
}

/// Operations that are frozen until the end.
fn frozen_at_last(settings: &Settings, plan: &Plan, images: usize) -> Result<usize, TrainError> {
    let per_epoch = (images / settings.schedule.batch_size).max(1) as f64;
    let epochs = settings.schedule.steps.map_or(settings.schedule.epochs, |steps| steps as f64 / per_epoch);
    let freeze = settings.network.freeze.unwrap_or(Freeze::None);
    operations(freeze, plan, epochs, settings.network.unfreeze_every).map_err(TrainError::Setting)
}

/// What there is to say where a run goes on with another number of threads.
fn other_threads(earlier: Option<i32>, now: Option<i32>) -> Option<String> {
    let (earlier, now) = (earlier?, now?);
    (earlier != now).then(|| {
        format!(
            "note: trained on {} until now, and on {now} from here on: sums are rounded differently, so the run is no \
             longer the same to the last bit; --threads {earlier} keeps it so",
            counted(earlier.unsigned_abs().into(), "thread")
        )
    })
}

/// What there is to say where no training image is of some classes, as a limit may leave none.
fn missing_classes(split: &Split, classes: usize) -> Option<String> {
    let mut seen = vec![false; classes];
    let mut see = |label: usize| seen.get_mut(label).into_iter().for_each(|seen| *seen = true);
    match split {
        Split::Memory(images) => images.labels.iter().for_each(|label| see(usize::from(*label))),
        Split::Files(files) => (0..files.len()).for_each(|index| see(usize::from(files.label(index)))),
        Split::Features(features) => features.labels.iter().for_each(|label| see(*label as usize)),
    }
    let count = seen.iter().filter(|seen| **seen).count();
    (count < classes).then(|| {
        let limit = "a larger --limit-train may have more";
        format!("note: the {} training images are of {count} of the {classes} classes; {limit}", split.len())
    })
}

/// The speed of an earlier sitting, of which the sizes' relation is not known.
fn earlier_speed(state: &State, progressive: &Progressive) -> Speed {
    let steps = state.step.max(1) as f64;
    let evaluations = state.epochs.len().max(1) as f64;
    Speed {
        steps: vec![state.training_seconds / steps; progressive.sizes().len()],
        evaluation: (state.seconds - state.training_seconds).max(0.0) / evaluations,
        // It is among the seconds above.
        saving: 0.0,
    }
}

/// The sizes that images have, and the network's plan at each of them.
fn plans(request: &Request, settings: &Settings, classes: usize) -> Result<(Progressive, Vec<Plan>), TrainError> {
    let options = settings.options(&request.entry, classes)?;
    let plan =
        |input_size: &ImageSize| Plan::new(request.entry.architecture, &Options { input_size: *input_size, ..options });
    // Sizes that give no network are refused before others are reckoned from them.
    let whole = Plan::new(request.entry.architecture, &options)?;
    channels::check(whole.input.c).map_err(TrainError::Setting)?;
    let progressive = Progressive::new(settings.schedule.input_size_from, settings.network.input_size);
    let plans = progressive.sizes().iter().map(plan).collect::<Result<_, _>>()?;
    Ok((progressive, plans))
}

/// Takes the training images out of the data set: a copy would be 150 MB of CIFAR-10.
fn source(
    settings: &Settings,
    dataset: &mut Dataset,
    preprocessing: Preprocessing,
    device: Device,
) -> Result<Source, TrainError> {
    let train = std::mem::take(&mut dataset.train);
    let augmentation = Augmentation::of(settings);
    let possible = matches!(train, Split::Memory(_)) && !settings.changes_images();
    if settings.run.data_on_device == Some(true) && !possible {
        return Err(TrainError::Setting(format!(
            "--data-on-device true is for {}, with no augmentation of images but crops and flips",
            sets::forms("and", |set| set.small)
        )));
    }
    let mut source = Source::new(train, preprocessing, augmentation, settings.schedule.batch_size, settings.run.seed);
    source.on_device = possible && settings.run.data_on_device.unwrap_or(matches!(device, Device::Cuda(_)));
    Ok(source)
}
