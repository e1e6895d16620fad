//! `eval`: the accuracy of weights on a test set.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Error, bail};
use clap::ValueEnum;
use serde_json::json;
use tch::Tensor;
use zoo_core::Registry;

use super::classifier::{Classifier, EngineArgs};
use super::deployed::{self, Evaluated};
use super::path;
use super::seen::Seen;
use super::weights::{self, WeightsArgs};
use zoo_data::{Dataset, Preprocessing, sets};
use zoo_host::console::{say, tell};
use zoo_settings::Settings;
use zoo_training::comm::Comm;
use zoo_training::evaluate::{Answers, Evaluation, Protocol, evaluate_by};
use zoo_training::run::skipped_lines;
use zoo_training::test_set::TestSet;
use zoo_training::{channels, dataset};
use zoo_weights::classes::{Matching, matching};

#[derive(Debug, clap::Args)]
pub struct EvalArgs {
    #[command(flatten)]
    weights: WeightsArgs,
    #[arg(long, value_name = "NAME", help = sets::forms("or", |_| true) + ", where it is not the one that was trained on")]
    dataset: Option<String>,
    /// Only the classes that this file lists
    #[arg(long, value_name = "FILE")]
    subset: Option<String>,
    /// Skip image files that cannot be decoded; they are listed at the end
    #[arg(long)]
    skip_bad: bool,
    /// The folder of the data sets, by default ~/.cache/zoo/data
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Evaluate on the first N test images only
    #[arg(long, value_name = "N")]
    limit_test: Option<usize>,
    /// Evaluate each image mirrored, too, and average the logits
    #[arg(long)]
    test_time_flip: bool,
    /// Threads that prepare images
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    #[command(flatten)]
    engine: EngineArgs,
    /// Append the accuracy with its engine and number format to deployed.csv in this folder, for `report` and `choose`
    #[arg(long, value_name = "DIR", value_parser = path::argument())]
    results: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub fn run(registry: &Registry, args: &EvalArgs) -> Result<(), Error> {
    // What cannot be kept is not computed first.
    args.results.iter().try_for_each(|results| deployed::check(results))?;
    let mut opened = Classifier::open(registry, &args.weights, &args.engine, None)?;
    channels::check(opened.input.channels).map_err(Error::msg)?;
    let settings = settings(args, &opened)?;
    let mut dataset = dataset::load(&settings, args.data_dir.as_deref())?;
    dataset.test.truncate(settings.data.limit_test.unwrap_or(usize::MAX));
    if dataset.test.is_empty() {
        bail!("there are no test images to evaluate on; raise --limit-test");
    }
    let answers = answers(&opened, &dataset)?;
    let test = std::mem::take(&mut dataset.test);
    opened.resolved = opened.resolved.for_dataset(&settings.data.dataset);
    let test = Arc::new(TestSet::new(test, Preprocessing::from(&opened.resolved)));
    let comm = Comm::alone();
    let protocol =
        Protocol { comm: &comm, workers: args.workers.into(), answers: &answers, mirrored: args.test_time_flip };
    let forward = |images: &Tensor| opened.network.logits(images);
    let mut seen = Seen::new(test.len());
    let each_batch = |images| {
        seen.at(images);
        true
    };
    let mut found = evaluate_by(opened.input, forward, &test, protocol, each_batch)?.unwrap_or_default();
    drop(seen);
    if !found.loss.is_finite() {
        bail!("the loss is not finite ({}): {}", found.loss, weights::NO_NUMBERS);
    }
    // With as many classes as logits there are no others to leave out.
    let subset = dataset.classes.len() < opened.classes;
    found.top1_subset = found.top1_subset.filter(|_| subset);
    skipped_lines("test", &test.split.skipped()).iter().for_each(|line| say!("{line}"));
    if let Some(results) = &args.results {
        let (weights, mirrored) = (&args.weights, args.test_time_flip);
        let evaluated = Evaluated { opened: &opened, weights, dataset: &dataset, mirrored, found: &found };
        deployed::append(registry, results, &evaluated)?;
    }
    match args.format {
        Format::Text => print_text(&opened, &dataset, &found),
        Format::Json => tell!("{}", as_json(args, &opened, &dataset, &found)),
    }
    Ok(())
}

/// What names the data set: flags, over what the run was trained with.
fn settings(args: &EvalArgs, opened: &Classifier) -> Result<Settings, Error> {
    let mut settings = match &opened.run {
        Some(settings) => settings.clone(),
        None => Settings::layered(None, toml::Table::new())?.0,
    };
    match (&args.dataset, &opened.description.dataset) {
        (Some(name), _) => {
            // A subset and a limit belong to the data set that they were given with.
            settings.data.dataset.clone_from(name);
            (settings.data.subset, settings.data.limit_test) = (None, None);
        }
        (None, Some(name)) => settings.data.dataset.clone_from(name),
        (None, None) => bail!("the weights do not say what they were trained on: give --dataset NAME"),
    }
    settings.data.subset = args.subset.clone().or(settings.data.subset);
    settings.data.skip_bad |= args.skip_bad;
    settings.data.limit_test = args.limit_test.or(settings.data.limit_test);
    settings.network.input_size = opened.resolved.crop.0;
    Ok(settings)
}

/// Which logit stands for which class of the data set, which is said where nothing but place decides.
fn answers(opened: &Classifier, dataset: &Dataset) -> Result<Answers, Error> {
    let logits = opened.classes;
    let named = opened.description.classes.as_deref();
    let Matching { places, note } = matching(named, logits, dataset).map_err(Error::msg)?;
    if let Some(note) = note {
        say!("{note}");
    }
    Ok(match places.iter().copied().eq(0..logits) {
        true => Answers::InOrder,
        false => Answers::Among(places.into_iter().map(|place| place as i64).collect()),
    })
}

fn print_text(opened: &Classifier, dataset: &Dataset, found: &Evaluation) {
    let subset = found.top1_subset.map(|top1| format!(" ({top1:.2} % among its {} classes)", dataset.classes.len()));
    tell!(
        "{} on {}: {:.2} % top-1{}, {:.2} % top-5, loss {:.4}, {} images of {} px",
        opened.title,
        dataset.name,
        found.top1,
        subset.unwrap_or_default(),
        found.top5,
        found.loss,
        found.images,
        opened.resolved.crop.0,
    );
    tell!("{}", opened.preparation());
}

fn as_json(args: &EvalArgs, opened: &Classifier, dataset: &Dataset, found: &Evaluation) -> serde_json::Value {
    json!({
        "model": opened.title,
        "dataset": dataset.name,
        "top1": found.top1,
        "top5": found.top5,
        "top1_subset": found.top1_subset,
        "loss": found.loss,
        "images": found.images,
        "input_size": opened.resolved.crop.0,
        "engine": opened.engine.name(),
        "dtype": opened.dtype(),
        "averaged_weights": opened.averaged,
        "test_time_flip": args.test_time_flip,
        "preprocessing": opened.resolved.to_json(),
    })
}
