//! The row of `deployed.csv` that `eval` leaves.

use std::path::Path;

use anyhow::Error;
use zoo_core::{InputSize, Registry};

use super::classifier::Classifier;
use zoo_data::Dataset;
use zoo_host::console::say;
use zoo_results::deployed::Row;
use zoo_results::{Environment, TableOf, status};
use zoo_training::evaluate::Evaluation;

/// What was evaluated, and how.
pub struct Evaluated<'a> {
    /// The network on its engine.
    pub opened: &'a Classifier,
    /// Its file, where it has one.
    pub file: Option<&'a Path>,
    /// The images.
    pub dataset: &'a Dataset,
    /// Whether each was also seen mirrored.
    pub mirrored: bool,
    /// What came of it.
    pub found: &'a Evaluation,
}

/// Whether rows can be appended to the table in `results`, before anything is computed for one.
pub fn check(results: &Path) -> Result<(), Error> {
    Ok(TableOf::<Row>::new(results).check()?)
}

/// Appends the row to the table in `results`.
pub fn append(registry: &Registry, results: &Path, evaluated: &Evaluated<'_>) -> Result<(), Error> {
    let table = TableOf::<Row>::new(results);
    let row = with_f32(evaluated.row(registry), evaluated, &table.readable_rows()?);
    let warning = table.append(&row)?;
    warning.iter().for_each(|warning| say!("warning: {warning}"));
    say!("its row is in {}", results.join(<Row as zoo_results::Row>::FILE).display());
    Ok(())
}

impl Evaluated<'_> {
    fn row(&self, registry: &Registry) -> Row {
        let Evaluated { opened, found, .. } = self;
        let model = opened.description.model.clone().unwrap_or_else(|| opened.title.clone());
        let description = &opened.description;
        let entry = registry.find(&model).ok();
        // Of a network that this program does not know, its file tells what it can.
        let own = opened.options.or(entry.map(|entry| entry.variant.options));
        let told = |given: Option<f64>| given.filter(|_| opened.options.is_none());
        let profile = opened.options.zip(entry);
        let profile = profile.map(|(options, entry)| entry.architecture.profile_name(options.profile).to_string());
        let channels = Some(opened.input.channels).filter(|channels| *channels != 3);
        let environment = Environment::detect("cpu");
        let name = self.file.map(|file| zoo_weights::name(&model, file.to_str(), None));
        Row {
            width: told(description.width).or(own.map(|own| own.width)).unwrap_or(1.0),
            depth: told(description.depth).or(own.map(|own| own.depth)).unwrap_or(1.0),
            model,
            input_size: InputSize { in_channels: channels, image: opened.input.size },
            profile: profile.or(description.profile.clone()).unwrap_or_else(|| "native".into()),
            dataset: self.dataset.name.clone(),
            classes: u32::try_from(self.dataset.classes.len()).ok(),
            images: Some(found.images as u64),
            engine: opened.engine.name().into(),
            dtype: opened.dtype().into(),
            // Among the logits of the data set's classes alone, where others are left out.
            top1: Some(found.top1_subset.unwrap_or(found.top1)),
            top5: Some(found.top5).filter(|_| found.top1_subset.is_none()),
            top1_f32: None,
            test_time_flip: Some(self.mirrored),
            weights: name.unwrap_or_default(),
            calibration: opened.quantized.as_ref().map(|quantized| quantized.calibration.clone()).unwrap_or_default(),
            status: status::DONE.into(),
            device: environment.device,
            cpu: environment.cpu,
            engine_version: opened.engine.version().unwrap_or_default(),
            revision: environment.revision.into(),
        }
    }
}

/// The row with the accuracy of the weights that it was quantized from, where they were evaluated on the same images.
fn with_f32(row: Row, evaluated: &Evaluated<'_>, there: &[Row]) -> Row {
    let from = evaluated.opened.quantized.as_ref().map(|quantized| quantized.weights.as_str());
    let is_alike = |other: &&Row| {
        Some(other.weights.as_str()) == from
            && other.dtype == "f32"
            && status::is_done(&other.status)
            && (&other.model, &other.dataset, other.classes) == (&row.model, &row.dataset, row.classes)
            && (other.input_size, other.images, other.test_time_flip)
                == (row.input_size, row.images, row.test_time_flip)
    };
    let top1_f32 = there.iter().rev().find(is_alike).and_then(|other| other.top1);
    Row { top1_f32, ..row }
}
