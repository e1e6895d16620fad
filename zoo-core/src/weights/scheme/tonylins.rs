//! Names of the early ports of MobileNetV2, from which torchvision's came: `tonylins/pytorch-mobilenet-v2` and
//! `d-li14/mobilenetv2.pytorch`. The parts of a block are counted through in `conv`, activations included.

use super::{Family, Layer};
use crate::op::Place;

/// The spellings of the last convolution and of the classifier; the first is that of tonylins.
pub(super) const SPELLINGS: [Spelling; 4] = [
    Spelling { head: None, classifier: "classifier" },
    Spelling { head: None, classifier: "classifier.1" },
    Spelling { head: Some("conv"), classifier: "classifier" },
    Spelling { head: Some("conv"), classifier: "classifier.1" },
];

/// What the ports call differently.
pub(super) struct Spelling {
    /// The convolution behind the stages, where it does not stand in `features`.
    head: Option<&'static str>,
    classifier: &'static str,
}

pub(super) fn layer(layer: &Layer<'_>, spelling: &Spelling) -> Option<String> {
    if layer.family != Family::MobileNetV2 {
        return None;
    }
    let half = layer.pick("0", "1");
    Some(match (layer.op.place, spelling.head) {
        (Place::Stem, _) => format!("features.0.{half}"),
        (Place::Stage { .. }, _) => format!("features.{}.conv.{}", layer.index + 1, part(layer)?),
        (Place::Head, Some(head)) => format!("{head}.{half}"),
        (Place::Head, None) => format!("features.{}.{half}", layer.blocks + 1),
        (Place::Top, _) => spelling.classifier.into(),
    })
}

/// Convolution, norm and activation count, so that each part begins three behind the last one.
fn part(layer: &Layer<'_>) -> Option<u32> {
    let expands = u32::from(layer.expands);
    let conv = match layer.op.part {
        "expand" => 0,
        "depthwise" => 3 * expands,
        "project" => 3 * expands + 3,
        _ => return None,
    };
    Some(conv + u32::from(layer.is_norm()))
}
