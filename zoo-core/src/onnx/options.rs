//! What a graph is written for.

use std::ops::RangeInclusive;

use super::error::OnnxError;
use super::graph::Dimension;

/// The opsets that can be written. 13 is of 2020; before it several operators took attributes where they take inputs now.
pub const OPSETS: RangeInclusive<u32> = 13..=21;

/// How a network is written as ONNX.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnnxOptions {
    /// Version of the operators, one of [`OPSETS`].
    pub opset: u32,
    /// Images that are run at once.
    pub batch: Batch,
    /// Where given, the input is the bytes of pictures, N x H x W x channels, and the graph normalises them itself. Resize
    /// and crop stay outside.
    pub pixels: Option<Pixels>,
}

/// How many images are run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// As many as are given: a dimension named `batch`.
    Dynamic,
    /// Always so many.
    Fixed(u32),
}

/// What the bytes of a picture become.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pixels {
    /// Mean of each channel, pixels taken as 0 to 1.
    pub mean: [f32; 3],
    /// Deviation of each channel, pixels taken as 0 to 1.
    pub std: [f32; 3],
}

impl Default for OnnxOptions {
    /// Opset 17, any batch, normalised images. 17 is the first with `LayerNormalization` and of 2022, so that ONNX Runtime
    /// from 1.12 on, OpenVINO, tract and pnnx (which leads to ncnn) all read it; what came later here is `Gelu` alone.
    fn default() -> OnnxOptions {
        OnnxOptions { opset: 17, batch: Batch::Dynamic, pixels: None }
    }
}

impl OnnxOptions {
    /// Refuses what cannot be written.
    pub(crate) fn check(&self) -> Result<(), OnnxError> {
        if !OPSETS.contains(&self.opset) {
            return Err(OnnxError::Opset(self.opset));
        }
        match self.batch {
            Batch::Fixed(0) => Err(OnnxError::Batch),
            _ => Ok(()),
        }
    }
}

impl Batch {
    pub(crate) fn dimension(self) -> Dimension {
        match self {
            Batch::Dynamic => Dimension::Named("batch".into()),
            Batch::Fixed(images) => Dimension::Fixed(images.into()),
        }
    }
}

/// The version of the file's format that came with an opset, so that runtimes of its time read it.
/// Source: the table in <https://github.com/onnx/onnx/blob/main/docs/Versioning.md>.
pub(super) fn ir_version(opset: u32) -> i64 {
    match opset {
        ..=14 => 7,
        15..=18 => 8,
        19..=20 => 9,
        _ => 10,
    }
}
