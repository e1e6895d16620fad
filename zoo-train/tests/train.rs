//! Training runs: what they write, that they repeat, and that they learn.

#[path = "common/command.rs"]
mod command;
#[path = "common/pictures.rs"]
mod pictures;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use command::{Csv, assert_same_tensors, csv, metrics, run, run_folder, tensors, train};
use tempfile::{TempDir, tempdir};

/// A finished run in a folder of its own.
#[track_caller]
fn trained(flags: &[&str]) -> TempDir {
    let folder = tempdir().unwrap();
    train(folder.path(), flags).code(0);
    folder
}

fn accuracy(folder: &Path) -> Csv {
    csv(&folder.join("results/accuracy.csv"))
}

const ACCURACY: &str = "run,model,width,depth,input_size,profile,params,macs,epochs,steps,seconds,top1,top1_ema";

#[test]
fn a_run_writes_its_rows() {
    let folder = trained(&["--steps", "4"]);
    let table = accuracy(folder.path());
    assert!(table.header.join(",").starts_with(ACCURACY), "{:?}", table.header);
    let [row] = &table.rows[..] else { panic!("{} rows", table.rows.len()) };
    let run = run_folder(folder.path());
    assert_eq!(row["run"], run.file_name().unwrap().to_str().unwrap());
    assert_eq!((row["status"].as_str(), row["steps"].as_str(), row["epochs"].as_str()), ("done", "4", "0.400"));
    assert_eq!((row["profile"].as_str(), row["input_size"].as_str(), row["width"].as_str()), ("stem1", "32", "0.35"));
    assert_eq!((row["model"].as_str(), row["classes"].as_str()), ("mobilenet-v3-small-0.35", "10"));
    let shown = "show mobilenet-v3-small-0.35 --input-size 32 --classes 10 --profile stem1 --format json";
    let shown = command::run(folder.path(), &shown.split(' ').collect::<Vec<_>>()).code(0);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((row["params"].clone(), row["macs"].clone()), (shown["params"].to_string(), shown["macs"].to_string()));

    let epochs = csv(&run.join("metrics.csv"));
    assert_eq!(epochs.rows.len(), 1);
    assert_eq!((&epochs.rows[0]["step"], &epochs.rows[0]["test_top1"]), (&"4".to_string(), &row["top1"]));
}

#[test]
fn an_epoch_is_a_row_and_a_second_run_another_one() {
    let folder = trained(&["--epochs", "2.5"]);
    let rows = metrics(&run_folder(folder.path()));
    let column = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("step"), ["10", "20", "25"]);
    assert_eq!(column("epoch"), ["1.000", "2.000", "2.500"]);
    train(folder.path(), &["--steps", "1"]).code(0);
    let rows = accuracy(folder.path()).rows;
    assert_eq!(rows.len(), 2);
    assert_ne!(rows[0]["run"], rows[1]["run"]);
}

/// Without the columns that tell the time, the machine's load or the folder, or how the run was asked for.
fn results(folder: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut rows = accuracy(folder).rows;
    for row in &mut rows {
        for column in ["seconds", "images_per_second", "command"] {
            row.remove(column).unwrap();
        }
    }
    rows
}

#[track_caller]
fn assert_same_run(one: &Path, other: &Path) {
    let (first, second) = (run_folder(one), run_folder(other));
    assert_eq!(metrics(&first), metrics(&second));
    assert_same_tensors(&first.join("last.safetensors"), &second.join("last.safetensors"));
    assert_same_tensors(&first.join("best.safetensors"), &second.join("best.safetensors"));
}

#[test]
fn the_resolved_configuration_repeats_the_run() {
    let more = ["--epochs", "1.5", "--learning-rate", "0.1", "--dropout", "0.3", "--drop-path", "0.2", "--seed", "3"];
    let folder = trained(&more);
    let config = run_folder(folder.path()).join("config.toml");
    let again = tempdir().unwrap();
    run(again.path(), &["--config", config.to_str().unwrap(), "--results", "results"]).code(0);
    assert_same_run(folder.path(), again.path());
    assert_eq!(results(folder.path()), results(again.path()));
    let text = |folder: &Path| std::fs::read_to_string(run_folder(folder).join("config.toml")).unwrap();
    assert_eq!(text(folder.path()), text(again.path()));
    assert!(text(folder.path()).contains("steps = 15"), "{}", text(folder.path()));
}

