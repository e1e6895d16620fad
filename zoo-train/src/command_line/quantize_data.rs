//! The images of `quantize`: those to calibrate with, and those to judge by.

use std::path::Path;

use anyhow::{Error, bail};
use tch::{TchError, Tensor};
use zoo_core::model::Model;
use zoo_data::{Dataset, Preprocessing, Split};
use zoo_host::console::say;
use zoo_host::words::counted;
use zoo_quantize::LEAST_IMAGES;
use zoo_quantize::score::Labelled;
use zoo_settings::Settings;
use zoo_training::batch::Input;
use zoo_training::dataset;
use zoo_training::loader::{Batches, Worker};
use zoo_training::run::skipped_lines;
use zoo_training::test_set::TestSet;
use zoo_weights::Opened;
use zoo_weights::classes::{Matching, matching};

use super::usage::misused;

/// Images to calibrate with, where nothing is said. Of MobileNetV2 and EfficientNet-Lite0 more change nothing.
const USUAL: usize = 256;
/// Images that are run at once.
const AT_ONCE: i64 = 16;

/// What `--calibrate` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calibration {
    /// The data set.
    pub dataset: String,
    /// How many of its training images.
    pub images: usize,
}

impl Calibration {
    /// Reads `DATASET[:N]`.
    pub fn parse(text: &str) -> Result<Calibration, Error> {
        let parted = text.rsplit_once(':').and_then(|(name, count)| Some((name, count.parse::<usize>().ok()?)));
        let (dataset, images) = parted.unwrap_or((text, USUAL));
        if images < LEAST_IMAGES {
            misused!("--calibrate {text}: calibration takes {LEAST_IMAGES} images at least, ask for more");
        }
        Ok(Calibration { dataset: dataset.into(), images })
    }

    /// In words, with the number of images that there were.
    pub fn said(&self, images: usize) -> String {
        format!("{} of {}", counted(images as u64, "training image"), self.dataset)
    }
}

/// Images that are prepared.
pub struct Images {
    /// Batches to calibrate with.
    pub calibration: Vec<Tensor>,
    /// How many images those are.
    pub calibrated: usize,
    /// Name of their data set.
    pub dataset: String,
    /// Batches to judge by.
    pub test: Vec<Labelled>,
    /// Files that were left out.
    pub skipped: Vec<String>,
}

impl Images {
    /// Reads and prepares them as the weights want it.
    pub fn load(
        opened: &mut Opened,
        wanted: &Calibration,
        tested: usize,
        data_dir: Option<&Path>,
        skip_bad: bool,
    ) -> Result<Images, Error> {
        let mut settings = Settings::layered(None, toml::Table::new())?.0;
        settings.data.dataset.clone_from(&wanted.dataset);
        settings.data.skip_bad = skip_bad;
        (settings.data.limit_train, settings.data.limit_test) = (Some(wanted.images), Some(tested.max(1)));
        settings.network.input_size = opened.resolved.crop.0;
        let mut dataset = dataset::load(&settings, data_dir)?;
        let places = places(opened, &dataset)?;
        opened.resolved = opened.resolved.for_dataset(&wanted.dataset);
        let preprocessing = Preprocessing::from(&opened.resolved);
        let prepare = |mut split: Split, count: usize| {
            split.truncate(count);
            let set = TestSet::new(split, preprocessing);
            let batches = prepared(&opened.model, &set)?;
            Ok::<_, Error>((batches, set.split.skipped()))
        };
        let (calibration, mut left_out) = prepare(std::mem::take(&mut dataset.train), wanted.images)?;
        let (test, of_test) = prepare(std::mem::take(&mut dataset.test), tested)?;
        left_out.extend(of_test);
        let calibration: Vec<Tensor> = calibration.into_iter().map(|(images, _)| images).collect();
        let calibrated = calibration.iter().map(|batch| batch.size()[0] as usize).sum();
        if calibrated < LEAST_IMAGES {
            bail!(
                "{} has {} to train with, and calibration takes {LEAST_IMAGES} at least: choose another data set",
                dataset.name,
                counted(calibrated as u64, "image")
            );
        }
        let labelled = |(images, labels): (Tensor, Tensor)| {
            Ok::<_, Error>(Labelled { images, targets: places.f_index_select(0, &labels)? })
        };
        let test = test.into_iter().map(labelled).collect::<Result<_, _>>()?;
        let skipped = skipped_lines("training and test", &left_out);
        Ok(Images { calibration, calibrated, dataset: dataset.name, test, skipped })
    }
}

/// The logit of each class. Images of other classes than those of the weights would show values that the network hardly ever has.
fn places(opened: &Opened, dataset: &Dataset) -> Result<Tensor, Error> {
    let logits = opened.model.plan().options.classes as usize;
    let named = opened.description.classes.as_deref();
    let Matching { places, note } = matching(named, logits, dataset).map_err(Error::msg)?;
    if let Some(note) = note {
        say!("{note}");
    }
    let places: Vec<i64> = places.into_iter().map(|place| place as i64).collect();
    Ok(Tensor::f_from_slice(&places)?)
}

/// All images of a set with their labels.
fn prepared(model: &Model, set: &TestSet) -> Result<Vec<(Tensor, Tensor)>, Error> {
    let mut worker = Worker::default();
    let mut batches = Vec::new();
    for number in 0..set.batches() {
        let Some(batch) = set.batch(number, &mut worker).transpose()? else { break };
        if batch.is_empty() {
            continue; // All of its images were skipped.
        }
        let alone = |images: &Tensor| Ok::<_, TchError>(images.shallow_clone());
        // The images as the network would see them are what a network that does nothing gives.
        let (images, labels) = batch.evaluate(Input::of(model), alone, false, 0..batch.len())?;
        let pieces = images.f_split(AT_ONCE, 0)?.into_iter().zip(labels.f_split(AT_ONCE, 0)?);
        for (images, labels) in pieces {
            batches.push((images, labels));
        }
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_behind_the_data_set_is_how_many_images() {
        let of = |text: &str| Calibration::parse(text).map(|parsed| (parsed.dataset, parsed.images)).ok();
        assert_eq!(of("folder:/a/b:64"), Some(("folder:/a/b".into(), 64)));
        assert_eq!(of("folder:/a/b"), Some(("folder:/a/b".into(), USUAL)));
        assert_eq!(of("synthetic:100"), Some(("synthetic".into(), 100)));
        assert_eq!(of("synthetic:7"), None);
    }
}
