//! Names of the early ports of MobileNetV2, from which torchvision's came: `tonylins/pytorch-mobilenet-v2` and
//! `d-li14/mobilenetv2.pytorch`. The parts of a block are counted through in `conv`, activations included.

use super::torchvision::mobilenet_habit;
use super::{Layer, Naming, Python, Scheme, no_matrix};
use crate::op::Place;

/// MobileNetV2 in the spelling of tonylins.
pub const MOBILENET_V2: Naming = spelled(|layer| name(layer, None, "classifier"));
/// With dropout in the classifier.
pub const DROPOUT: Naming = spelled(|layer| name(layer, None, "classifier.1"));
/// With the convolution behind the stages outside `features`.
pub const HEAD: Naming = spelled(|layer| name(layer, Some("conv"), "classifier"));
/// With both.
pub const HEAD_AND_DROPOUT: Naming = spelled(|layer| name(layer, Some("conv"), "classifier.1"));

/// Both ports prepare images as torchvision does, and leave PyTorch's epsilon as it is.
const fn spelled(layer: fn(&Layer<'_>) -> Option<String>) -> Naming {
    Naming { scheme: Scheme::Tonylins, layer, is_matrix: no_matrix, habit: mobilenet_habit, python: Python::NONE }
}

fn name(layer: &Layer<'_>, head: Option<&str>, classifier: &str) -> Option<String> {
    let half = layer.pick("0", "1");
    Some(match (layer.op.place, head) {
        (Place::Stem, _) => format!("features.0.{half}"),
        (Place::Stage { .. }, _) => format!("features.{}.conv.{}", layer.index + 1, part(layer)?),
        (Place::Head, Some(head)) => format!("{head}.{half}"),
        (Place::Head, None) => format!("features.{}.{half}", layer.blocks + 1),
        (Place::Top, _) => classifier.into(),
    })
}

/// Convolution, norm and activation count, so that each part begins three behind the last one.
fn part(layer: &Layer<'_>) -> Option<u32> {
    let expands = u32::from(layer.has("expand"));
    let conv = match layer.op.part {
        "expand" => 0,
        "depthwise" => 3 * expands,
        "project" => 3 * expands + 3,
        _ => return None,
    };
    Some(conv + u32::from(layer.is_norm()))
}
