//! `eval`: the accuracy of weights on a test set.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Error, bail};
use clap::ValueEnum;
use serde_json::json;
use zoo_core::Registry;

use super::dataset::load_dataset;
use super::weights::WeightsArgs;
use crate::console::{say, tell};
use crate::data::{Dataset, Preprocessing, imagenet};
use crate::train::evaluate::{Answers, Evaluation, Protocol, evaluate};
use crate::train::run::skipped_lines;
use crate::train::settings::Settings;
use crate::train::test_set::TestSet;
use crate::weights::Opened;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    weights: WeightsArgs,
    /// cifar10, imagenette, imagenet:PATH, folder:PATH or synthetic, where it is not the one that was trained on
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Only the classes that this file lists
    #[arg(long, value_name = "FILE")]
    subset: Option<String>,
    /// Do without image files that cannot be decoded; they are listed at the end
    #[arg(long)]
    skip_bad: bool,
    /// The folder of the data sets, by default ~/.cache/zoo/data
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Only so many test images
    #[arg(long, value_name = "N")]
    limit_test: Option<usize>,
    /// See each image mirrored, too, and average the logits
    #[arg(long)]
    test_time_flip: bool,
    /// Threads that prepare images
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub fn run(registry: &Registry, args: &Args) -> Result<(), Error> {
    let opened = args.weights.open(registry, None)?;
    let settings = settings(args, &opened)?;
    let mut dataset = load_dataset(&settings, args.data_dir.as_deref())?;
    dataset.test.truncate(settings.limit_test.unwrap_or(usize::MAX));
    if dataset.test.is_empty() {
        bail!("there are no test images to evaluate on; raise --limit-test");
    }
    let answers = answers(&opened, &dataset)?;
    let test = std::mem::take(&mut dataset.test);
    let test = Arc::new(TestSet::new(test, Preprocessing::from(&opened.resolved)));
    let protocol = Protocol { workers: args.workers.into(), answers: &answers, mirrored: args.test_time_flip };
    let found = evaluate(&opened.model, &test, protocol, |_| true)?.unwrap_or_default();
    skipped_lines("test", &test.split.skipped()).iter().for_each(|line| say!("{line}"));
    match args.format {
        Format::Text => print_text(&opened, &dataset, &found),
        Format::Json => tell!("{}", as_json(args, &opened, &dataset, &found)),
    }
    Ok(())
}

/// What names the data set: flags, over what the run was trained with.
fn settings(args: &Args, opened: &Opened) -> Result<Settings, Error> {
    let mut settings = match &opened.run {
        Some(settings) => settings.clone(),
        None => Settings::layered(None, toml::Table::new())?.0,
    };
    match (&args.dataset, &opened.description.dataset) {
        (Some(name), _) => {
            // A subset and a limit belong to the data set that they were given with.
            settings.dataset.clone_from(name);
            (settings.subset, settings.limit_test) = (None, None);
        }
        (None, Some(name)) => settings.dataset.clone_from(name),
        (None, None) => bail!("the weights do not say what they were trained on: give --dataset NAME"),
    }
    settings.subset = args.subset.clone().or(settings.subset);
    settings.skip_bad |= args.skip_bad;
    settings.limit_test = args.limit_test.or(settings.limit_test);
    settings.input_size = opened.resolved.crop.0;
    Ok(settings)
}

/// Which logit stands for which class of the data set: by name where the weights name their classes, by wnid for those
/// of ImageNet, and by place only where nothing is named.
fn answers(opened: &Opened, dataset: &Dataset) -> Result<Answers, Error> {
    let logits = opened.model.plan().options.classes as usize;
    let classes = dataset.classes.len();
    let by_name = |names: &Vec<String>| {
        let place = |class: &String| names.iter().position(|name| name == class);
        dataset.classes.iter().map(place).collect::<Option<Vec<usize>>>()
    };
    let places = match &opened.description.classes {
        Some(names) if names.len() == logits => by_name(names),
        Some(names) => bail!("the weights name {} classes and have {logits}: mend zoo.classes", names.len()),
        None if logits == classes => Some((0..classes).collect()),
        None if logits == imagenet::count() => dataset.imagenet_indices(),
        None => None,
    };
    match places {
        Some(places) if places.iter().copied().eq(0..logits) => Ok(Answers::InOrder),
        Some(places) => Ok(Answers::Among(places.into_iter().map(|place| place as i64).collect())),
        None => bail!(
            "the weights tell {logits} classes apart, {} has {classes} others: fine-tune them on it first, with `train \
             --weights`",
            dataset.name
        ),
    }
}

fn print_text(opened: &Opened, dataset: &Dataset, found: &Evaluation) {
    let subset = found.top1_subset.map(|top1| format!(" ({top1:.2} % among its {} classes)", dataset.classes.len()));
    tell!(
        "{} on {}: {:.2} % top-1{}, {:.2} % top-5, loss {:.4}, {} images of {} px",
        opened.entry.variant.name,
        dataset.name,
        found.top1,
        subset.unwrap_or_default(),
        found.top5,
        found.loss,
        found.images,
        opened.resolved.crop.0,
    );
    tell!("{}", opened.resolved);
}

fn as_json(args: &Args, opened: &Opened, dataset: &Dataset, found: &Evaluation) -> serde_json::Value {
    json!({
        "model": opened.entry.variant.name,
        "dataset": dataset.name,
        "top1": found.top1,
        "top5": found.top5,
        "top1_subset": found.top1_subset,
        "loss": found.loss,
        "images": found.images,
        "input_size": opened.resolved.crop.0,
        "averaged_weights": opened.averaged,
        "test_time_flip": args.test_time_flip,
        "preprocessing": opened.resolved.to_json(),
    })
}
