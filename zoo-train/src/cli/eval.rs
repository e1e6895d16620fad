//! `eval`: the accuracy of a checkpoint on a test set.

use std::path::PathBuf;

use anyhow::{Error, bail};
use clap::ValueEnum;
use serde_json::json;
use zoo_core::Registry;
use zoo_core::model::{Model, ModelOptions};

use super::train::{device, load_dataset, set_threads};
use crate::train::checkpoint::Checkpoint;
use crate::train::evaluate::evaluate;
use crate::train::loader::Normalisation;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model, where it is not the one that the weights name
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// A checkpoint of a run, such as results/RUN/best.safetensors
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// cifar10 or synthetic, where it is not the one that was trained on
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// The folder of the data sets, by default ~/.cache/zoo/data
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Only so many test images
    #[arg(long, value_name = "N")]
    limit_test: Option<usize>,
    /// cpu, cuda, cuda:N or mps
    #[arg(long, default_value = "cpu", value_name = "NAME")]
    device: String,
    /// Threads of libtorch
    #[arg(long, value_name = "N")]
    threads: Option<i32>,
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
    let checkpoint = Checkpoint::read(&args.weights)?;
    let mut settings = checkpoint.state.settings.clone();
    if let Some(model) = args.model.as_ref().filter(|model| **model != settings.model) {
        bail!("{} holds {}, not {model}; leave --model out", args.weights.display(), settings.model);
    }
    if let Some(dataset) = &args.dataset {
        settings.dataset.clone_from(dataset);
    }
    set_threads(args.threads);
    let mut dataset = load_dataset(&settings, args.data_dir.as_deref())?;
    dataset.test.truncate(args.limit_test.or(settings.limit_test).unwrap_or(usize::MAX));
    if dataset.test.is_empty() {
        bail!("there are no test images to evaluate on; raise --limit-test");
    }
    let entry = registry.find(&settings.model)?;
    let plan = zoo_core::Plan::new(entry.architecture, &settings.options(&entry, dataset.classes.len())?)?;
    let options = ModelOptions { device: device(&args.device)?, ..ModelOptions::default() };
    let mut model = Model::new(plan, &options)?;
    checkpoint.load_model(&mut model)?;
    let normalisation = Normalisation::new(dataset.mean, dataset.deviation);
    let found = evaluate(&model, &dataset.test, &normalisation, |_| true)?;
    match args.format {
        Format::Text => println!(
            "{} on {}: {:.2} % top-1, {:.2} % top-5, loss {:.4}, {} images of {} px",
            settings.model, dataset.name, found.top1, found.top5, found.loss, found.images, settings.input_size
        ),
        Format::Json => println!(
            "{}",
            json!({
                "model": settings.model,
                "dataset": dataset.name,
                "top1": found.top1,
                "top5": found.top5,
                "loss": found.loss,
                "images": found.images,
                "input_size": settings.input_size,
                "preprocessing": {
                    "mean": dataset.mean,
                    "std": dataset.deviation,
                    "why": "what the run was trained with",
                },
            })
        ),
    }
    Ok(())
}