/// Every random change to images there is.
const AUGMENTATION: [&str; 10] = [
    "--augment",
    "randaugment:2:9",
    "--colour-jitter",
    "0.4,0.3,0.2",
    "--random-erasing",
    "0.25",
    "--mixup",
    "0.2",
    "--cutmix",
    "1",
];

#[test]
fn a_run_with_all_augmentation_learns_and_its_configuration_repeats_it() {
    let flags = ["--model", "mobilenet-v2-0.35", "--limit-train", "1280", "--limit-test", "200", "--batch-size", "32"];
    let folder = trained(&[&flags[..], &["--steps", "160", "--learning-rate", "0.1"], &AUGMENTATION].concat());
    let top1: f64 = accuracy(folder.path()).rows[0]["top1"].parse().unwrap();
    // So much at once leaves little of the synthetic classes; a guess has 10 %, with a deviation of 2.
    assert!(top1 > 18.0, "{top1} % of 10 classes");
    let config = run_folder(folder.path()).join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    for line in ["augment = \"randaugment:2:9\"", "random_erasing = 0.25", "mixup = 0.2", "cutmix = 1.0"] {
        assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
    }
    let again = tempdir().unwrap();
    run(again.path(), &["--config", config.to_str().unwrap(), "--results", "results"]).code(0);
    assert_same_run(folder.path(), again.path());
    assert_eq!(results(folder.path()), results(again.path()));
}

#[test]
fn augmentation_that_cannot_be_is_refused_by_its_flag() {
    let folder = tempdir().unwrap();
    let wrong =
        [["--colour-jitter", "0.4,0.4,-1"], ["--random-erasing", "1.5"], ["--mixup", "-1"], ["--cutmix", "nan"]];
    for [flag, value] in wrong {
        train(folder.path(), &[&format!("{flag}={value}")]).misused(&[flag]);
    }
    for [flag, value] in [["--colour-jitter", "0.4"], ["--augment", "randaugment:2"]] {
        let output = train(folder.path(), &["--steps", "1", flag, value]).code(2);
        assert!(output.stderr.contains(flag), "{}", output.stderr);
    }
    std::fs::write(folder.path().join("my.toml"), "schedule.epochs = 1\naugment.augment = \"autoaugment\"\n").unwrap();
    train(folder.path(), &["--config", "my.toml"]).misused(&["my.toml:2", "`augment`", "randaugment:2:9"]);
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let flags = |workers| [&["--steps", "15", "--workers", workers], &AUGMENTATION[..]].concat();
    let (one, three) = (trained(&flags("1")), trained(&flags("3")));
    assert_same_run(one.path(), three.path());
    assert_eq!(results(one.path()), results(three.path()));
}

#[test]
fn images_on_the_device_give_the_run_that_threads_give() {
    let flags = |where_: &'static str| ["--steps", "8", "--input-size-from", "24", "--data-on-device", where_];
    let (device, threads) = (tempdir().unwrap(), trained(&flags("false")));
    let output = train(device.path(), &flags("true")).code(0);
    assert!(
        output.stderr.contains("(on the device)") || output.text().contains("(on the device)"),
        "{}",
        output.stderr
    );
    assert_same_run(device.path(), threads.path());
    let folder = tempdir().unwrap();
    let mixed = ["--steps", "1", "--mixup", "0.2", "--data-on-device", "true"];
    train(folder.path(), &mixed).refused(&["--data-on-device", "crops and flips"]);
}

#[test]
fn a_seed_repeats_a_run_and_another_one_does_not() {
    let folders = ["1", "1", "2"].map(|seed| trained(&["--steps", "6", "--seed", seed]));
    let [one, again, other] = folders.each_ref().map(TempDir::path);
    assert_same_run(one, again);
    let [one, other] = [one, other].map(run_folder);
    assert_ne!(metrics(&one), metrics(&other));
    let [one, other] = [one, other].map(|run| tensors(&run.join("last.safetensors")));
    assert_ne!(one["stem.conv.weight"], other["stem.conv.weight"]);
}

