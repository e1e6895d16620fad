//! `_gen_mobilenet_v4` of `mobilenetv3.py`: `ConvBnAct`, `EdgeResidual` and `UniversalInvertedResidual`.

use super::habit;
use crate::names::{Layer, Naming, Python, Scheme, no_matrix};
use crate::op::Place;

/// MobileNetV4.
pub const MOBILENET_V4: Naming =
    Naming { scheme: Scheme::Timm, layer, is_matrix: no_matrix, habit, python: Python::TOLD };

/// The convolution behind the stages is a stage of its own there.
fn layer(layer: &Layer<'_>) -> Option<String> {
    Some(match layer.op.place {
        Place::Stem => layer.pick("conv_stem", "bn1").into(),
        Place::Stage { stage, block } => match part_of_pair(layer) {
            Some(second) => format!("blocks.{stage}.{}.{}", 2 * block + second, layer.pick("conv", "bn1")),
            None => format!("blocks.{stage}.{block}.{}", part(layer)?),
        },
        Place::Head => format!("blocks.{}.0.{}", layer.stages, layer.pick("conv", "bn1")),
        Place::Top if layer.op.is_linear() => "classifier".into(),
        Place::Top => layer.pick("conv_head", "norm_head").into(),
    })
}

/// Which of a pair of convolutions it is: each is a block there.
fn part_of_pair(layer: &Layer<'_>) -> Option<u32> {
    ["first", "second"].iter().position(|part| *part == layer.op.part).map(|part| part as u32)
}

fn part(layer: &Layer<'_>) -> Option<&'static str> {
    Some(match (layer.op.part, layer.has("fused")) {
        ("fused", _) => layer.pick("conv_exp", "bn1"),
        ("project", true) => layer.pick("conv_pwl", "bn2"),
        ("start", _) => layer.pick("dw_start.conv", "dw_start.bn"),
        ("expand", _) => layer.pick("pw_exp.conv", "pw_exp.bn"),
        ("depthwise", _) => layer.pick("dw_mid.conv", "dw_mid.bn"),
        ("project", false) => layer.pick("pw_proj.conv", "pw_proj.bn"),
        _ => return None,
    })
}
