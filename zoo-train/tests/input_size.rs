//! Images that are not square or not of three channels, from counting to training, evaluation and weights.

#[path = "common/command.rs"]
mod command;

use std::path::Path;

use command::{csv_of, run, run_folder, train};
use tch::{Device, Kind, Tensor};
use tempfile::tempdir;
use zoo_core::Registry;
use zoo_core::weights::{TensorFile, write_safetensors};

#[test]
fn sizes_and_channels_are_counted_and_told_in_the_row() {
    let folder = tempdir().unwrap();
    let list = |flags: &[&str]| {
        let flags: Vec<&str> = ["list", "mobilenet-v2", "--format", "csv"].iter().chain(flags).copied().collect();
        csv_of(&run(folder.path(), &flags).code(0).stdout).rows
    };
    let rows = list(&["--input-sizes", "160x320,1x224x224,224"]);
    let of = |column: &str| rows.iter().map(|row| row[column].as_str()).collect::<Vec<_>>();
    assert_eq!(of("input_size"), ["160x320", "1x224x224", "224"]);
    // Pooled features do not depend on the size, and the first convolution has 2 x 32 x 9 weights less.
    assert_eq!(of("params"), ["3504872", "3504296", "3504872"]);
    // Five strides of two: the maps of 160 x 320 are those of 224 x 224 with 5 x 10 in place of 7 x 7 pixels at the end.
    let backbone = |macs: &str| macs.parse::<u64>().unwrap() - 1_280_000;
    assert_eq!(backbone(of("macs")[0]) * 49, backbone(of("macs")[2]) * 50);
    let grey = list(&["--in-channels", "1"]);
    assert_eq!((grey[0]["input_size"].as_str(), &grey[0]["macs"]), ("1x224x224", &rows[1]["macs"]));
    run(folder.path(), &["list", "mobilenet-v2", "--input-sizes", "1x32x32", "--in-channels", "4"]).refused(&[
        "1x32x32",
        "--in-channels 4",
        "leave one out",
    ]);
    let drawn = run(folder.path(), &["show", "mobilenet-v2", "--input-size", "160x320", "--format", "svg"]).code(0);
    assert!(drawn.text().contains("3 × 160 × 320"), "the drawing has another image");
}

#[test]
fn grey_images_that_are_not_square_are_learnt_and_evaluated() {
    let folder = tempdir().unwrap();
    let flags =
        ["--steps", "3", "--input-size", "24x40", "--in-channels", "1", "--augment", "trivialaugment", "--cutmix", "1"];
    train(folder.path(), &flags).code(0);
    let run_folder = run_folder(folder.path());
    assert!(run_folder.to_string_lossy().contains("-1x24x40px-"), "{}", run_folder.display());
    let row = csv_of(&std::fs::read(folder.path().join("results/accuracy.csv")).unwrap()).rows.remove(0);
    assert_eq!((row["input_size"].as_str(), row["status"].as_str()), ("1x24x40", "done"));
    let best = run_folder.join("best.safetensors");
    let file = TensorFile::read(&best).unwrap();
    assert_eq!(file.metadata.get("zoo.input_size").map(String::as_str), Some("24x40"));
    let best = best.display().to_string();
    let evaluated = run(folder.path(), &["eval", "--weights", &best, "--format", "json"]).code(0);
    // Fine-tuning goes on with the channels of the weights.
    let flags = ["--steps", "1", "--weights", &best, "--results", "finer"];
    train(folder.path(), &flags).code(0);
    let finer = csv_of(&std::fs::read(folder.path().join("finer/accuracy.csv")).unwrap()).rows.remove(0);
    assert_eq!(finer["input_size"], "1x24x40");
    let evaluated: serde_json::Value = serde_json::from_slice(&evaluated.stdout).unwrap();
    assert_eq!(evaluated["input_size"], "24x40");
    let top1 = format!("{:.2}", evaluated["top1"].as_f64().unwrap());
    assert!([&row["top1"], &row["top1_ema"], &row["best_top1"]].contains(&&top1), "{top1} is none of {row:?}");
}

