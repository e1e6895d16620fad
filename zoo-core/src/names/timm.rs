//! timm's names: `efficientnet.py`, `mobilenetv3.py`, `_efficientnet_blocks.py`. Blocks are counted within stages of equal
//! width; norms are numbered through a block. Families with names of another kind have files of their own.

mod convnext;
mod mobilenet_v4;

pub use convnext::{CONVNEXT, CONVNEXT_OF_CONVOLUTIONS};
pub use mobilenet_v4::MOBILENET_V4;

mod ghostnet;
mod resnet;

pub use ghostnet::GHOSTNET;
pub use resnet::{REGNET, RESNET};

use super::trained_with::imagenet;
use super::{Layer, Naming, Python, Scheme, TrainedWith, no_matrix};
use crate::op::Place;
use crate::plan::Padding;

/// `EfficientNet`, which also holds MobileNetV1, V2 and EfficientNet-Lite.
pub const EFFICIENTNET: Naming =
    Naming { scheme: Scheme::Timm, layer: efficientnet, is_matrix: no_matrix, habit, python: Python::TOLD };
/// EfficientNetV2, whose weights are the authors' (`tf_efficientnetv2_s`): padded as TensorFlow does, pixels from -1 to 1.
pub const EFFICIENTNET_V2: Naming = Naming {
    habit: |_| TrainedWith { mean: Some([0.5; 3]), std: Some([0.5; 3]), ..imagenet(Padding::Same) },
    ..EFFICIENTNET
};
/// `MobileNetV3`.
pub const MOBILENET_V3: Naming =
    Naming { scheme: Scheme::Timm, layer: mobilenet_v3, is_matrix: no_matrix, habit, python: Python::TOLD };

/// timm's own training: PyTorch's epsilon, and images as ImageNet has them.
pub fn habit(_: &str) -> TrainedWith {
    TrainedWith { bn_eps: Some(1e-5), ..imagenet(Padding::Symmetric) }
}

fn efficientnet(layer: &Layer<'_>) -> Option<String> {
    Some(match layer.op.place {
        Place::Stem => layer.pick("conv_stem", "bn1").into(),
        Place::Stage { stage, block } => format!("blocks.{stage}.{block}.{}", part(layer)?),
        Place::Head => layer.pick("conv_head", "bn2").into(),
        Place::Top if layer.op.is_convolution() => "conv_head".into(),
        Place::Top => "classifier".into(),
    })
}

/// The last convolution is a stage of its own; `conv_head` is the one behind the pooling.
fn mobilenet_v3(layer: &Layer<'_>) -> Option<String> {
    match layer.op.place {
        Place::Head => Some(format!("blocks.{}.0.{}", layer.stages, layer.pick("conv", "bn1"))),
        _ => efficientnet(layer),
    }
}

/// Blocks that do not expand are timm's `DepthwiseSeparableConv`, the others its `InvertedResidual`; dense ones are its
/// `ConvBnAct` and `EdgeResidual`.
fn part(layer: &Layer<'_>) -> Option<&'static str> {
    if layer.has("fused") {
        return Some(match (layer.op.part, layer.has("project")) {
            ("fused", false) => layer.pick("conv", "bn1"),
            ("fused", true) => layer.pick("conv_exp", "bn1"),
            ("project", _) => layer.pick("conv_pwl", "bn2"),
            _ => return None,
        });
    }
    Some(match (layer.op.part, layer.has("expand")) {
        ("expand", _) => layer.pick("conv_pw", "bn1"),
        ("depthwise", false) => layer.pick("conv_dw", "bn1"),
        ("depthwise", true) => layer.pick("conv_dw", "bn2"),
        ("se.reduce", _) => "se.conv_reduce",
        ("se.expand", _) => "se.conv_expand",
        ("project" | "pointwise", false) => layer.pick("conv_pw", "bn2"),
        ("project", true) => layer.pick("conv_pwl", "bn3"),
        _ => return None,
    })
}
