//! torchvision's names of residual networks: `resnet.py`, `regnet.py`.

use super::mobilenet_habit;
use crate::names::{Layer, Naming, Python, Scheme, no_matrix};
use crate::op::Place;

/// `ResNet`. Its first weights (`IMAGENET1K_V1`) are evaluated as MobileNetV2's are.
pub const RESNET: Naming = Naming {
    scheme: Scheme::Torchvision,
    layer: resnet,
    is_matrix: no_matrix,
    habit: mobilenet_habit,
    python: Python::LISTED,
};
/// `RegNet`, likewise.
pub const REGNET: Naming = Naming {
    scheme: Scheme::Torchvision,
    layer: regnet,
    is_matrix: no_matrix,
    habit: mobilenet_habit,
    python: Python::LISTED,
};

/// timm kept these names.
pub fn resnet(layer: &Layer<'_>) -> Option<String> {
    Some(match layer.op.place {
        Place::Stem => layer.pick("conv1", "bn1").into(),
        Place::Stage { stage, block } => {
            let part = match layer.op.part {
                "conv1" => layer.pick("conv1", "bn1"),
                "conv2" => layer.pick("conv2", "bn2"),
                "conv3" => layer.pick("conv3", "bn3"),
                "shortcut" => layer.pick("downsample.0", "downsample.1"),
                _ => return None,
            };
            format!("layer{}.{block}.{part}", stage + 1)
        }
        Place::Top => "fc".into(),
        Place::Head => return None,
    })
}

fn regnet(layer: &Layer<'_>) -> Option<String> {
    let half = layer.pick("0", "1");
    Some(match layer.op.place {
        Place::Stem => format!("stem.{half}"),
        Place::Stage { stage, block } => {
            let part = match layer.op.part {
                "conv1" => format!("f.a.{half}"),
                "conv2" => format!("f.b.{half}"),
                "se.reduce" => "f.se.fc1".into(),
                "se.expand" => "f.se.fc2".into(),
                "conv3" => format!("f.c.{half}"),
                "shortcut" => format!("proj.{half}"),
                _ => return None,
            };
            let stage = stage + 1;
            format!("trunk_output.block{stage}.block{stage}-{block}.{part}")
        }
        Place::Top => "fc".into(),
        Place::Head => return None,
    })
}
