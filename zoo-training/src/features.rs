//! The features of a frozen backbone, computed once for all images: what is left to train is a classifier, and a step
//! takes milliseconds.

use crate::starting_point::preprocessing;
use std::sync::Arc;

use zoo_core::Plan;
use zoo_core::model::{Model, ModelOptions};

use super::TrainError;
use super::checkpoint::Checkpoint;
use super::loader::Loader;
use super::progress::Progress;
use super::run::{Request, load_weights};
use super::test_set::TestSet;
use zoo_data::{Dataset, Features, Preprocessing, Split};
use zoo_settings::Settings;

/// Puts features in place of all images of `dataset`: those of the weights that the run starts from, or goes on with.
///
/// # Errors
/// Where the weights do not fit, libtorch refuses or an image cannot be read.
pub fn replace(
    dataset: &mut Dataset,
    plan: &Plan,
    settings: &Settings,
    request: &Request,
    earlier: Option<&Checkpoint>,
) -> Result<(), TrainError> {
    let options = ModelOptions { device: request.device, ..ModelOptions::default() };
    let mut model = Model::new(plan.clone(), &options)?;
    model.set_norms(settings.network.bn_eps, None);
    match earlier {
        Some(checkpoint) => checkpoint.load_model(&mut model)?,
        None => drop(load_weights(&mut model, request, settings, dataset)?),
    }
    let preprocessing = preprocessing(settings, dataset, plan.input.c);
    let images = dataset.train.len() + dataset.test.len();
    let mut progress = Progress::new(request.verbosity);
    progress.say(&format!("features of {images} images first, once"));
    progress.begin(images as u64, 0);
    for split in [&mut dataset.train, &mut dataset.test] {
        let count = split.len();
        let seen = |done| progress.part("features of image", done, count);
        *split = compute(&model, std::mem::take(split), preprocessing, settings.run.workers, seen)?;
    }
    progress.finish();
    Ok(())
}

/// Features of all images of `split`, prepared as for evaluation, telling `each_batch` how many are done.
///
/// # Errors
/// Where libtorch refuses or an image cannot be read.
fn compute(
    model: &Model,
    split: Split,
    preprocessing: Preprocessing,
    workers: usize,
    mut each_batch: impl FnMut(usize),
) -> Result<Split, TrainError> {
    let images = Arc::new(TestSet::new(split, preprocessing));
    let mut loader = Loader::start(images.clone(), 0, workers);
    let mut features = Features::default();
    for _ in 0..images.batches() {
        let batch = loader.next_batch()?;
        if batch.is_empty() {
            continue; // All of its images were skipped.
        }
        let numbers = tch::no_grad(|| batch.features(model))?.f_to_device(tch::Device::Cpu)?.f_contiguous()?;
        features.channels = numbers.numel() / batch.len();
        let filled = features.numbers.len();
        features.numbers.resize(filled + numbers.numel(), 0.0);
        numbers.f_copy_data(&mut features.numbers[filled..], numbers.numel())?;
        features.labels.extend(batch.labels());
        each_batch(features.len());
    }
    Ok(Split::Features(features))
}
