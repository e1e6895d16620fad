//! ImageNet weights from the Hugging Face hub, where timm keeps its own.
//!
//! The table of what there is, and what each was trained with, is `pretrained.csv`, which `scripts/pretrained.py` makes
//! from timm itself. Files land in the cache of the hub's own tools (`$HF_HOME`, by default `~/.cache/huggingface`), so
//! that what Python has fetched is not fetched again; `$HF_ENDPOINT` names another host.

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Cache, Repo};
use serde::Deserialize;
use zoo_core::Registry;
use zoo_core::weights::{TrainedWith, channels, interpolation, padding};

use super::WeightsFault;

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
            return Err(WeightsFault::Choice(format!("there are no weights of {model} on the hub, only of {with}")));
        }
        let named = |source: &&Source| match tag {
            None => true,
            Some(tag) => source.tag() == tag || source.name() == tag || source.repository == tag,
        };
        of_model.iter().find(named).cloned().ok_or_else(|| {
            let tags = of_model.iter().map(Source::name).collect::<Vec<_>>().join(", ");
            let tag = tag.unwrap_or_default();
            WeightsFault::Choice(format!("--pretrained {tag}: {model} has no such weights; there are {tags}"))
        })
    }

    /// timm's name: the repository without its owner.
    fn name(&self) -> &str {
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
            mean: channels(&self.mean.replace(" ", ",")),
            std: channels(&self.std.replace(" ", ",")),
            resize: Some(Some((f64::from(self.input_size) / self.crop_pct).floor() as u32)),
            crop: Some(self.input_size),
            interpolation: interpolation(&self.interpolation),
        }
    }
}

/// The file that is asked for by path (`file`) or by `tag` of the hub, empty for the usual weights, with what the table
/// knows of it. A file that was fetched by hand is known by its name.
///
/// # Errors
/// Where a tag comes without a model, does not exist, or the hub does not give its file.
pub fn locate(
    registry: &Registry,
    model: Option<&str>,
    file: Option<&Path>,
    tag: Option<&str>,
) -> Result<Option<(PathBuf, TrainedWith)>, WeightsFault> {
    if let Some(path) = file {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy());
        let known = Source::all().into_iter().find(|source| stem.as_deref() == Some(source.name()));
        return Ok(Some((path.into(), known.map_or_else(TrainedWith::default, |source| source.trained_with()))));
    }
    let Some(tag) = tag else { return Ok(None) };
    let Some(model) = model else {
        let problem = "--pretrained needs to know the network: give --model NAME (`list` shows all)";
        return Err(WeightsFault::Choice(problem.into()));
    };
    let entry = registry.find(model)?;
    let source = Source::find(entry.variant.name, Some(tag).filter(|tag| !tag.is_empty()))?;
    Ok(Some((fetch(&source)?, source.trained_with())))
}

/// The file of `source`, from the cache or the hub, with progress on a terminal.
///
/// # Errors
/// Where the hub cannot be reached or does not have it: the message says where to put the file by hand.
fn fetch(source: &Source) -> Result<PathBuf, WeightsFault> {
    let cache = Cache::from_env();
    let repository = Repo::model(source.repository.clone());
    if let Some(path) = cache.repo(repository.clone()).get(FILE) {
        return Ok(path);
    }
    let failed = |error: ApiError| WeightsFault::Hub {
        repository: source.repository.clone(),
        file: FILE.into(),
        place: PathBuf::from(format!("{}.safetensors", source.name())),
        reason: plain(&error),
    };
    let api = ApiBuilder::from_env().with_progress(true).build().map_err(failed)?;
    api.repo(repository).get(FILE).map_err(failed)
}

/// The innermost cause: the others repeat it.
fn plain(error: &ApiError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
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
