//! `convnext.py`: stem, stages and what stands between them are counted through in `features`.

use crate::names::trained_with::imagenet;
use crate::names::{Interpolation, Layer, Naming, Python, Scheme, TrainedWith};
use crate::op::{OpKind, Place};
use crate::plan::{ImageSize, Padding};

/// `ConvNeXt`, whose 1 x 1 convolutions are linear layers.
pub const CONVNEXT: Naming = Naming {
    scheme: Scheme::Torchvision,
    layer,
    is_matrix: |layer| matches!(layer.op.part, "expand" | "project"),
    habit,
    python: Python::LISTED,
};

/// Sizes are those of the `transforms` of `ConvNeXt_*_Weights.IMAGENET1K_V1` of torchvision 0.28.
fn habit(model: &str) -> TrainedWith {
    let resize = match model {
        "convnext-small" => 230,
        "convnext-base" => 232,
        _ => 236,
    };
    TrainedWith {
        bn_eps: Some(1e-6),
        resize: Some(Some(resize)),
        crop: Some(ImageSize::square(224)),
        interpolation: Some(Interpolation::Bilinear),
        ..imagenet(Padding::Symmetric)
    }
}

fn layer(layer: &Layer<'_>) -> Option<String> {
    Some(match layer.op.place {
        Place::Stem => layer.pick("features.0.0", "features.0.1").into(),
        Place::Stage { stage, .. } if layer.op.part == "downsample" => {
            format!("features.{}.{}", 2 * stage, layer.pick("1", "0"))
        }
        Place::Stage { stage, block } => format!("features.{}.{block}.{}", 2 * stage + 1, part(layer)?),
        Place::Top => layer.pick("classifier.2", "classifier.0").into(),
        Place::Head => return None,
    })
}

fn part(layer: &Layer<'_>) -> Option<&'static str> {
    Some(match layer.op.part {
        "depthwise" => layer.pick("block.0", "block.2"),
        "expand" => "block.3",
        "project" if matches!(layer.op.kind, OpKind::Gain(_)) => "layer_scale",
        "project" => "block.5",
        _ => return None,
    })
}
