//! ImageNet weights from the Hugging Face hub, where timm keeps its own.
//!
//! The table of what there is, and what each was trained with, is `pretrained.csv`, which `scripts/pretrained.py` makes
//! from timm itself. Fetching is the [`hub`](super::hub)'s.

use std::path::PathBuf;

use serde::Deserialize;
use zoo_core::Registry;
use zoo_core::weights::{TrainedWith, channels, interpolation, padding};

use super::WeightsFault;
use super::hub::Hub;
use super::libraries::Known;

const TABLE: &str = include_str!("pretrained.csv");
/// The file of every repository of timm.
const FILE: &str = "model.safetensors";

/// Weights on the hub: a row of the table.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Source {
    /// Our variant.
    pub model: String,
    /// Repository on the hub, such as `timm/mobilenetv2_100.ra_in1k`.
    pub repository: String,
    /// Name without extension of the file that timm published before it had the hub; empty where it did not.
    pub file: String,
    /// Side of the network's input in pixels.
    pub input_size: u32,
    /// Share of the resized image that the crop shows.
    pub crop_pct: f64,
    interpolation: String,
    mean: String,
    std: String,
    /// Epsilon of the norms.
    pub bn_eps: f64,
    padding: String,
}

impl Source {
    /// All rows; each model's usual weights come first.
    pub fn all() -> Vec<Source> {
        csv::Reader::from_reader(TABLE.as_bytes()).deserialize().flatten().collect()
    }

    /// The weights of `model` with that tag (what follows the dot in timm's name, or the whole name), or its usual ones.
    ///
    /// # Errors
    /// Where there are none; the message lists the tags.
    pub fn find(model: &str, tag: Option<&str>) -> Result<Source, WeightsFault> {
        let of_model: Vec<Source> = Source::all().into_iter().filter(|source| source.model == model).collect();
        if of_model.is_empty() {
            let with = Source::all().into_iter().map(|source| source.model).collect::<std::collections::BTreeSet<_>>();
            let with = with.into_iter().collect::<Vec<_>>().join(", ");
            return Err(WeightsFault::Choice(format!("the hub has no weights of {model}, only of {with}")));
        }
        let named = |source: &&Source| match tag {
            None => true,
            Some(tag) => source.tag() == tag || source.name() == tag || source.repository == tag,
        };
        of_model.iter().find(named).cloned().ok_or_else(|| {
            let tags = of_model.iter().map(Source::name).collect::<Vec<_>>().join(", ");
            let tag = tag.unwrap_or_default();
            WeightsFault::Choice(format!("--pretrained {tag}: {model} has no such weights; expected one of {tags}"))
        })
    }

    /// timm's name: the repository without its owner.
    pub(super) fn name(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or_default()
    }

    fn tag(&self) -> &str {
        self.name().split_once('.').map_or("", |(_, tag)| tag)
    }

    /// What the weights were trained with.
    pub fn trained_with(&self) -> TrainedWith {
        TrainedWith {
            padding: padding(&self.padding),
            bn_eps: Some(self.bn_eps),
            mean: listing(&self.mean),
            std: listing(&self.std),
            resize: Some(Some((f64::from(self.input_size) / self.crop_pct).floor() as u32)),
            crop: Some(self.input_size.into()),
            interpolation: interpolation(&self.interpolation),
        }
    }
}

/// The numbers of the channels in a cell of a table.
pub(super) fn listing(cell: &str) -> Option<[f32; 3]> {
    channels(&cell.replace(' ', ","))
}

/// The file that is asked for by `tag` of the hub, empty for the usual weights, with what the table knows of it.
///
/// # Errors
/// Where a tag comes without a model, does not exist, or the hub does not give its file.
pub fn fetch(registry: &Registry, model: Option<&str>, tag: &str) -> Result<(PathBuf, Known), WeightsFault> {
    let Some(model) = model else {
        let problem =
            "--pretrained needs to know the network: give its name, as `list` shows it, as MODEL or with --model";
        return Err(WeightsFault::Choice(problem.into()));
    };
    let entry = registry.find(model)?;
    let source = Source::find(entry.variant.name, Some(tag).filter(|tag| !tag.is_empty()))?;
    let path = Hub::from_environment().file(&source.repository, FILE)?;
    Ok((path, Known { model: source.model.clone(), trained_with: source.trained_with() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_makes_sense() {
        let rows = TABLE.lines().count() - 1;
        let all = Source::all();
        assert_eq!(all.len(), rows, "a row does not parse");
        for source in &all {
            let trained = source.trained_with();
            let complete = trained.padding.is_some() && trained.mean.is_some() && trained.std.is_some();
            assert!(complete && trained.interpolation.is_some(), "{source:?}");
            assert!(source.repository.starts_with("timm/"), "{source:?}");
        }
    }

    #[test]
    fn tags_and_their_absence() -> Result<(), WeightsFault> {
        let usual = Source::find("mobilenet-v2", None)?;
        assert_eq!(usual.repository, "timm/mobilenetv2_100.ra_in1k");
        assert_eq!(Source::find("mobilenet-v2", Some("ra_in1k"))?, usual);
        let error = Source::find("mobilenet-v2", Some("nonsense")).unwrap_err().to_string();
        assert!(error.contains("mobilenetv2_100.ra_in1k"), "{error}");
        let error = Source::find("tutorial-mobilenet-v1", None).unwrap_err().to_string();
        assert!(error.contains("mobilenet-v2"), "{error}");
        Ok(())
    }
}
