//! Naming pictures: folders, files that are none, and small images' networks on whole photographs.

#[path = "common/command.rs"]
mod command;

use std::path::Path;

use command::{Output, csv_of, run, run_folder, train};
use tch::{Device, Kind, Tensor};
use tempfile::{TempDir, tempdir};
use zoo_core::weights::write_safetensors;

/// A network that saw whole images of 32 px, and the flags that name it.
fn trained() -> (TempDir, Vec<String>) {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "2"]).code(0);
    let best = run_folder(folder.path()).join("best.safetensors");
    (folder, vec!["predict".into(), "--weights".into(), best.display().to_string()])
}

fn predict(folder: &Path, flags: &[String], more: &[&str]) -> Output {
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    run(folder, &flags)
}

/// A picture of 32 px, each pixel of it drawn as a square of so many.
fn picture(path: &Path, times: u32) {
    let side = 32 * times;
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), side, side);
    encoder.set_color(png::ColorType::Rgb);
    let byte = |x: u32, y: u32, channel: u32| (x * 7 + y * 5 + channel * 40) as u8;
    let places = (0..side).flat_map(|y| (0..side).map(move |x| (x / times, y / times)));
    let pixels: Vec<u8> = places.flat_map(|(x, y)| [0, 1, 2].map(|channel| byte(x, y, channel))).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

#[test]
fn a_network_of_small_images_sees_a_photograph_whole() {
    let (folder, flags) = trained();
    picture(&folder.path().join("small.png"), 1);
    picture(&folder.path().join("large.png"), 8);
    let seen = predict(folder.path(), &flags, &["--top", "10", "--images", "small.png", "large.png"]).code(0);
    assert!(seen.stderr.contains("resize 32 (trained on whole small images)"), "{}", seen.stderr);
    let rows = csv_of(&seen.stdout).rows;
    let of = |file: &str| -> Vec<(String, f64)> {
        let rows = rows.iter().filter(|row| row["file"] == file);
        let mut found: Vec<_> = rows.map(|row| (row["class"].clone(), row["probability"].parse().unwrap())).collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    };
    let (small, large) = (of("small.png"), of("large.png"));
    let off = small.iter().zip(&large).map(|((_, a), (_, b))| f64::abs(a - b)).fold(0.0, f64::max);
    assert!(small.len() == 10 && off < 0.02, "{small:?}\n{large:?}");
    let middle = predict(folder.path(), &flags, &["--resize", "none", "--images", "large.png"]).code(0);
    assert!(middle.stderr.contains("resize none (flag)"), "{}", middle.stderr);
    assert_ne!(csv_of(&middle.stdout).rows[0]["probability"], format!("{:.6}", large[0].1));
}

#[test]
fn folders_are_walked_and_bad_files_left_out_where_that_is_asked_for() {
    let (folder, flags) = trained();
    std::fs::create_dir_all(folder.path().join("some/more")).unwrap();
    picture(&folder.path().join("some/b.png"), 1);
    picture(&folder.path().join("some/more/a.png"), 1);
    std::fs::write(folder.path().join("some/c.png"), b"text").unwrap();
    let more = ["--top", "1", "--images", "some", "--output", "out.csv"];
    predict(folder.path(), &flags, &more).refused(&["some/c.png", "--skip-bad"]);
    let left = |name: &str| folder.path().join(name).exists();
    assert!(!left("out.csv") && !left("out.csv.partial"));
    let said = predict(folder.path(), &flags, &[&more[..], &["--skip-bad"]].concat()).code(0).stderr;
    assert!(said.contains("left out: some/c.png"), "{said}");
    let table = csv_of(&std::fs::read(folder.path().join("out.csv")).unwrap());
    let files: Vec<&str> = table.rows.iter().map(|row| row["file"].as_str()).collect();
    assert_eq!(files, ["some/b.png", "some/more/a.png"]);
    let none = predict(folder.path(), &flags, &["--images", "some/c.png", "--skip-bad", "--output", "none.csv"]);
    none.refused(&["none of the 1 pictures"]);
    assert!(!left("none.csv") && !left("none.csv.partial"));
}

#[test]
fn images_that_are_none_or_no_numbers_are_refused_by_name() {
    let (folder, flags) = trained();
    let logits = |images: Tensor| {
        let path = folder.path().join("in.safetensors");
        write_safetensors(&path, &[("input".to_string(), images)], &std::collections::BTreeMap::new()).unwrap();
        predict(folder.path(), &flags, &["--tensor", "in.safetensors", "--output", "out.safetensors"])
    };
    let images = || Tensor::zeros([2, 3, 32, 32], (Kind::Float, Device::Cpu));
    logits(images()).code(0);
    for wrong in [f64::NAN, f64::INFINITY] {
        let odd = images();
        let _ = odd.get(1).get(2).get(3).get(4).fill_(wrong);
        logits(odd).refused(&["in.safetensors", "`input` has values that are NaN or infinite"]);
    }
    let none = logits(Tensor::zeros([0, 3, 224, 224], (Kind::Float, Device::Cpu)));
    none.refused(&["in.safetensors", "shape [0, 3, 224, 224]", "no images"]);
}

#[test]
fn a_folder_in_place_of_weights_is_told_with_the_file_in_it() {
    let (folder, flags) = trained();
    let run_folder = Path::new(&flags[2]).parent().unwrap().to_str().unwrap();
    let told = format!("give a file of weights in it, such as {}", flags[2]);
    run(folder.path(), &["eval", "--weights", run_folder]).misused(&["that is a folder", &told]);
}

#[test]
fn a_full_disk_is_named() {
    let (folder, flags) = trained();
    picture(&folder.path().join("a.png"), 1);
    predict(folder.path(), &flags, &["--images", "a.png", "--output", "/dev/full"]).refused(&["/dev/full", "No space"]);
}

#[test]
fn fine_tuning_and_evaluation_on_photographs_see_them_whole_too() {
    let (folder, flags) = trained();
    for place in ["two/train/cat", "two/train/dog", "two/val/cat", "two/val/dog"] {
        std::fs::create_dir_all(folder.path().join(place)).unwrap();
        picture(&folder.path().join(place).join("1.png"), 4);
    }
    let tuned =
        ["--weights", &flags[2], "--dataset", "folder:two", "--batch-size", "2", "--steps", "1", "--results", "t"];
    let said = train(folder.path(), &tuned).code(0).stderr;
    assert!(said.contains("images: resize 32 (trained on whole small images)"), "{said}");
    let runs = std::fs::read_dir(folder.path().join("t")).unwrap().map(|entry| entry.unwrap().path());
    let best = runs.filter(|path| path.is_dir()).map(|run| run.join("best.safetensors")).next().unwrap();
    let seen = run(folder.path(), &["eval", "--weights", best.to_str().unwrap(), "--format", "json"]).code(0);
    let found: serde_json::Value = serde_json::from_slice(&seen.stdout).unwrap();
    assert_eq!((&found["preprocessing"]["resize"], &found["images"]), (&32.into(), &2.into()));
}
