//! `train`: the default command.

mod args;
mod ranks;
mod setting_flags;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Error};
use zoo_core::Registry;
use zoo_core::regular_file::read_text;

use super::Outcome;
use super::machine::{device, set_threads};
use super::usage::misused;
use zoo_data::Dataset;
use zoo_host::console::{if_slow, tell};
use zoo_host::interrupt;
use zoo_host::launch::Launch;
use zoo_host::paths::expand;
use zoo_host::words::counted;
use zoo_settings::{Given, Settings};
use zoo_training::budget::Budget;
use zoo_training::checkpoint::State;
use zoo_training::dataset;
use zoo_training::estimate::estimate;
use zoo_training::folder::{self, Resume, Resumed, RunFolder};
use zoo_training::profile::profile;
use zoo_training::progress::Verbosity;
use zoo_training::run::{Ending, Request, Scores, run as train};
use zoo_training::starting_point;

pub use args::{Named, TrainArgs};

/// Settings that may change when a run is resumed, as no result depends on them.
const FREE: [&str; 7] =
    ["threads", "workers", "device", "data_on_device", "cudnn_autotune", "checkpoint_every", "keep"];

/// Settings that say how long a run is, which [`set_length`] looks at.
const LENGTH: [&str; 2] = ["epochs", "steps"];

pub fn run(registry: &Registry, args: &TrainArgs) -> Result<Outcome, Error> {
    let launch = ranks::detect(args)?;
    if let (None, Some(count)) = (&launch, args.ranks.filter(|count| *count > 1)) {
        check(registry, args)?;
        return ranks::start(count);
    }
    let launch = launch.as_ref();
    if let Some(steps) = args.profile_steps {
        let (request, dataset) = request(registry, args, 0, launch)?;
        tell!("{}", profile(&request, dataset, steps)?.trim_end());
        return Ok(Outcome::Done);
    }
    if args.estimate {
        let (request, dataset) = request(registry, args, 0, launch)?;
        tell!("{}", serde_json::to_string(&estimate(&request, dataset)?)?);
        return Ok(Outcome::Done);
    }
    if args.repeat > 1 && args.resume.as_ref().is_some_and(|resume| resume != "auto") {
        misused!(
            "--repeat trains several runs, but --resume PATH continues one: give --resume auto, or leave one of them \
             out"
        );
    }
    if args.repeat > 1 && launch.is_some() {
        misused!("--repeat trains run after run in one process: with several ranks, start each run by itself");
    }
    let stop = stop_on_signals()?;
    let mut scores = Vec::new();
    for repeat in 0..u64::from(args.repeat) {
        let (request, dataset) = request(registry, args, repeat, launch)?;
        // Of seeds that an earlier sitting came to the end of, what they came to is known.
        let ended = if args.repeat > 1 && request.resume == Resume::Auto {
            folder::ended(&request.results, &request.settings)?
        } else {
            None
        };
        if let Some(state) = ended {
            scores.push(Scores::of(&state));
            continue;
        }
        let ended = train(&request, dataset, stop);
        request.comm.leave(ended.as_ref().map(|_| ()));
        match ended? {
            Ending::Done(found) => scores.push(found),
            Ending::Interrupted => return Ok(Outcome::Interrupted),
        }
    }
    if args.repeat > 1 && !args.quiet {
        tell!("{}", say_scores(&scores));
    }
    Ok(Outcome::Done)
}

/// What is asked for, with `repeat` more on the seed, and its data.
fn request(
    registry: &Registry,
    args: &TrainArgs,
    repeat: u64,
    launch: Option<&Launch>,
) -> Result<(Request, Dataset), Error> {
    let begun = Instant::now();
    let resume = match args.resume.as_deref() {
        None => Resume::No,
        Some("auto") => Resume::Auto,
        Some(path) => Resume::From(expand(path)),
    };
    let (mut settings, weights) = match &resume {
        Resume::From(path) => (settings_of_run(path, args)?, None),
        _ => {
            let (mut settings, given) = settings(args)?;
            let weights = starting_point::settle(registry, &mut settings, &given)?;
            (settings, weights)
        }
    };
    if settings.network.model.is_empty() {
        misused!("no model is named; give --model NAME, such as --model efficientnet-b2 (`list` shows all)");
    }
    settings.check_values()?;
    settings.run.seed = settings.run.seed.wrapping_add(repeat);
    let entry = registry.find(&settings.network.model)?;
    if repeat == 0 {
        // libtorch takes its threads once, before any work.
        settings.run.threads = settings.run.threads.or_else(|| launch.map(ranks::threads));
        set_threads(settings.run.threads);
    }
    // Sums differ in their last bits by the number of threads: a repeat needs to know it.
    settings.run.threads.get_or_insert_with(tch::get_num_threads);
    let device_name = ranks::device_name(launch, &settings.run.device)?;
    let device = device(&device_name, settings.run.precision, settings.run.cudnn_autotune.unwrap_or(true))?;
    let comm = ranks::join(launch, args, &settings, device)?;
    let reading = if_slow(format!("reading the images of {}", settings.data.dataset));
    let dataset = dataset::load_for(&comm, &settings, args.data_dir.as_deref());
    drop(reading);
    let dataset = dataset.inspect_err(|error| comm.leave(Err(error)))?;
    let request = Request {
        entry,
        budget: args.budget.map(|total| Budget { total }),
        weights,
        resume,
        results: args.results.clone(),
        device,
        begun,
        verbosity: if args.quiet || !comm.is_first() { Verbosity::Quiet } else { Verbosity::Normal },
        comm,
        settings,
    };
    Ok((request, dataset))
}