#[test]
fn a_small_network_learns_the_synthetic_classes() {
    let begun = Instant::now();
    let flags = ["--model", "mobilenet-v2-0.35", "--limit-train", "1280", "--limit-test", "200", "--batch-size", "32"];
    let folder = trained(&[&flags[..], &["--steps", "160", "--learning-rate", "0.1"]].concat());
    let row = &accuracy(folder.path()).rows[0];
    println!("{} % after {:.1} s", row["top1"], begun.elapsed().as_secs_f64());
    let top1: f64 = row["top1"].parse().unwrap();
    assert!(top1 > 60.0, "{top1} % of 10 classes");
    let rows = metrics(&run_folder(folder.path()));
    let loss = |row: usize| rows[row]["train_loss"].parse::<f64>().unwrap();
    assert!(loss(rows.len() - 1) < 0.8 * loss(0));
}

#[track_caller]
fn ends_in_a_loss_that_is_no_number(rate: &str) {
    let folder = tempdir().unwrap();
    let output = train(folder.path(), &["--steps", "20", "--learning-rate", rate]);
    let output = output.refused(&["the loss became", "at step ", "--learning-rate"]);
    let step = output.stderr.split("at step ").nth(1).unwrap().split(' ').next().unwrap();
    let row = &accuracy(folder.path()).rows[0];
    assert_eq!(row["status"], format!("non-finite loss at step {step}"));
    assert_eq!((row["steps"].as_str(), row["top1"].as_str()), (step, ""));
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_and_leaves_a_row() {
    ends_in_a_loss_that_is_no_number("100");
}

#[test]
fn a_learning_rate_beyond_reason_ends_the_run_and_leaves_a_row() {
    ends_in_a_loss_that_is_no_number("1e30");
}

#[test]
fn a_test_loss_that_is_no_number_does_not_spoil_the_checkpoint() {
    let folder = tempdir().unwrap();
    // The only step has a finite loss, and leaves finite weights that no running statistics fit.
    let output = train(folder.path(), &["--steps", "1", "--learning-rate", "100"]);
    if output.code != 0 {
        output.refused(&["the loss became"]);
        return;
    }
    let weights = run_folder(folder.path()).join("last.safetensors");
    run(folder.path(), &["eval", "--weights", weights.to_str().unwrap()]).code(0);
}

#[test]
fn a_test_set_of_nothing_is_refused_or_evaluated_as_nothing() {
    let folder = tempdir().unwrap();
    let output = train(folder.path(), &["--steps", "2", "--limit-test", "0"]);
    if output.code != 0 {
        output.refused(&["--limit-test"]);
        return;
    }
    assert_eq!(accuracy(folder.path()).rows[0]["top1"], "", "an accuracy of no images");
}

#[test]
#[ignore = "timing; run alone"]
fn a_budget_is_kept_and_its_steps_repeat_the_run() {
    let folder = tempdir().unwrap();
    let flags = ["--limit-train", "2560", "--limit-test", "250", "--batch-size", "32"];
    let begun = Instant::now();
    train(folder.path(), &[&flags[..], &["--budget", "20s"]].concat()).code(0);
    let seconds = begun.elapsed().as_secs_f64();
    assert!((seconds - 20.0).abs() < 1.5, "{seconds:.1} s");
    let run = run_folder(folder.path());
    let config: toml::Table = std::fs::read_to_string(run.join("config.toml")).unwrap().parse().unwrap();
    let steps = config["schedule"]["steps"].as_integer().unwrap().to_string();
    assert_eq!(accuracy(folder.path()).rows[0]["steps"], steps);
    let again = trained(&[&flags[..], &["--steps", &steps]].concat());
    assert_same_run(folder.path(), again.path());
}

/// Whether there is a GPU that this libtorch can use; says loudly where there is none.
fn has_cuda(folder: &Path) -> bool {
    let doctor = String::from_utf8(run(folder, &["doctor"]).code(0).stdout).unwrap();
    let line = doctor.lines().find(|line| line.starts_with("CUDA")).unwrap().to_string();
    let has = line.contains("device(s)");
    if !has {
        // Past the harness, which keeps to itself what tests that pass have to say.
        let _ = std::io::stderr().write_all(b"\nSKIPPED: nothing was trained on a GPU, as there is none here\n");
    }
    has
}

#[test]
fn on_a_gpu_images_that_live_there_or_come_there_are_trained_on() {
    let folder = tempdir().unwrap();
    if !has_cuda(folder.path()) {
        return;
    }
    let cuda = ["--device", "cuda", "--steps", "20", "--checkpoint-every", "5"];
    for on_device in ["true", "false"] {
        let folder = trained(&[&cuda[..], &["--data-on-device", on_device]].concat());
        let row = &accuracy(folder.path()).rows[0];
        assert!(row["device"].starts_with("cuda") && row["status"] == "done", "{row:?}");
        assert!(row["train_loss"].parse::<f64>().unwrap() < 2.4, "{row:?}");
        let kept = run_folder(folder.path()).join("best.safetensors");
        let again = [&cuda[..2], &["--steps", "20", "--resume", kept.to_str().unwrap()]].concat();
        train(folder.path(), &again).refused(&["has ended"]);
    }
}

/// Folders of runs below `results`.
fn runs(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("results")).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn a_batch_of_which_a_norm_sees_one_value_is_refused_before_the_first_step() {
    let folder = tempdir().unwrap();
    let words = ["expected more than 1 value per channel", ".norm", "--freeze-statistics"];
    train(folder.path(), &["--profile", "native", "--batch-size", "1", "--steps", "2"]).misused(&words);
    train(folder.path(), &["--profile", "native", "--micro-batch", "1", "--steps", "2"]).misused(&words);
    // The last piece of 16 images is one.
    train(folder.path(), &["--profile", "native", "--micro-batch", "5", "--steps", "2"]).misused(&words);
    assert!(runs(folder.path()).is_empty());
    // Statistics that are kept need no batch, and neither does a map of more pixels.
    let kept = ["--profile", "native", "--batch-size", "1", "--freeze-statistics", "--steps", "1"];
    train(folder.path(), &kept).code(0);
    train(folder.path(), &["--profile", "cifar", "--batch-size", "1", "--steps", "1"]).code(0);
}

#[test]
fn images_smaller_than_the_stride_and_classes_without_images_are_told() {
    let folder = tempdir().unwrap();
    let output = train(folder.path(), &["--profile", "native", "--input-size", "16", "--steps", "1"]).code(0);
    assert!(output.stderr.contains("images of 16 px are smaller than the stride"), "{}", output.stderr);
    let few = train(folder.path(), &["--limit-train", "4", "--batch-size", "4", "--steps", "1"]).code(0);
    assert!(few.stderr.contains("note: the 4 training images are of "), "{}", few.stderr);
}

#[test]
fn a_training_set_of_one_class_is_refused() {
    let folder = tempdir().unwrap();
    pictures::folder(&folder.path().join("data"), &["only"], 20, 4);
    train(folder.path(), &["--dataset", "folder:data", "--steps", "1"]).refused(&["one class", "only"]);
    assert!(runs(folder.path()).is_empty());
}

#[test]
fn the_work_goes_on_where_nobody_listens() {
    let folder = tempdir().unwrap();
    let mut command = command::zoo(folder.path(), &command::small(&["--epochs", "2"]));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // As `2>&1 | head -1` does.
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    drop(child.stdout.take());
    assert!(!line.is_empty());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for (stdout, stderr, code) in [(Stdio::null(), full().into(), 0), (full().into(), Stdio::null(), 1)] {
        let mut command = command::zoo(folder.path(), &command::small(&["--steps", "2"]));
        let status = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).status().unwrap();
        assert_eq!(status.code(), Some(code));
    }
    let statuses: Vec<String> = accuracy(folder.path()).rows.into_iter().map(|row| row["status"].clone()).collect();
    assert_eq!(statuses, ["done"; 3]);
}

