//! torchvision's names: `mobilenetv2.py`, `mobilenetv3.py`, `efficientnet.py`. Stem, blocks and head are counted through
//! in `features`, the parts of a block in `conv` or `block`. Families with names of another kind have files of their own.

mod convnext;

pub use convnext::CONVNEXT;

mod mnasnet;
mod resnet;
mod shufflenet_v2;

pub use mnasnet::MNASNET;
pub(super) use resnet::resnet;
pub use resnet::{REGNET, RESNET};
pub use shufflenet_v2::SHUFFLENET_V2;

use super::trained_with::imagenet;
use super::{Interpolation, Layer, Naming, Python, Scheme, TrainedWith, no_matrix};
use crate::op::Place;
use crate::plan::{ImageSize, Padding};

/// `MobileNetV2`.
pub const MOBILENET_V2: Naming = Naming {
    scheme: Scheme::Torchvision,
    layer: mobilenet_v2,
    is_matrix: no_matrix,
    habit: mobilenet_habit,
    python: Python { any_width: true, ..Python::LISTED },
};
/// `MobileNetV3`, which keeps the convolution behind the pooling as a matrix.
pub const MOBILENET_V3: Naming = Naming {
    scheme: Scheme::Torchvision,
    layer: mobilenet_v3,
    is_matrix: |layer| layer.op.place == Place::Top && layer.op.is_convolution(),
    habit: |_| TrainedWith { bn_eps: Some(1e-3), ..mobilenet_habit("") },
    python: Python::LISTED,
};
/// `EfficientNet`.
pub const EFFICIENTNET: Naming = Naming {
    scheme: Scheme::Torchvision,
    layer: efficientnet,
    is_matrix: no_matrix,
    habit: efficientnet_habit,
    python: Python::LISTED,
};
/// `EfficientNet` with the tables of EfficientNetV2.
pub const EFFICIENTNET_V2: Naming = Naming { habit: efficientnet_v2_habit, ..EFFICIENTNET };

/// Sizes are those of the `transforms` of `*_Weights.IMAGENET1K_V1` of torchvision 0.28.
pub fn mobilenet_habit(_: &str) -> TrainedWith {
    TrainedWith {
        bn_eps: Some(1e-5),
        resize: Some(Some(256)),
        crop: Some(ImageSize::square(224)),
        interpolation: Some(Interpolation::Bilinear),
        ..imagenet(Padding::Symmetric)
    }
}

/// B0 to B4 come from timm (eps 1e-5), B5 to B7 from the authors' checkpoints by way of lukemelas (eps 1e-3), padded
/// symmetrically all the same.
fn efficientnet_habit(model: &str) -> TrainedWith {
    let (resize, crop, bn_eps) = match model {
        "efficientnet-b1" => (256, 240, 1e-5),
        "efficientnet-b2" => (288, 288, 1e-5),
        "efficientnet-b3" => (320, 300, 1e-5),
        "efficientnet-b4" => (384, 380, 1e-5),
        "efficientnet-b5" => (456, 456, 1e-3),
        "efficientnet-b6" => (528, 528, 1e-3),
        "efficientnet-b7" => (600, 600, 1e-3),
        _ => (256, 224, 1e-5),
    };
    let (resize, crop) = (Some(Some(resize)), Some(ImageSize::square(crop)));
    TrainedWith { bn_eps: Some(bn_eps), resize, crop, ..imagenet(Padding::Symmetric) }
}

/// S and M were trained by torchvision, L comes from the authors' checkpoint, with pixels from -1 to 1.
fn efficientnet_v2_habit(model: &str) -> TrainedWith {
    let trained = |side| TrainedWith {
        resize: Some(Some(side)),
        crop: Some(ImageSize::square(side)),
        ..imagenet(Padding::Symmetric)
    };
    match model {
        "efficientnet-v2-l" => TrainedWith { mean: Some([0.5; 3]), std: Some([0.5; 3]), ..trained(480) },
        "efficientnet-v2-m" => TrainedWith { interpolation: Some(Interpolation::Bilinear), ..trained(480) },
        _ => TrainedWith { interpolation: Some(Interpolation::Bilinear), ..trained(384) },
    }
}

fn efficientnet(layer: &Layer<'_>) -> Option<String> {
    let half = layer.pick("0", "1");
    Some(match layer.op.place {
        Place::Stem => format!("features.0.{half}"),
        Place::Stage { stage, block } => format!("features.{}.{block}.{}", stage + 1, part_in_block(layer)?),
        Place::Head => format!("features.{}.{half}", layer.stages + 1),
        Place::Top => "classifier.1".into(),
    })
}

fn mobilenet_v2(layer: &Layer<'_>) -> Option<String> {
    let half = layer.pick("0", "1");
    Some(match layer.op.place {
        Place::Stem => format!("features.0.{half}"),
        Place::Stage { .. } => format!("features.{}.{}", layer.index + 1, part_in_conv(layer)?),
        Place::Head => format!("features.{}.{half}", layer.blocks + 1),
        Place::Top => "classifier.1".into(),
    })
}

fn mobilenet_v3(layer: &Layer<'_>) -> Option<String> {
    let half = layer.pick("0", "1");
    Some(match layer.op.place {
        Place::Stem => format!("features.0.{half}"),
        Place::Stage { .. } => format!("features.{}.{}", layer.index + 1, part_in_block(layer)?),
        Place::Head => format!("features.{}.{half}", layer.blocks + 1),
        Place::Top if layer.op.is_convolution() => "classifier.0".into(),
        Place::Top => "classifier.3".into(),
    })
}

/// MobileNetV2: the projection and its norm stand in the sequence itself, the others one deeper.
fn part_in_conv(layer: &Layer<'_>) -> Option<String> {
    let depthwise = u32::from(layer.has("expand"));
    let half = layer.pick("0", "1");
    Some(match layer.op.part {
        "expand" => format!("conv.0.{half}"),
        "depthwise" => format!("conv.{depthwise}.{half}"),
        "project" => format!("conv.{}", depthwise + 1 + u32::from(layer.is_norm())),
        _ => return None,
    })
}

fn part_in_block(layer: &Layer<'_>) -> Option<String> {
    let depthwise = u32::from(layer.has("expand"));
    let project = depthwise + 1 + u32::from(layer.has("se.reduce"));
    let half = layer.pick("0", "1");
    Some(match layer.op.part {
        "expand" | "fused" => format!("block.0.{half}"),
        "depthwise" => format!("block.{depthwise}.{half}"),
        "se.reduce" => format!("block.{}.fc1", depthwise + 1),
        "se.expand" => format!("block.{}.fc2", depthwise + 1),
        "project" => format!("block.{project}.{half}"),
        _ => return None,
    })
}
