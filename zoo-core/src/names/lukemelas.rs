//! The names of `efficientnet_pytorch` (`model.py`), which the ports of EfficientNet-Lite kept.

use super::trained_with::imagenet;
use super::{Layer, Naming, Python, PythonName, Scheme, TrainedWith, no_matrix};
use crate::op::Place;
use crate::plan::Padding;

/// EfficientNet.
pub const EFFICIENTNET: Naming = Naming {
    scheme: Scheme::Lukemelas,
    layer,
    is_matrix: no_matrix,
    habit: |_| imagenet(Padding::Same),
    python: PACKAGE,
};
/// The package calls its networks as papers do.
const PACKAGE: Python = Python { name: PythonName::Of(|variant| Some(variant.into())), ..Python::NONE };
/// EfficientNet-Lite, which only offshoots of the package make, and whose pixels are (x - 127) / 128.
pub const EFFICIENTNET_LITE: Naming = Naming {
    habit: |_| TrainedWith { mean: Some([127.0 / 255.0; 3]), std: Some([128.0 / 255.0; 3]), ..imagenet(Padding::Same) },
    python: Python::NONE,
    ..EFFICIENTNET
};

fn layer(layer: &Layer<'_>) -> Option<String> {
    Some(match layer.op.place {
        Place::Stem => layer.pick("_conv_stem", "_bn0").into(),
        Place::Stage { .. } => format!("_blocks.{}.{}", layer.index, part(layer)?),
        Place::Head => layer.pick("_conv_head", "_bn1").into(),
        Place::Top => "_fc".into(),
    })
}

fn part(layer: &Layer<'_>) -> Option<&'static str> {
    Some(match layer.op.part {
        "expand" => layer.pick("_expand_conv", "_bn0"),
        "depthwise" => layer.pick("_depthwise_conv", "_bn1"),
        "se.reduce" => "_se_reduce",
        "se.expand" => "_se_expand",
        "project" => layer.pick("_project_conv", "_bn2"),
        _ => return None,
    })
}