#[test]
fn an_image_of_four_channels_is_none_of_a_data_set() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "1", "--in-channels", "4"]).refused(&["pictures have 3 channels", "takes 4"]);
    let flags = ["latency", "mobilenet-v3-small", "--in-channels", "4", "--input-size", "32x64", "--engine", "zoo"];
    let flags: Vec<&str> = flags.iter().chain(&["--runs", "2", "--seconds", "0"]).copied().collect();
    run(folder.path(), &flags).code(0);
    let row = csv_of(&std::fs::read(folder.path().join("results/latency.csv")).unwrap()).rows.remove(0);
    assert_eq!((row["input_size"].as_str(), row["status"].as_str()), ("4x32x64", "done"));
}

/// Logits of `images` by weights in `folder`, and what was said.
fn logits(folder: &Path, images: &Tensor, more: &[&str]) -> (Tensor, String) {
    let (input, output) = (folder.join("images.safetensors"), folder.join("logits.safetensors"));
    let images = [("input".to_string(), images.shallow_clone())];
    write_safetensors(&input, &images, &Default::default()).unwrap();
    let flags = ["predict", "--weights", "weights.safetensors", "--tensor", "images.safetensors", "-o"];
    let flags: Vec<&str> = flags.iter().chain(&["logits.safetensors"]).chain(more).copied().collect();
    let said = run(folder, &flags).code(0).stderr;
    (TensorFile::read(&output).unwrap().tensor("logits").unwrap(), said)
}

/// Weights of three channels, summed, see an image of one as they see it three times; repeated and scaled, they see the same
/// image in all channels alike.
#[test]
fn the_first_convolution_is_fitted_to_the_channels_and_that_is_said() {
    let folder = tempdir().unwrap();
    let entry = Registry::default().find("resnet-18").unwrap();
    let plan = zoo_core::Plan::new(entry.architecture, &entry.variant.options).unwrap();
    let options = zoo_core::model::ModelOptions { device: Device::Cpu, kind: Kind::Float, seed: 3 };
    let model = zoo_core::model::Model::new(plan, &options).unwrap();
    let named = zoo_core::weights::named(&model, entry.architecture, zoo_core::weights::Scheme::Zoo).unwrap();
    let metadata = [("zoo.model".to_string(), "resnet-18".to_string())].into();
    write_safetensors(&folder.path().join("weights.safetensors"), &named, &metadata).unwrap();
    let one = Tensor::randn([2, 1, 40, 64], (Kind::Float, Device::Cpu));
    let (expected, said) = logits(folder.path(), &one.repeat([1, 3, 1, 1]), &[]);
    assert!(!said.contains("first convolution"), "{said}");
    for (channels, how) in [("1", "summed over 3 input channels"), ("5", "repeated from 3 input channels")] {
        let images = one.repeat([1, channels.parse().unwrap(), 1, 1]);
        let (found, said) = logits(folder.path(), &images, &["--in-channels", channels]);
        assert!(said.contains(how), "{said}");
        if channels == "1" {
            let off = (&found - &expected).abs().max().double_value(&[]) / expected.abs().max().double_value(&[]);
            assert!(off < 1e-4, "{off}");
        }
    }
    // Six channels are the three, twice, each by half.
    let (found, _) = logits(folder.path(), &one.repeat([1, 6, 1, 1]), &["--in-channels", "6"]);
    assert!((found - &expected).abs().max().double_value(&[]) < 1e-4 * expected.abs().max().double_value(&[]));
    let output = run(
        folder.path(),
        &["predict", "--weights", "weights.safetensors", "--tensor", "images.safetensors", "-o", "x.safetensors"],
    );
    output.refused(&["3 x 40 x 64", "6, 40, 64"]);
}
