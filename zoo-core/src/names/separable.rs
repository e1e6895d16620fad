//! Names of ports of TF-slim's MobileNetV1: depthwise and pointwise halves of numbered blocks.

use super::trained_with::imagenet;
use super::{Interpolation, Layer, Naming, Python, Scheme, TrainedWith, no_matrix};
use crate::op::Place;
use crate::plan::Padding;

/// MobileNetV1.
pub const MOBILENET_V1: Naming =
    Naming { scheme: Scheme::Separable, layer, is_matrix: no_matrix, habit, python: Python::NONE };

fn habit(_: &str) -> TrainedWith {
    TrainedWith {
        mean: Some([0.5; 3]),
        std: Some([0.5; 3]),
        interpolation: Some(Interpolation::Bilinear),
        ..imagenet(Padding::Same)
    }
}

fn layer(layer: &Layer<'_>) -> Option<String> {
    let half = layer.pick("conv", "bn");
    Some(match (layer.op.place, layer.op.part) {
        (Place::Stem, _) => format!("stem.{half}"),
        (Place::Stage { .. }, "depthwise") => format!("blocks.{}.dw.{half}", layer.index),
        (Place::Stage { .. }, "pointwise") => format!("blocks.{}.pw.{half}", layer.index),
        (Place::Top, _) => "classifier".into(),
        _ => return None,
    })
}
