//! The tables, one file a paper. Nothing but tables lives here; what a word means is in [`plan`](crate::plan) and
//! [`block`](crate::block).

mod convnext;
mod efficientnet;
mod efficientnet_lite;
mod efficientnet_v2;
mod ghostnet;
mod mnasnet;
mod mobilenet_v1;
mod mobilenet_v2;
mod mobilenet_v3;
mod mobilenet_v4;
mod regnet;
mod resnet;
mod shufflenet_v2;
mod tutorial;

pub use convnext::{CONVNEXT, CONVNEXT_NANO};
pub use efficientnet::EFFICIENTNET;
pub use efficientnet_lite::EFFICIENTNET_LITE;
pub use efficientnet_v2::{EFFICIENTNET_V2_L, EFFICIENTNET_V2_M, EFFICIENTNET_V2_S};
pub use ghostnet::GHOSTNET;
pub use mnasnet::MNASNET;
pub use mobilenet_v1::MOBILENET_V1;
pub use mobilenet_v2::{MOBILENET_V2, MOBILENET_V2_DEEP};
pub use mobilenet_v3::{
    MOBILENET_V3_LARGE, MOBILENET_V3_LARGE_MINIMALISTIC, MOBILENET_V3_SMALL, MOBILENET_V3_SMALL_MINIMALISTIC,
};
pub use mobilenet_v4::{MOBILENET_V4_CONV_LARGE, MOBILENET_V4_CONV_MEDIUM, MOBILENET_V4_CONV_SMALL};
pub use regnet::{REGNET_Y, REGNET_Y_800MF};
pub use resnet::{RESNET, RESNET_BOTTLENECK};
pub use shufflenet_v2::SHUFFLENET_V2;
pub use tutorial::{
    TUTORIAL_EFFICIENTNET, TUTORIAL_MOBILENET_V1, TUTORIAL_MOBILENET_V2, TUTORIAL_MOBILENET_V3_LARGE,
    TUTORIAL_MOBILENET_V3_SMALL,
};
