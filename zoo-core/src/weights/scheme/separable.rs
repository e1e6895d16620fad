//! Names of ports of TF-slim's MobileNetV1: depthwise and pointwise halves of numbered blocks.

use super::{Family, Layer};
use crate::op::Place;

pub(super) fn layer(layer: &Layer<'_>) -> Option<String> {
    if layer.family != Family::MobileNetV1 {
        return None;
    }
    let half = layer.pick("conv", "bn");
    Some(match (layer.op.place, layer.op.part) {
        (Place::Stem, _) => format!("stem.{half}"),
        (Place::Stage { .. }, "depthwise") => format!("blocks.{}.dw.{half}", layer.index),
        (Place::Stage { .. }, "pointwise") => format!("blocks.{}.pw.{half}", layer.index),
        (Place::Top, _) => "classifier".into(),
        _ => return None,
    })
}
