//! `deployed.csv`: one row an evaluation of a deployed network, whose accuracy depends on its engine and its numbers.

use serde::{Deserialize, Serialize};
use zoo_core::InputSize;

use super::{cells, row, timed};

/// An evaluated network as it was deployed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Variant's name.
    pub model: String,
    /// Width multiplier.
    pub width: f64,
    /// Depth multiplier.
    pub depth: f64,
    /// Size of the input.
    pub input_size: InputSize,
    /// Name of the profile.
    pub profile: String,
    /// Name of the data set.
    pub dataset: String,
    /// Classes that were told apart.
    pub classes: Option<u32>,
    /// Images that were evaluated.
    pub images: Option<u64>,
    /// Name of the engine.
    #[serde(deserialize_with = "timed::engine")]
    pub engine: String,
    /// Numbers that were computed with.
    pub dtype: String,
    /// Accuracy in percent; like all that follows from images, none where the evaluation failed.
    #[serde(serialize_with = "cells::maybe_digits::<_, 2>")]
    pub top1: Option<f64>,
    /// How often the class was among the first five, in percent.
    #[serde(serialize_with = "cells::maybe_digits::<_, 2>")]
    pub top5: Option<f64>,
    /// Accuracy of the same weights in f32 on the same images, where it is known.
    #[serde(serialize_with = "cells::maybe_digits::<_, 2>")]
    pub top1_f32: Option<f64>,
    /// Whether each image was also seen mirrored.
    pub test_time_flip: Option<bool>,
    /// Name and hash of the file.
    pub weights: String,
    /// What the ranges of a quantized network were taken from.
    pub calibration: String,
    /// `done`, or why there is no accuracy.
    pub status: String,
    /// Where tensors lived.
    pub device: String,
    /// Name of the processor.
    pub cpu: String,
    /// Version of the engine.
    pub engine_version: String,
    /// Git revision that the binary was built from.
    pub revision: String,
}

impl row::Row for Row {
    const FILE: &'static str = "deployed.csv";
}
