//! Weights that come and go: export and prediction, fine-tuning from a file, and the hub's files from a server of our own.

#[path = "common/command.rs"]
mod command;
#[path = "common/hub.rs"]
mod hub;

use std::collections::BTreeMap;
use std::path::Path;

use command::{Output, run, run_folder, tensors, train, zoo};
use tch::{Kind, Tensor};
use tempfile::{TempDir, tempdir};
use zoo_core::weights::{TensorFile, write_safetensors};

const MODEL: &str = "mobilenet-v3-small-0.35";

/// A run of a few steps in a folder of its own, and its best checkpoint as a path from there.
fn trained(flags: &[&str]) -> (TempDir, String) {
    let folder = tempdir().unwrap();
    train(folder.path(), flags).code(0);
    let best = run_folder(folder.path()).join("best.safetensors");
    let path = best.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_string();
    (folder, path)
}

fn json(output: Output) -> serde_json::Value {
    serde_json::from_slice(&output.code(0).stdout).unwrap()
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn evaluated(folder: &Path, weights: &str, more: &str) -> serde_json::Value {
    let line = format!("eval --weights {weights} --dataset synthetic --limit-test 50 --threads 1 --format json {more}");
    json(run(folder, &words(&line)))
}

#[test]
fn an_export_scores_what_the_checkpoint_scored() {
    let (folder, best) = trained(&["--steps", "8"]);
    let original = evaluated(folder.path(), &best, "");
    for scheme in ["zoo", "torchvision", "timm"] {
        let line = format!("export --weights {best} --scheme {scheme} --output {scheme}.safetensors");
        let said = run(folder.path(), &words(&line)).code(0).text();
        assert!(said.contains(&format!("by {scheme} names in {scheme}.safetensors")), "{said}");
        let exported = evaluated(folder.path(), &format!("{scheme}.safetensors"), "");
        for key in ["top1", "top5", "loss", "model", "input_size"] {
            assert_eq!(original[key], exported[key], "{scheme} {key}");
        }
        assert_eq!(exported["preprocessing"]["why"]["padding"], "metadata");
    }
    let line = format!("export --weights {best} --scheme lukemelas --output x.safetensors");
    run(folder.path(), &words(&line)).refused(&["lukemelas has no names for mobilenet-v3-small"]);
    assert!(!folder.path().join("x.safetensors").exists());
}

#[test]
fn predictions_are_the_logits_of_the_network_whatever_the_names() {
    let (folder, best) = trained(&["--steps", "2"]);
    let images = Tensor::arange(3 * 3 * 32 * 32, (Kind::Float, tch::Device::Cpu)).sin().view([3, 3, 32, 32]);
    write_safetensors(&folder.path().join("in.safetensors"), &[("input".into(), images)], &BTreeMap::new()).unwrap();
    run(folder.path(), &words(&format!("export --weights {best} --scheme timm --output timm.safetensors"))).code(0);
    let mut logits = Vec::new();
    for weights in [best.as_str(), "timm.safetensors"] {
        let line = format!("predict --weights {weights} --tensor in.safetensors --output out.safetensors --threads 1");
        run(folder.path(), &words(&line)).code(0);
        logits.push(TensorFile::read(&folder.path().join("out.safetensors")).unwrap().tensor("logits").unwrap());
    }
    assert_eq!(logits[0].size(), [3, 10]);
    assert_eq!(logits[0], logits[1]);

    let line = format!("predict --weights {best} --tensor {best} --output out.safetensors");
    run(folder.path(), &words(&line)).refused(&["has no tensor `input`"]);
}

#[test]
fn predictions_of_pictures_name_classes() {
    let (folder, best) = trained(&["--steps", "2"]);
    picture(&folder.path().join("a picture.png"));
    let output =
        run(folder.path(), &["predict", "--weights", &best, "--top", "3", "--images", "a picture.png"]).code(0);
    let rows = command::csv_of(&output.stdout);
    assert_eq!(rows.header, ["file", "rank", "class", "probability"]);
    assert_eq!(rows.rows.len(), 3);
    assert!(rows.rows.iter().all(|row| row["file"] == "a picture.png"));
    let probabilities: Vec<f64> = rows.rows.iter().map(|row| row["probability"].parse().unwrap()).collect();
    assert!(probabilities.is_sorted_by(|a, b| a >= b) && probabilities[0] <= 1.0, "{probabilities:?}");

    std::fs::write(folder.path().join("no.png"), b"text").unwrap();
    run(folder.path(), &["predict", "--weights", &best, "--images", "no.png"]).refused(&["no.png"]);
}

fn picture(path: &Path) {
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, 40, 32);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> = (0..40 * 32 * 3).map(|index| (index % 251) as u8).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

#[test]
fn a_frozen_backbone_stays_and_a_new_classifier_learns() {
    let (folder, best) = trained(&["--steps", "6"]);
    let before = tensors(&folder.path().join(&best));
    let flags = ["--weights", &best, "--steps", "4", "--freeze", "backbone", "--results", "tuned", "--resume", "auto"];
    let said = train(folder.path(), &flags).code(0).stderr;
    assert!(said.contains("tensors loaded by zoo names"), "{said}");
    let mut tuned = std::fs::read_dir(folder.path().join("tuned")).unwrap().map(|entry| entry.unwrap().path());
    let tuned = tuned.find(|path| path.is_dir()).unwrap();
    let after = tensors(&tuned.join("last.safetensors"));
    let changed = |name: &str| before[name] != after[name];
    let names = before.keys().filter(|name| !name.starts_with("optimizer."));
    let (top, backbone): (Vec<_>, Vec<_>) = names.partition(|name| name.starts_with("top."));
    assert!(backbone.len() > 100 && top.len() >= 2);
    assert!(backbone.iter().all(|name| !changed(name)), "{:?}", backbone.iter().find(|name| changed(name)));
    assert!(top.iter().all(|name| changed(name)));
}

/// Names of the tensors that differ between a checkpoint and a run from it with `flags`.
fn changed_by(folder: &Path, best: &str, results: &str, flags: &[&str]) -> Vec<String> {
    train(folder, &[&["--weights", best, "--results", results], flags].concat()).code(0);
    let mut runs = std::fs::read_dir(folder.join(results)).unwrap().map(|entry| entry.unwrap().path());
    let run = runs.find(|path| path.is_dir()).unwrap();
    let (before, after) = (tensors(&folder.join(best)), tensors(&run.join("last.safetensors")));
    let names = before.keys().filter(|name| !name.starts_with("optimizer."));
    names.filter(|name| before[*name] != after[*name]).cloned().collect()
}

#[test]
fn what_is_frozen_stays_and_the_rest_learns() {
    let (folder, best) = trained(&["--steps", "6"]);
    let changed = |results: &str, flags: &[&str]| changed_by(folder.path(), &best, results, flags);
    let any = |names: &[String], part: &str| names.iter().any(|name| name.starts_with(part));
    let is_statistic = |name: &String| name.contains(".running_");

    let stages = changed("stages", &["--steps", "3", "--freeze", "stages:2"]);
    assert!(!any(&stages, "stem.") && !any(&stages, "stages.0.") && !any(&stages, "stages.1."), "{stages:?}");
    assert!(any(&stages, "stages.2.") && any(&stages, "head.") && any(&stages, "top."), "{stages:?}");

    // Ten steps are an epoch: the last convolution is freed after five.
    let freed = ["--freeze", "backbone", "--unfreeze-every", "0.5", "--steps"];
    let before = changed("before", &[&freed[..], &["5"]].concat());
    assert!(!any(&before, "head.") && any(&before, "top."), "{before:?}");
    let after = changed("after", &[&freed[..], &["8"]].concat());
    assert!(any(&after, "head.") && !any(&after, "stages."), "{after:?}");

    let scaled = changed("scaled", &["--steps", "3", "--backbone-lr-scale", "0"]);
    let weights: Vec<_> = scaled.iter().filter(|name| !is_statistic(name)).collect();
    assert!(weights.iter().all(|name| name.starts_with("top.")) && weights.len() >= 2, "{weights:?}");
    assert!(scaled.iter().any(is_statistic), "statistics of the backbone go on");

    let still = changed("still", &["--steps", "3", "--freeze-statistics"]);
    assert!(!still.iter().any(is_statistic) && any(&still, "stem."), "{still:?}");

    train(folder.path(), &["--freeze", "backbone"]).refused(&["--freeze", "--weights"]);
    let flags = ["--weights", &best, "--freeze", "stages:99"];
    train(folder.path(), &flags).refused(&["stages:99", "the network has"]);
}

#[test]
fn classes_are_matched_by_name() {
    let folder = tempdir().unwrap();
    for place in ["two/train/cat", "two/train/dog", "two/val/cat", "two/val/dog", "one/val/dog", "other/val/cow"] {
        std::fs::create_dir_all(folder.path().join(place)).unwrap();
        picture(&folder.path().join(place).join("1.png"));
    }
    let line =
        "--model mobilenet-v3-small-0.35 --dataset folder:two --input-size 32 --batch-size 2 --steps 1 --threads 1";
    run(folder.path(), &words(line)).code(0);
    let best = run_folder(folder.path()).join("best.safetensors");
    let eval = |dataset: &str| {
        let line = ["eval", "--weights", best.to_str().unwrap(), "--dataset", dataset, "--format", "json"];
        run(folder.path(), &line)
    };
    let both = json(eval("folder:two"));
    assert!(both["top1_subset"].is_null() && both["images"] == 2, "{both}");
    // The same picture is a cat and a dog, so that one of both is right.
    assert_eq!(both["top1"], 50.0);
    let one = json(eval("folder:one"));
    assert_eq!((&one["top1_subset"], &one["images"]), (&100.0.into(), &1.into()), "{one}");
    eval("folder:other").refused(&["2 classes", "1 of its own"]);
}

#[test]
fn cached_features_train_as_the_images_do() {
    let (folder, best) = trained(&["--steps", "6"]);
    let still = folder.path().join("still.toml");
    std::fs::write(&still, "[network]\ndropout = 0.0\n[augment]\ncrop_padding = 0\nflip = false\n").unwrap();
    let mut top1 = Vec::new();
    for (results, more) in [("images", &[][..]), ("features", &["--cache-features"])] {
        let flags =
            ["--weights", &best, "--config", "still.toml", "--steps", "30", "--freeze", "backbone", "--results"];
        train(folder.path(), &[&flags[..], &[results], more].concat()).code(0);
        let row = command::csv(&folder.path().join(results).join("accuracy.csv")).rows.remove(0);
        top1.push((row["top1"].clone(), row["train_loss"].parse::<f64>().unwrap()));
    }
    assert_eq!(top1[0].0, top1[1].0);
    assert!((top1[0].1 - top1[1].1).abs() < 1e-3, "{top1:?}");
    let flags = ["--weights", &best, "--steps", "3", "--freeze", "backbone", "--cache-features"];
    train(folder.path(), &flags).refused(&["--cache-features", "flip"]);
}

#[test]
fn weights_decide_what_was_not_asked_for() {
    let (folder, best) = trained(&["--steps", "2", "--input-size", "48", "--profile", "cifar"]);
    let said = train(folder.path(), &["--weights", &best, "--steps", "1", "--results", "again"]).code(0).stderr;
    assert!(said.contains(&format!("{MODEL}, cifar, 48 px")), "{said}");
    let flags = ["--weights", &best, "--steps", "1", "--results", "other", "--input-size", "32"];
    let said = train(folder.path(), &flags).code(0).stderr;
    assert!(said.contains(&format!("{MODEL}, cifar, 32 px")), "{said}");
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name_or_taken_in_part() {
    let (folder, best) = trained(&["--steps", "1"]);
    let path = folder.path().join(&best);
    let file = TensorFile::read(&path).unwrap();
    let kept: Vec<(String, Tensor)> = file
        .names()
        .filter(|name| !name.starts_with("optimizer.") && *name != "head.conv.weight")
        .map(|name| (name.to_string(), file.tensor(name).unwrap()))
        .collect();
    write_safetensors(&folder.path().join("part.safetensors"), &kept, &BTreeMap::new()).unwrap();
    let flags = ["--weights", "part.safetensors", "--steps", "1", "--results", "part"];
    train(folder.path(), &flags).refused(&["part.safetensors", "does not fit the model", "1 missing"]);
    let said = train(folder.path(), &[&flags[..], &["--allow-partial"]].concat()).code(0).stderr;
    assert!(said.contains("missing      head.conv.weight"), "{said}");

    let line = "eval --weights part.safetensors --dataset synthetic";
    run(folder.path(), &words(line)).refused(&["does not say which network", "--model"]);
    let line = format!("eval --weights {best} --model mobilenet-v2 --dataset synthetic");
    run(folder.path(), &words(&line)).refused(&[MODEL, "mobilenet-v2", "--model"]);
    run(folder.path(), &words("eval --weights nowhere.pth --dataset synthetic")).refused(&["nowhere.pth"]);
}

/// A file with the weights of `best` under other names or with other values, and this metadata.
fn altered(
    folder: &Path,
    best: &str,
    name: &str,
    change: impl Fn(&str, Tensor) -> Vec<(String, Tensor)>,
    metadata: &[(&str, &str)],
) {
    let file = TensorFile::read(&folder.join(best)).unwrap();
    let names = file.names().filter(|name| !name.starts_with("optimizer."));
    let tensors: Vec<(String, Tensor)> = names.flat_map(|name| change(name, file.tensor(name).unwrap())).collect();
    let metadata = metadata.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    write_safetensors(&folder.join(name), &tensors, &metadata).unwrap();
}

#[test]
fn averages_of_others_are_reached_and_what_was_taken_is_said() {
    let (folder, best) = trained(&["--steps", "2"]);
    let both = |name: &str, tensor: Tensor| {
        vec![(format!("net.{name}"), tensor.shallow_clone()), (format!("ema_net.module.{name}"), tensor)]
    };
    altered(folder.path(), &best, "both.safetensors", both, &[]);
    let eval = |more: &str| {
        let line = format!(
            "eval --weights both.safetensors --model {MODEL} --dataset synthetic --limit-test 10 --crop 32 {more}"
        );
        run(folder.path(), &words(&line)).code(0).stderr
    };
    let said = eval("");
    assert!(
        said.contains("both.safetensors: weights from the top level behind `net.`; averaged weights are in"),
        "{said}"
    );
    assert!(said.contains("--ema takes the averaged weights"), "{said}");
    let said = eval("--ema");
    assert!(said.contains("averaged weights from the top level behind `ema_net.module.`"), "{said}");
    assert!(said.contains("--ema false takes the weights without averaging"), "{said}");
    let said = train(
        folder.path(),
        &["--weights", "both.safetensors", "--steps", "1", "--results", "more", "--input-size", "32"],
    )
    .code(0)
    .stderr;
    assert!(said.contains("weights from the top level behind `net.`") && said.contains("`export --ema`"), "{said}");

    let alone = |name: &str, tensor: Tensor| vec![(format!("model_ema.module.{name}"), tensor)];
    altered(folder.path(), &best, "alone.safetensors", alone, &[]);
    let line =
        format!("eval --weights alone.safetensors --model {MODEL} --dataset synthetic --limit-test 10 --crop 32");
    let said = run(folder.path(), &words(&line)).code(0).stderr;
    assert!(said.contains("alone.safetensors: averaged weights from"), "{said}");
    let line = format!("{line} --ema false");
    run(folder.path(), &words(&line)).refused(&["alone.safetensors holds only averaged weights", "--ema false"]);
}

#[test]
fn numbers_that_cannot_be_are_refused_on_every_road_in() {
    let (folder, best) = trained(&["--steps", "2"]);
    let same = |name: &str, tensor: Tensor| vec![(name.to_string(), tensor)];
    let line = |more: &str| {
        format!("eval --weights odd.safetensors --model {MODEL} --dataset synthetic --limit-test 10 {more}")
    };
    for (key, value, flag, way_out) in [
        ("zoo.std", "0,0,0", "--std", "0.2,0.2,0.2"),
        ("zoo.mean", "nan,0,0", "--mean", "0.5,0.5,0.5"),
        ("zoo.bn_eps", "inf", "--bn-eps", "1e-3"),
        ("zoo.input_size", "0", "--crop", "32"),
    ] {
        altered(folder.path(), &best, "odd.safetensors", same, &[(key, value)]);
        run(folder.path(), &words(&line(""))).refused(&["odd.safetensors", key, value]);
        run(folder.path(), &words(&line(&format!("{flag}={way_out}")))).code(0);
        altered(folder.path(), &best, "odd.safetensors", same, &[]);
        let output = run(folder.path(), &words(&line(&format!("{flag}={value}"))));
        assert!(output.code == 2 && output.stderr.contains(flag), "{}", output.stderr);
    }
    for (key, value) in [("zoo.width", "inf"), ("zoo.depth", "nan")] {
        altered(folder.path(), &best, "odd.safetensors", same, &[(key, value)]);
        run(folder.path(), &words(&line(""))).refused(&["odd.safetensors", key, value]);
    }
    let odd = |change: &dyn Fn(&Tensor) -> Tensor| {
        let change = |name: &str, tensor: Tensor| {
            let tensor = if name == "stem.norm.running_var" { change(&tensor) } else { tensor };
            vec![(name.to_string(), tensor)]
        };
        altered(folder.path(), &best, "odd.safetensors", change, &[]);
        for line in [
            line(""),
            format!("export --weights odd.safetensors --model {MODEL} -o out.safetensors"),
            format!(
                "train --weights odd.safetensors --model {MODEL} --dataset synthetic --limit-train 160 --steps 1 \
                 --input-size 32"
            ),
        ] {
            run(folder.path(), &words(&line)).refused(&["odd.safetensors", "`stem.norm.running_var`"]);
        }
    };
    odd(&|tensor| tensor.to_kind(Kind::Int8));
    odd(&|tensor| tensor.to_kind(Kind::Double) * 1e300);
    assert!(!folder.path().join("out.safetensors").exists());
}

#[test]
fn a_file_without_a_classifier_gets_a_new_one_for_training() {
    let (folder, best) = trained(&["--steps", "2"]);
    let headless = |name: &str, tensor: Tensor| {
        let kept = !name.starts_with("top.");
        kept.then(|| (format!("backbone.{name}"), tensor)).into_iter().collect()
    };
    altered(folder.path(), &best, "headless.safetensors", headless, &[]);
    let said = train(
        folder.path(),
        &["--weights", "headless.safetensors", "--steps", "1", "--results", "new", "--input-size", "32"],
    )
    .code(0)
    .stderr;
    assert!(said.contains("it has no classifier, so a new one is initialised"), "{said}");
    assert!(!said.contains("its classifier is kept"), "{said}");
    let line = format!("eval --weights headless.safetensors --model {MODEL} --dataset synthetic");
    run(folder.path(), &words(&line)).refused(&["headless.safetensors does not fit the model"]);
}

#[test]
fn norms_that_were_folded_are_kept_or_refused() {
    let (folder, best) = trained(&["--steps", "3"]);
    let file = TensorFile::read(&folder.path().join(&best)).unwrap();
    let folded = |name: &str| {
        let tensor = file.tensor(name).unwrap();
        match name {
            _ if name.ends_with(".running_mean") => tensor.zeros_like(),
            _ if name.ends_with(".running_var") || name.ends_with(".norm.weight") => tensor.ones_like(),
            _ => tensor,
        }
    };
    let names = file.names().filter(|name| !name.starts_with("optimizer."));
    let tensors: Vec<(String, Tensor)> = names.map(|name| (name.to_string(), folded(name))).collect();
    write_safetensors(&folder.path().join("folded.safetensors"), &tensors, &BTreeMap::new()).unwrap();
    let tune = |results: &str, more: &[&str]| {
        let flags = ["--weights", "folded.safetensors", "--steps", "1", "--results", results];
        train(folder.path(), &[&flags[..], more].concat())
    };
    tune("refused", &[]).refused(&["folded.safetensors", "--freeze-statistics", "--freeze backbone"]);
    tune("refused", &["--freeze", "backbone", "--unfreeze-every", "1"]).refused(&["--freeze-statistics"]);
    tune("statistics", &["--freeze-statistics"]).code(0);
    tune("backbone", &["--freeze", "backbone"]).code(0);
}

#[test]
fn weights_of_the_hub_are_fetched_once_and_offline_it_says_where_to_put_them() {
    let (folder, best) = trained(&["--model", "mobilenet-v2", "--input-size", "32", "--steps", "1"]);
    let line = format!("export --weights {best} --scheme timm --output timm.safetensors");
    run(folder.path(), &words(&line)).code(0);
    let hub = hub::Hub::start(std::fs::read(folder.path().join("timm.safetensors")).unwrap(), &[hub::Answer::Good]);
    let fetch = |endpoint: &str| {
        let line = "eval --model mobilenet-v2 --pretrained ra_in1k --dataset synthetic --limit-test 10 --crop 32 \
                    --format json";
        let mut command = zoo(folder.path(), &words(line));
        command.env("HF_ENDPOINT", endpoint).env("HF_HOME", folder.path().join("cache"));
        for name in ["HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE"] {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        (output.status.code(), output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    let (code, _, said) = fetch("http://127.0.0.1:9");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("timm/mobilenetv2_100.ra_in1k/model.safetensors") && said.contains("--weights"), "{said}");

    let (code, stdout, said) = fetch(&hub.url);
    assert_eq!(code, Some(0), "{said}");
    let found: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!(found["images"], 10);
    let requests = hub.requests().len();
    assert!(requests > 0);
    assert_eq!(fetch("http://127.0.0.1:9").0, Some(0), "the cache was not used");
    assert_eq!(hub.requests().len(), requests);

    let line = "eval --model mobilenet-v2 --pretrained nonsense --dataset synthetic";
    run(folder.path(), &words(line)).refused(&["nonsense", "mobilenetv2_100.ra_in1k"]);
}
