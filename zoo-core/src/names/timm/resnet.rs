//! timm's names of residual networks: `resnet.py`, `regnet.py`.

use super::habit;
use crate::names::torchvision::resnet;
use crate::names::{Layer, Naming, Python, Scheme, no_matrix};
use crate::op::Place;

/// `ResNet`, whose names are torchvision's.
pub const RESNET: Naming =
    Naming { scheme: Scheme::Timm, layer: resnet, is_matrix: no_matrix, habit, python: Python::LISTED };
/// `RegNet`.
pub const REGNET: Naming =
    Naming { scheme: Scheme::Timm, layer: regnet, is_matrix: no_matrix, habit, python: Python::LISTED };

fn regnet(layer: &Layer<'_>) -> Option<String> {
    let half = layer.pick("conv", "bn");
    Some(match layer.op.place {
        Place::Stem => format!("stem.{half}"),
        Place::Stage { stage, block } => {
            let part = match layer.op.part {
                "se.reduce" => "se.fc1".into(),
                "se.expand" => "se.fc2".into(),
                "shortcut" => format!("downsample.{half}"),
                part => format!("{part}.{half}"),
            };
            format!("s{}.b{}.{part}", stage + 1, block + 1)
        }
        Place::Top => "head.fc".into(),
        Place::Head => return None,
    })
}
