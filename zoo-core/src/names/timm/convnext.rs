//! `convnext.py`.

use crate::names::trained_with::imagenet;
use crate::names::{Layer, Naming, Python, Scheme, TrainedWith, no_matrix};
use crate::op::{OpKind, Place};
use crate::plan::Padding;

/// ConvNeXt whose 1 x 1 convolutions are linear layers there, as those of Tiny and larger are.
pub const CONVNEXT: Naming = Naming {
    is_matrix: |layer| layer.op.is_convolution() && matches!(layer.op.part, "expand" | "project"),
    ..CONVNEXT_OF_CONVOLUTIONS
};
/// ConvNeXt with `conv_mlp`, as Nano and smaller ones have it.
pub const CONVNEXT_OF_CONVOLUTIONS: Naming = Naming {
    scheme: Scheme::Timm,
    layer,
    is_matrix: no_matrix,
    habit: |_| TrainedWith { bn_eps: Some(1e-6), ..imagenet(Padding::Symmetric) },
    python: Python::LISTED,
};

fn layer(layer: &Layer<'_>) -> Option<String> {
    Some(match layer.op.place {
        Place::Stem => layer.pick("stem.0", "stem.1").into(),
        Place::Stage { stage, .. } if layer.op.part == "downsample" => {
            format!("stages.{stage}.downsample.{}", layer.pick("1", "0"))
        }
        Place::Stage { stage, block } => format!("stages.{stage}.blocks.{block}.{}", part(layer)?),
        Place::Top => layer.pick("head.fc", "head.norm").into(),
        Place::Head => return None,
    })
}

fn part(layer: &Layer<'_>) -> Option<&'static str> {
    Some(match layer.op.part {
        "depthwise" => layer.pick("conv_dw", "norm"),
        "expand" => "mlp.fc1",
        "project" if matches!(layer.op.kind, OpKind::Gain(_)) => "gamma",
        "project" => "mlp.fc2",
        _ => return None,
    })
}
