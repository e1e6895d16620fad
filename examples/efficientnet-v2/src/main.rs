//! The zoo's command line with EfficientNetV2 in it.

mod efficientnet_v2;
mod fused_mbconv;

use std::process::ExitCode;

use efficientnet_v2::EFFICIENTNET_V2;

fn main() -> ExitCode {
    zoo_train::main_with(&[&EFFICIENTNET_V2])
}
