//! torchvision's names of ShuffleNetV2: `shufflenetv2.py`.

use super::mobilenet_habit;
use crate::names::{Layer, Naming, Python, Scheme, TrainedWith, no_matrix};
use crate::op::Place;

/// `ShuffleNetV2`, whose stages are counted from 2.
pub const SHUFFLENET_V2: Naming =
    Naming { scheme: Scheme::Torchvision, layer: shufflenet_v2, is_matrix: no_matrix, habit, python: Python::LISTED };

/// The weights of the later training recipe are evaluated at another size.
fn habit(model: &str) -> TrainedWith {
    match model {
        "shufflenet-v2-1.5" | "shufflenet-v2-2.0" => TrainedWith { resize: Some(Some(232)), ..mobilenet_habit(model) },
        _ => mobilenet_habit(model),
    }
}

fn shufflenet_v2(layer: &Layer<'_>) -> Option<String> {
    let norm = u32::from(layer.is_norm());
    Some(match layer.op.place {
        Place::Stem => format!("conv1.{norm}"),
        Place::Stage { stage, block } => {
            let (branch, part) = match layer.op.part {
                "branch1.depthwise" => (1, 0),
                "branch1.project" => (1, 2),
                "branch2.pointwise" => (2, 0),
                "branch2.depthwise" => (2, 3),
                "branch2.project" => (2, 5),
                _ => return None,
            };
            format!("stage{}.{block}.branch{branch}.{}", stage + 2, part + norm)
        }
        Place::Head => format!("conv5.{norm}"),
        Place::Top => "fc".into(),
    })
}
