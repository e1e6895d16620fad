//! The names of `efficientnet_pytorch` (`model.py`), which the ports of EfficientNet-Lite kept.

use super::{Family, Layer};
use crate::op::Place;

pub(super) fn layer(layer: &Layer<'_>) -> Option<String> {
    if !matches!(layer.family, Family::EfficientNet | Family::EfficientNetLite) {
        return None;
    }
    Some(match layer.op.place {
        Place::Stem => layer.pick("_conv_stem", "_bn0").into(),
        Place::Stage { .. } => format!("_blocks.{}.{}", layer.index, part(layer)?),
        Place::Head => layer.pick("_conv_head", "_bn1").into(),
        Place::Top => "_fc".into(),
    })
}

fn part(layer: &Layer<'_>) -> Option<&'static str> {
    Some(match layer.op.part {
        "expand" => layer.pick("_expand_conv", "_bn0"),
        "depthwise" => layer.pick("_depthwise_conv", "_bn1"),
        "se.reduce" => "_se_reduce",
        "se.expand" => "_se_expand",
        "project" => layer.pick("_project_conv", "_bn2"),
        _ => return None,
    })
}
