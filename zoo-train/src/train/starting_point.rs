//! What a fresh run starts from: weights of a file or of the hub, and the settings that they decide.
//!
//! The order is that of evaluation: what the user gave, then what the weights say, then the habit of whoever named them.

use std::path::PathBuf;

use zoo_core::Registry;
use zoo_core::plan::Plan;
use zoo_core::weights::{TensorFile, TrainedWith, detect, interpolation, interpolation_name, padding, padding_name};

use super::settings::{Given, Settings};
use crate::data::{Dataset, Preprocessing};
use crate::weights::open::describe;
use crate::weights::pretrained::{self, Source};
use crate::weights::{Resolved, WeightsFault};

/// Weights that a run starts from.
#[derive(Debug)]
pub struct StartingPoint {
    /// Their tensors.
    pub file: TensorFile,
    /// How they want to be run, and why.
    pub resolved: Resolved,
}

/// Fills in the settings that were not given: those that the weights decide, and for image files of any size those of
/// the model's variant. The weights themselves, where there are any, are read and handed back.
///
/// # Errors
/// Where the weights cannot be had or are for another network.
pub fn settle(
    registry: &Registry,
    settings: &mut Settings,
    given: &Given,
) -> Result<Option<StartingPoint>, WeightsFault> {
    let Some((path, known)) = source(registry, settings)? else {
        if !settings.is_small_images() && !settings.model.is_empty() {
            let entry = registry.find(&settings.model)?;
            fill(given, "input_size", &mut settings.input_size, entry.variant.options.input_size);
            fill(given, "profile", &mut settings.profile, "native".to_string());
        }
        return Ok(None);
    };
    let file = TensorFile::read(&path)?;
    let asked = Some(settings.model.as_str()).filter(|model| !model.is_empty());
    let (entry, description) = describe(registry, &file, asked)?;
    let mistaken = |problem| WeightsFault::Metadata { path: path.clone(), problem };
    let plan = Plan::new(entry.architecture, &description.options(&entry, 1000).map_err(mistaken)?)?;
    let scheme = detect(&file, entry.architecture.family, &plan)?;
    let resolved = Resolved::new(&entry, scheme, &settings.trained_with(given), &description.trained_with.or(known));

    settings.model = entry.variant.name.to_string();
    settings.width = settings.width.or(description.width);
    settings.depth = settings.depth.or(description.depth);
    fill(given, "profile", &mut settings.profile, description.profile.unwrap_or_else(|| "native".into()));
    settings.input_size = resolved.crop.0;
    settings.padding = Some(padding_name(resolved.padding.0).into());
    settings.bn_eps = Some(resolved.bn_eps.0);
    settings.mean = Some(resolved.mean.0);
    settings.std = Some(resolved.std.0);
    settings.resize = Some(resolved.resize.0.unwrap_or(0));
    settings.interpolation = Some(interpolation_name(resolved.interpolation.0).into());
    Ok(Some(StartingPoint { file, resolved }))
}

fn fill<T>(given: &Given, key: &str, setting: &mut T, value: T) {
    if !given.has(key) {
        *setting = value;
    }
}

/// The file of weights, and what else is known of it.
fn source(registry: &Registry, settings: &Settings) -> Result<Option<(PathBuf, TrainedWith)>, WeightsFault> {
    if let Some(path) = &settings.weights {
        return Ok(Some((path.into(), TrainedWith::default())));
    }
    let Some(tag) = &settings.pretrained else { return Ok(None) };
    if settings.model.is_empty() {
        let problem = "--pretrained needs to know the network: give --model NAME (`list` shows all)";
        return Err(WeightsFault::Choice(problem.into()));
    }
    let entry = registry.find(&settings.model)?;
    let source = Source::find(entry.variant.name, Some(tag.as_str()).filter(|tag| !tag.is_empty()))?;
    Ok(Some((pretrained::fetch(&source)?, source.trained_with())))
}

impl Settings {
    /// Whether the data set is of small images in memory, which the shipped defaults are for.
    pub fn is_small_images(&self) -> bool {
        matches!(self.dataset.as_str(), "cifar10" | "synthetic")
    }

    /// How the network of a run is run, and its images prepared.
    pub fn in_force(&self, plan: &Plan, dataset: &Dataset) -> TrainedWith {
        let Preprocessing { mean, std, resize, crop, interpolation } = self.preprocessing(dataset);
        TrainedWith {
            padding: Some(plan.options.padding),
            bn_eps: Some(plan.rules.norm.eps),
            mean: Some(mean),
            std: Some(std),
            // Small images are resized whole.
            resize: Some(resize.filter(|_| !self.is_small_images())),
            crop: Some(crop),
            interpolation: Some(interpolation),
        }
    }

    /// What images go through before evaluation; side, mean, deviation and interpolation hold for training, too.
    pub fn preprocessing(&self, dataset: &Dataset) -> Preprocessing {
        let usual = dataset.preprocessing(self.input_size);
        Preprocessing {
            mean: self.mean.unwrap_or(usual.mean),
            std: self.std.unwrap_or(usual.std),
            resize: self.resize.map_or(usual.resize, |side| Some(side).filter(|side| *side > 0)),
            crop: self.input_size,
            interpolation: self.interpolation.as_deref().and_then(interpolation).unwrap_or(usual.interpolation),
        }
    }

    /// What the settings say of how a network is run and images are prepared, as far as that was `given`.
    fn trained_with(&self, given: &Given) -> TrainedWith {
        TrainedWith {
            padding: self.padding.as_deref().and_then(padding),
            bn_eps: self.bn_eps,
            mean: self.mean,
            std: self.std,
            resize: self.resize.map(|side| Some(side).filter(|side| *side > 0)),
            crop: given.has("input_size").then_some(self.input_size),
            interpolation: self.interpolation.as_deref().and_then(interpolation),
        }
    }
}
