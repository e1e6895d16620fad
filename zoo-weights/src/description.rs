//! What a weights file of ours says of itself, in the metadata of safetensors.

use std::collections::BTreeMap;

use zoo_core::weights::{TrainedWith, multiplier};
use zoo_core::{Entry, InputSize, Options, Overrides};

const MODEL: &str = "zoo.model";
const WIDTH: &str = "zoo.width";
const DEPTH: &str = "zoo.depth";
const PROFILE: &str = "zoo.profile";
const DATASET: &str = "zoo.dataset";
const CLASSES: &str = "zoo.classes";
const AVERAGES: &str = "zoo.averages_are_better";

/// The network of a file and what it was trained on; foreign files say little or nothing of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// The variant's name.
    pub model: Option<String>,
    /// Width multiplier, where it is not the variant's.
    pub width: Option<f64>,
    /// Depth multiplier, where it is not the variant's.
    pub depth: Option<f64>,
    /// Profile, where it is not `native`.
    pub profile: Option<String>,
    /// The data set that it was trained on.
    pub dataset: Option<String>,
    /// The classes' names, by logit.
    pub classes: Option<Vec<String>>,
    /// Whether the averages in it are better than the weights, where it has any.
    pub averages_are_better: Option<bool>,
    /// Padding, epsilon and how images are prepared.
    pub trained_with: TrainedWith,
}

impl Description {
    /// Reads the metadata of a file; keys of others are passed over.
    ///
    /// # Errors
    /// The key and value that make no sense.
    pub fn from_metadata(metadata: &BTreeMap<String, String>) -> Result<Description, String> {
        let text = |key: &str| metadata.get(key).cloned();
        let wrong = |key: &str| format!("metadata {key} = `{}`", metadata.get(key).map_or("", String::as_str));
        let number = |key: &str| text(key).map(|text| multiplier(&text).ok_or_else(|| wrong(key))).transpose();
        let classes = text(CLASSES).map(|text| serde_json::from_str(&text).map_err(|_| wrong(CLASSES))).transpose()?;
        Ok(Description {
            model: text(MODEL),
            width: number(WIDTH)?,
            depth: number(DEPTH)?,
            profile: text(PROFILE),
            dataset: text(DATASET),
            classes,
            averages_are_better: text(AVERAGES).map(|text| text.parse().map_err(|_| wrong(AVERAGES))).transpose()?,
            trained_with: TrainedWith::from_metadata(metadata)?,
        })
    }

    /// As metadata of safetensors, with torch's customary `format` beside.
    pub fn to_metadata(&self) -> BTreeMap<String, String> {
        let mut metadata = self.to_pairs();
        metadata.insert("format".into(), "pt".into());
        metadata
    }

    /// As keys and values, for whatever file.
    pub fn to_pairs(&self) -> BTreeMap<String, String> {
        let classes = self.classes.as_ref().and_then(|names| serde_json::to_string(names).ok());
        let pairs = [
            (MODEL, self.model.clone()),
            (WIDTH, self.width.map(|width| width.to_string())),
            (DEPTH, self.depth.map(|depth| depth.to_string())),
            (PROFILE, self.profile.clone()),
            (DATASET, self.dataset.clone()),
            (CLASSES, classes),
            (AVERAGES, self.averages_are_better.map(|better| better.to_string())),
        ];
        let own = pairs.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?)));
        own.chain(self.trained_with.to_metadata()).collect()
    }

    /// The options that it gives on top of `entry`, for `classes` outputs.
    ///
    /// # Errors
    /// Where the table has no such profile.
    pub fn options(&self, entry: &Entry, classes: u32) -> Result<Options, String> {
        let given = Overrides {
            width: self.width,
            depth: self.depth,
            profile: self.profile.as_deref(),
            input: self.trained_with.crop.map(|image| InputSize { in_channels: None, image }),
            classes: Some(classes),
            padding: self.trained_with.padding,
            ..Overrides::default()
        };
        given.over(entry).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_reads_back_as_written() -> Result<(), String> {
        let described = Description {
            model: Some("mobilenet-v2".into()),
            width: Some(0.6),
            profile: Some("stem1".into()),
            classes: Some(vec!["a \"cat\"".into(), "a dog, small".into()]),
            trained_with: TrainedWith { mean: Some([0.5, 0.25, 0.125]), ..TrainedWith::default() },
            ..Description::default()
        };
        assert_eq!(Description::from_metadata(&described.to_metadata())?, described);
        Ok(())
    }

    #[test]
    fn multipliers_that_cannot_be_are_named() {
        for (key, value) in [(WIDTH, "inf"), (WIDTH, "nan"), (DEPTH, "0"), (DEPTH, "-1"), (WIDTH, "1e9")] {
            let metadata = BTreeMap::from([(key.to_string(), value.to_string())]);
            let error = Description::from_metadata(&metadata).unwrap_err();
            assert!(error.contains(key) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn a_foreign_file_says_nothing() -> Result<(), String> {
        let metadata = BTreeMap::from([("format".to_string(), "pt".to_string())]);
        assert_eq!(Description::from_metadata(&metadata)?, Description::default());
        Ok(())
    }
}