#[test]
fn what_a_run_came_to_is_on_standard_output_unless_it_is_quiet() {
    let folder = tempdir().unwrap();
    let output = train(folder.path(), &["--steps", "2"]).code(0);
    let text = output.text();
    assert!(text.lines().count() == 1 && text.contains(" % top-1 in "), "{text}");
    assert!(
        output.stderr.starts_with("measuring the speed of a step and of an evaluation first\n"),
        "{}",
        output.stderr
    );
    let quiet = train(folder.path(), &["--steps", "2", "--quiet"]).code(0);
    assert_eq!((quiet.text(), quiet.stderr), (String::new(), String::new()));
}

#[test]
fn what_rules_out_each_other_is_wrong_usage() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--unfreeze-every", "1"]).misused(&["--unfreeze-every", "--freeze"]);
    train(folder.path(), &["--allow-partial"]).misused(&["--allow-partial", "--weights"]);
    train(folder.path(), &["--steps", "3", "--warmup-steps", "4"]).misused(&["--warmup-steps", "--steps"]);
    train(folder.path(), &["--width", "inf"]).misused(&["--width", "inf"]);
    std::fs::write(folder.path().join("my.toml"), "[schedule]\nepochs = 1\nsteps = 3\n").unwrap();
    train(folder.path(), &["--config", "my.toml"]).misused(&["my.toml", "`epochs` and `steps` exclude each other"]);
    run(folder.path(), &["train", "--model", "mobilenet-v9"]).misused(&["mobilenet-v9"]);
    run(folder.path(), &["train"]).misused(&["--model"]);
    assert!(runs(folder.path()).is_empty());
}

