//! torchvision's names of MnasNet: `mnasnet.py`.

use super::mobilenet_habit;
use crate::names::{Layer, Naming, Python, Scheme, TrainedWith, no_matrix};
use crate::op::Place;

/// `MNASNet`, whose stem, first stage and head stand layer by layer between the others in one row.
pub const MNASNET: Naming = Naming {
    scheme: Scheme::Torchvision,
    layer: mnasnet,
    is_matrix: no_matrix,
    habit,
    python: Python { versioned: true, ..Python::LISTED },
};

/// The weights of the later training recipe are evaluated at another size.
fn habit(model: &str) -> TrainedWith {
    match model {
        "mnasnet-0.75" | "mnasnet-1.3" => TrainedWith { resize: Some(Some(232)), ..mobilenet_habit(model) },
        _ => mobilenet_habit(model),
    }
}

/// Convolution, norm and activation count: the stem has three places, the first stage five (its last activation is none),
/// every other stage one.
fn mnasnet(layer: &Layer<'_>) -> Option<String> {
    let norm = u32::from(layer.is_norm());
    let part = match layer.op.part {
        "expand" => 0,
        "depthwise" => 3,
        "project" => 6,
        _ => 0,
    };
    Some(match layer.op.place {
        Place::Stem => format!("layers.{norm}"),
        Place::Stage { stage: 0, .. } => format!("layers.{}", part + norm),
        Place::Stage { stage, block } => format!("layers.{}.{block}.layers.{}", stage + 7, part + norm),
        Place::Head => format!("layers.{}", layer.stages + 7 + norm),
        Place::Top => "classifier.1".into(),
    })
}
