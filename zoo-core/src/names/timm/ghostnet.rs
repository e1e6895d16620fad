//! timm's names of GhostNet: `ghostnet.py`.

use super::{efficientnet, habit};
use crate::names::{Layer, Naming, Python, Scheme, no_matrix};
use crate::op::Place;

/// `GhostNet` of version `v1`.
pub const GHOSTNET: Naming =
    Naming { scheme: Scheme::Timm, layer: ghostnet, is_matrix: no_matrix, habit, python: Python::LISTED };

/// timm's stages are those of the paper's table, in which a block that shrinks the map is a stage of its own.
fn ghostnet(layer: &Layer<'_>) -> Option<String> {
    const FIRST: [u32; 9] = [0, 1, 2, 3, 4, 5, 6, 11, 12];
    match layer.op.place {
        Place::Stage { .. } => {
            let stage = FIRST.partition_point(|first| *first <= layer.index) - 1;
            let block = layer.index - FIRST[stage];
            Some(format!("blocks.{stage}.{block}.{}", part_of_ghost(layer)?))
        }
        Place::Head => Some(format!("blocks.{}.0.{}", FIRST.len(), layer.pick("conv", "bn1"))),
        _ => efficientnet(layer),
    }
}

fn part_of_ghost(layer: &Layer<'_>) -> Option<String> {
    let half = u32::from(layer.is_norm());
    Some(match layer.op.part {
        "ghost1.primary" => format!("ghost1.primary_conv.{half}"),
        "ghost1.cheap" => format!("ghost1.cheap_operation.{half}"),
        "depthwise" => layer.pick("conv_dw", "bn_dw").into(),
        "se.reduce" => "se.conv_reduce".into(),
        "se.expand" => "se.conv_expand".into(),
        "ghost2.primary" => format!("ghost2.primary_conv.{half}"),
        "ghost2.cheap" => format!("ghost2.cheap_operation.{half}"),
        "shortcut.depthwise" => format!("shortcut.{half}"),
        "shortcut.project" => format!("shortcut.{}", 2 + half),
        _ => return None,
    })
}
