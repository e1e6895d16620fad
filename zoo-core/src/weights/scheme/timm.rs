//! timm's names: `efficientnet.py`, `mobilenetv3.py`, `_efficientnet_blocks.py`. Blocks are counted within stages of equal
//! width; norms are numbered through a block.

use super::{Family, Layer};
use crate::op::Place;

pub(super) fn layer(layer: &Layer<'_>) -> Option<String> {
    Some(match layer.op.place {
        Place::Stem => layer.pick("conv_stem", "bn1").into(),
        Place::Stage { stage, block } => format!("blocks.{stage}.{block}.{}", part(layer)?),
        // MobileNetV3's last convolution is a stage of its own; `conv_head` is the one behind the pooling.
        Place::Head if layer.family == Family::MobileNetV3 => {
            format!("blocks.{}.0.{}", layer.stages, layer.pick("conv", "bn1"))
        }
        Place::Head => layer.pick("conv_head", "bn2").into(),
        Place::Top if layer.op.is_convolution() => "conv_head".into(),
        Place::Top => "classifier".into(),
    })
}

/// Blocks that do not expand are timm's `DepthwiseSeparableConv`, the others its `InvertedResidual`.
fn part(layer: &Layer<'_>) -> Option<&'static str> {
    Some(match (layer.op.part, layer.expands) {
        ("expand", _) => layer.pick("conv_pw", "bn1"),
        ("depthwise", false) => layer.pick("conv_dw", "bn1"),
        ("depthwise", true) => layer.pick("conv_dw", "bn2"),
        ("se.reduce", _) => "se.conv_reduce",
        ("se.expand", _) => "se.conv_expand",
        ("project" | "pointwise", false) => layer.pick("conv_pw", "bn2"),
        ("project", true) => layer.pick("conv_pwl", "bn3"),
        _ => return None,
    })
}
