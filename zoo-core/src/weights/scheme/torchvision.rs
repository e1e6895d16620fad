//! torchvision's names: `mobilenetv2.py`, `mobilenetv3.py`, `efficientnet.py`. Stem, blocks and head are counted through
//! in `features`, the parts of a block in `conv` or `block`.

use super::{Family, Layer};
use crate::op::Place;

pub(super) fn layer(layer: &Layer<'_>) -> Option<String> {
    let by_stage = match layer.family {
        Family::MobileNetV2 | Family::MobileNetV3 => false,
        Family::EfficientNet => true,
        Family::MobileNetV1 | Family::EfficientNetLite => return None,
    };
    let half = layer.pick("0", "1");
    Some(match layer.op.place {
        Place::Stem => format!("features.0.{half}"),
        Place::Stage { stage, block } => {
            let block = if by_stage { format!("{}.{block}", stage + 1) } else { format!("{}", layer.index + 1) };
            let part = if layer.family == Family::MobileNetV2 { part_in_conv(layer) } else { part_in_block(layer) };
            format!("features.{block}.{}", part?)
        }
        Place::Head if by_stage => format!("features.{}.{half}", layer.stages + 1),
        Place::Head => format!("features.{}.{half}", layer.blocks + 1),
        Place::Top if layer.op.is_convolution() => "classifier.0".into(),
        Place::Top if layer.family == Family::MobileNetV3 => "classifier.3".into(),
        Place::Top => "classifier.1".into(),
    })
}

/// MobileNetV2: the projection and its norm stand in the sequence itself, the others one deeper.
fn part_in_conv(layer: &Layer<'_>) -> Option<String> {
    let depthwise = u32::from(layer.expands);
    let half = layer.pick("0", "1");
    Some(match layer.op.part {
        "expand" => format!("conv.0.{half}"),
        "depthwise" => format!("conv.{depthwise}.{half}"),
        "project" => format!("conv.{}", depthwise + 1 + u32::from(layer.is_norm())),
        _ => return None,
    })
}

fn part_in_block(layer: &Layer<'_>) -> Option<String> {
    let depthwise = u32::from(layer.expands);
    let project = depthwise + 1 + u32::from(layer.squeezes);
    let half = layer.pick("0", "1");
    Some(match layer.op.part {
        "expand" => format!("block.0.{half}"),
        "depthwise" => format!("block.{depthwise}.{half}"),
        "se.reduce" => format!("block.{}.fc1", depthwise + 1),
        "se.expand" => format!("block.{}.fc2", depthwise + 1),
        "project" => format!("block.{project}.{half}"),
        _ => return None,
    })
}