/// Refuses what every rank would refuse, before any is started.
fn check(registry: &Registry, args: &TrainArgs) -> Result<(), Error> {
    if args.resume.as_deref().is_some_and(|resume| resume != "auto") {
        return Ok(());
    }
    let (settings, _) = settings(args)?;
    settings.check_values()?;
    if !settings.network.model.is_empty() {
        registry.find(&settings.network.model)?;
    }
    Ok(())
}

/// Mean and deviation over seeds.
fn say_scores(scores: &[Scores]) -> String {
    let say = |numbers: &[f64]| {
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let squares = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>();
        format!("{mean:.2} ± {:.2} %", (squares / (count - 1.0)).sqrt())
    };
    let weights: Vec<f64> = scores.iter().map(|score| score.top1).collect();
    let averages: Vec<f64> = scores.iter().filter_map(|score| score.top1_ema).collect();
    let averaged =
        if averages.len() == scores.len() { format!(", {} averaged", say(&averages)) } else { String::new() };
    format!("{} seeds: {} top-1{averaged} (mean and standard deviation)", scores.len(), say(&weights))
}

fn settings(args: &TrainArgs) -> Result<(Settings, Given), Error> {
    let text = match &args.config {
        Some(path) => Some(read_text(path).with_context(|| format!("cannot read {}", path.display()))?),
        None => None,
    };
    let file = args.config.as_deref().zip(text.as_deref());
    Ok(Settings::layered(file, args.settings.0.clone())?)
}

/// The settings of the run at `path`; flags may repeat them, change what no result depends on, and make a run longer that has
/// ended.
fn settings_of_run(path: &Path, args: &TrainArgs) -> Result<Settings, Error> {
    let shown = path.display();
    let folder = RunFolder::at(path.into());
    if !path.exists() {
        misused!("--resume {shown}: there is no such run; give the folder of one, such as results/RUN, or auto");
    }
    if path.is_dir() && !folder.last().exists() && !folder.best().exists() {
        misused!(
            "--resume {shown}: that folder has no checkpoint; give that of a run that has one, or start a new run"
        );
    }
    let Resumed { file, checkpoint, .. } = Resumed::read(path)?;
    let mut settings = checkpoint.state.settings.clone();
    if args.config.is_some() {
        misused!("a resumed run has its own settings: leave --config out, or --resume");
    }
    for (key, value) in args.settings.0.clone().into_iter().filter(|(key, _)| !LENGTH.contains(&key.as_str())) {
        let earlier = settings.to_flat().remove(&key);
        let changed = settings.with(&key, value.clone())?;
        if FREE.contains(&key.as_str()) {
            settings = changed;
        } else if changed != settings {
            let earlier = earlier.map_or("nothing".to_string(), |earlier| earlier.to_string());
            let flag = key.replace('_', "-");
            misused!("{} has {key} = {earlier}, not {value}: leave --{flag} out, or --resume", file.display());
        }
    }
    set_length(&mut settings, &checkpoint.state, args, &file)?;
    Ok(settings)
}

/// Gives the run at `state`, whose checkpoint is `file`, the length that the flags ask for, where it has ended, or was made
/// longer before, and that is longer. Before its end it keeps its own, over which its learning rate falls.
fn set_length(settings: &mut Settings, state: &State, args: &TrainArgs, file: &Path) -> Result<(), Error> {
    let given = |key: &str| args.settings.0.get(key);
    let epochs = given("epochs").and_then(toml::Value::as_float);
    let steps = given("steps").and_then(toml::Value::as_integer).and_then(|steps| u64::try_from(steps).ok());
    if epochs.is_some_and(|epochs| epochs.is_nan() || epochs <= 0.0) {
        // Whoever looks at the values says what is wrong with it.
        settings.schedule.epochs = epochs.unwrap_or_default();
        return Ok(());
    }
    let (flag, value, asked) = match (steps, epochs) {
        (Some(steps), _) => ("steps", steps.to_string(), Some(steps)),
        (None, Some(epochs)) => ("epochs", epochs.to_string(), state.steps_of(epochs)),
        (None, None) => return Ok(()),
    };
    // Before the first evaluation nothing tells how many steps an epoch has.
    let is_own =
        if asked.is_some() { asked == settings.schedule.steps } else { epochs == Some(settings.schedule.epochs) };
    if is_own {
        return Ok(());
    }
    if state.takes_another_end() && asked > Some(state.step) {
        settings.schedule.epochs = epochs.unwrap_or(settings.schedule.epochs);
        settings.schedule.steps = asked;
        settings.schedule.extended_from.push(state.step);
        return Ok(());
    }
    let (file, at) = (file.display(), counted(state.step, "step"));
    let weights = format!("or start a new run from its weights with --weights {file} in place of --resume");
    if state.takes_another_end() {
        misused!("--{flag} {value} does not extend the run of {file}, which has {at}: give more, {weights}");
    }
    misused!(
        "{file} is at step {} of {}, and --{flag} {value} would change the learning rate schedule of an unfinished \
         run: leave --{flag} out and extend the run once it has ended, {weights}",
        state.step,
        settings.schedule.steps.unwrap_or_default()
    );
}

/// A flag that the first Ctrl-C, or a scheduler's signal, sets, as [`interrupt`] says.
pub fn stop_on_signals() -> Result<&'static AtomicBool, Error> {
    interrupt::listen().context("cannot listen for signals")
}
