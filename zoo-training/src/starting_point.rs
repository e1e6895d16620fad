//! What a fresh run starts from: weights of a file or of the hub, and the settings that they decide.
//!
//! The order is that of evaluation: what the user gave, then what the weights say, then the habit of whoever named them.

use zoo_core::Registry;
use zoo_core::plan::Plan;
use zoo_core::weights::TrainedWith;

use zoo_data::sets::is_small;
use zoo_data::{Dataset, Preprocessing};
use zoo_host::paths;
use zoo_settings::{Given, Settings};
use zoo_weights::{Identified, Scale, Wanted, WeightsFault, identify, pretrained};

/// Fills in the settings that were not given: those that the weights decide, and for image files of any size those of
/// the model's variant. The weights themselves, where there are any, are read and handed back.
///
/// # Errors
/// Where the weights cannot be had or are for another network.
pub fn settle(registry: &Registry, settings: &mut Settings, given: &Given) -> Result<Option<Identified>, WeightsFault> {
    let asked = Some(settings.network.model.as_str()).filter(|model| !model.is_empty()).map(String::from);
    let asked = asked.as_deref();
    let located = match (&settings.network.weights, &settings.network.pretrained) {
        (Some(file), _) => Some((paths::expand(file), None)),
        (None, Some(tag)) => Some(pretrained::fetch(registry, asked, tag).map(|(path, known)| (path, Some(known)))?),
        (None, None) => None,
    };
    let Some((path, known)) = located else {
        if let Some(model) = asked.filter(|_| !is_small(&settings.data.dataset)) {
            let entry = registry.find(model)?;
            fill(given, "input_size", &mut settings.network.input_size, entry.variant.options.input_size);
            fill(given, "profile", &mut settings.network.profile, "native".to_string());
        }
        return Ok(None);
    };
    let flags = settings.trained_with(given);
    let scale = Scale {
        width: settings.network.width,
        depth: settings.network.depth,
        profile: given.has("profile").then_some(settings.network.profile.as_str()),
        in_channels: settings.network.in_channels,
    };
    let wanted = Wanted { model: asked, scale, flags, known: known.as_ref(), averages: None };
    let mut found = identify(registry, &path, wanted)?;
    found.resolved = found.resolved.for_dataset(&settings.data.dataset);
    let Identified { entry, description, resolved, options, .. } = &found;
    settings.network.model = entry.variant.name.to_string();
    settings.network.width = description.width;
    settings.network.depth = description.depth;
    fill(given, "profile", &mut settings.network.profile, description.profile.clone().unwrap_or("native".into()));
    settings.network.input_size = resolved.crop.0;
    settings.network.in_channels = settings.network.in_channels.or(options.in_channels);
    settings.network.padding = Some(resolved.padding.0);
    settings.network.bn_eps = Some(resolved.bn_eps.0);
    settings.data.mean = Some(resolved.mean.0);
    settings.data.std = Some(resolved.std.0);
    settings.data.resize = Some(resolved.resize.0.unwrap_or(0));
    settings.data.interpolation = Some(resolved.interpolation.0);
    Ok(Some(found))
}

fn fill<T>(given: &Given, key: &str, setting: &mut T, value: T) {
    if !given.has(key) {
        *setting = value;
    }
}

/// What a table calls the weights that a run starts from.
pub fn name_of_weights(settings: &Settings) -> String {
    zoo_weights::name(
        &settings.network.model,
        settings.network.weights.as_deref(),
        settings.network.pretrained.as_deref(),
    )
}

/// How the network of a run is run, and its images prepared.
pub fn in_force(settings: &Settings, plan: &Plan, dataset: &Dataset) -> TrainedWith {
    let prepared = preprocessing(settings, dataset, plan.input.c);
    TrainedWith {
        padding: Some(plan.options.padding),
        bn_eps: Some(plan.rules.norm.eps()),
        // Small images are resized whole.
        resize: Some(prepared.resize.filter(|_| !is_small(&settings.data.dataset))),
        ..prepared.trained_with()
    }
}

/// What images go through before evaluation by a network of so many input channels; size, mean, deviation and
/// interpolation hold for training, too.
pub fn preprocessing(settings: &Settings, dataset: &Dataset, channels: u32) -> Preprocessing {
    // The size that it was given is that of the images either way.
    let said = settings.trained_with(&Given::default());
    dataset.preprocessing(settings.network.input_size).with(&said).for_channels(channels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoo_data::synthetic;

    /// Luminance is a mean over channels that are normalised alike, also where the table has one channel by itself.
    #[test]
    fn channels_that_become_one_are_normalised_alike() {
        let dataset = synthetic::generate(1, 20, 10, 8, 10);
        for text in ["", "mean = [0.25, 0.5, 0.75]\nstd = [0.125, 0.25, 0.375]"] {
            let settings = Settings::layered(None, text.parse().unwrap()).unwrap().0;
            let [colour, grey] = [3, 1].map(|channels| preprocessing(&settings, &dataset, channels));
            assert_ne!(colour.mean[0], colour.mean[2]);
            let average = |three: [f32; 3]| [three.iter().sum::<f32>() / 3.0; 3];
            assert_eq!((grey.mean, grey.std), (average(colour.mean), average(colour.std)));
        }
    }
}