#[test]
fn a_budget_that_evaluation_uses_up_is_refused_with_what_would_do() {
    let folder = tempdir().unwrap();
    let output = train(folder.path(), &["--budget", "1s", "--limit-test", "20000"]);
    output.misused(&["--budget 1s is too short", "an evaluation", "give --budget ", "--limit-test"]);
    assert!(runs(folder.path()).is_empty());
}

#[test]
fn a_model_needs_no_flag_and_a_run_is_named_by_what_it_is() {
    let folder = tempdir().unwrap();
    let more =
        "--dataset synthetic --limit-train 32 --limit-test 8 --batch 16 --lr 0.02 --steps 1 --threads 1 --width 0.5";
    let flags: Vec<&str> = ["train", "mobilenet-v3-small-0.35"].into_iter().chain(more.split(' ')).collect();
    run(folder.path(), &flags).code(0);
    assert_eq!(runs(folder.path()), ["mobilenet-v3-small-0.35-width0.5-stem1-32px-seed0"]);
    let config = std::fs::read_to_string(run_folder(folder.path()).join("config.toml")).unwrap();
    assert!(config.contains("batch_size = 16\n") && config.contains("learning_rate = 0.02\n"), "{config}");
    // The width of the variant is no other.
    let again = tempdir().unwrap();
    train(again.path(), &["--width", "0.35", "--steps", "1"]).code(0);
    assert_eq!(runs(again.path()), ["mobilenet-v3-small-0.35-stem1-32px-seed0"]);
}

#[test]
fn paths_are_kept_absolute_and_a_tilde_is_the_home() {
    let folder = trained(&["--steps", "1"]);
    std::fs::copy(run_folder(folder.path()).join("last.safetensors"), folder.path().join("my.safetensors")).unwrap();
    let flags = ["--steps", "1", "--weights", "~/my.safetensors", "--results", "~/tuned", "--threads", "1"];
    let data = ["--dataset", "synthetic", "--limit-train", "32", "--limit-test", "8", "--batch-size", "16"];
    let elsewhere = tempdir().unwrap();
    let mut command = command::zoo(elsewhere.path(), &[&flags[..], &data].concat());
    let output = command.env("HOME", folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tuned = std::fs::read_dir(folder.path().join("tuned")).unwrap().map(|entry| entry.unwrap().path());
    let config =
        std::fs::read_to_string(tuned.filter(|path| path.is_dir()).last().unwrap().join("config.toml")).unwrap();
    let kept = config.lines().find(|line| line.starts_with("weights = ")).unwrap();
    assert!(kept.starts_with("weights = \"/") && kept.ends_with("my.safetensors\""), "{kept}");
}
