//! What a recipe can ask for: optimizers, schedules, averages, accumulation, and what happens when a run goes wrong.

#[path = "common/command.rs"]
mod command;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use command::{csv, metrics, run, run_folder, tensors, train};
use tempfile::{TempDir, tempdir};

#[track_caller]
fn trained(flags: &[&str]) -> TempDir {
    let folder = tempdir().unwrap();
    train(folder.path(), flags).code(0);
    folder
}

fn row(folder: &Path) -> std::collections::BTreeMap<String, String> {
    csv(&folder.join("results/accuracy.csv")).rows.remove(0)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

/// The largest difference between tensors of that name in two checkpoints, and the largest number there.
fn difference(one: &Path, other: &Path, name: &str) -> (f32, f32) {
    let [one, other] = [one, other].map(|run| floats(&tensors(&run_folder(run).join("last.safetensors"))[name].1));
    let largest = |numbers: &mut dyn Iterator<Item = f32>| numbers.fold(0.0, |a, b| f32::max(a, b.abs()));
    (largest(&mut one.iter().zip(&other).map(|(a, b)| a - b)), largest(&mut one.iter().copied()))
}

#[test]
fn every_optimizer_learns() {
    for (optimizer, rate) in [("sgd", "0.1"), ("rmsprop", "0.003"), ("adamw", "0.005"), ("lamb", "0.02")] {
        let data =
            ["--model", "mobilenet-v2-0.35", "--limit-train", "640", "--limit-test", "100", "--batch-size", "32"];
        let recipe = ["--optimizer", optimizer, "--learning-rate", rate, "--steps", "100"];
        let folder = trained(&[&data[..], &recipe].concat());
        let top1: f64 = row(folder.path())["top1"].parse().unwrap();
        println!("{optimizer}: {top1} %");
        assert!(top1 > 30.0, "{optimizer}: {top1} % of 10 classes");
    }
}

/// With frozen statistics a batch in pieces is the same sum; norms of batches would differ.
#[test]
fn a_batch_in_pieces_gives_the_same_step() {
    let flags = ["--steps", "4", "--freeze-statistics", "--dropout", "0", "--learning-rate", "0.01"];
    let whole = trained(&flags);
    // 16 images in pieces of 5, 5, 5 and 1.
    let pieces = trained(&[&flags[..], &["--micro-batch", "5"]].concat());
    for name in ["stem.conv.weight", "head.conv.weight"] {
        let (difference, largest) = difference(whole.path(), pieces.path(), name);
        assert!(difference < 1e-4 * largest, "{name}: {difference} of {largest}");
    }
    let losses = [&whole, &pieces].map(|folder| metrics(&run_folder(folder.path()))[0]["train_loss"].clone());
    assert_eq!(losses[0], losses[1]);
}

/// MiB that the process may take: too few for the whole batch, enough for half or a quarter of it.
#[cfg(target_os = "linux")]
const MEMORY: u64 = 1600;

/// The system refuses more here; where it lends what it does not have, it ends the process instead.
#[test]
#[cfg(target_os = "linux")]
fn a_batch_that_memory_does_not_hold_is_computed_in_pieces() {
    let data = ["--input-size", "224", "--batch-size", "128", "--limit-train", "256", "--limit-test", "16"];
    let flags = command::small(&[&data[..], &["--steps", "2", "--workers", "1"]].concat());
    let limited = format!("ulimit -d {}; exec \"$0\" \"$@\"", MEMORY * 1024);
    let attempt = || {
        let folder = tempdir().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &limited, env!("CARGO_BIN_EXE_zoo-train")]).args(&flags).current_dir(folder.path());
        let output = shell.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (folder, output.status.success(), said)
    };
    // On a busy machine the next batch may be prepared when the network takes most; that its thread has no memory then is
    // another matter, and ends the process.
    let mut attempts = std::iter::repeat_with(attempt).take(4);
    let (folder, success, said) = attempts.find(|(.., said)| !said.contains("memory allocation of")).unwrap();
    assert!(success && said.contains("out of memory: batches of 128 are computed"), "{said}");
    assert_eq!(row(folder.path())["status"], "done");
    let config = fs::read_to_string(run_folder(folder.path()).join("config.toml")).unwrap();
    assert!(config.contains("\nbatch_size = 128\n") && config.contains("\nmicro_batch = "), "{config}");
}

#[test]
fn clipped_gradients_take_small_steps() {
    let flags = [
        "--steps",
        "1",
        "--warmup-steps",
        "0",
        "--learning-rate",
        "1",
        "--weight-decay",
        "0",
        "--schedule",
        "constant",
    ];
    let start = trained(&[&flags[..], &["--clip-value", "1e-30"]].concat());
    for (clip, most) in [(["--clip-norm", "0.001"], 0.0021), (["--clip-value", "0.0001"], 0.00021)] {
        let clipped = trained(&[&flags[..], &clip].concat());
        // Nesterov's first step is 1 + 0.9 times the gradient.
        let (moved, _) = difference(start.path(), clipped.path(), "stem.conv.weight");
        assert!(moved > 0.0 && moved < most, "{clip:?}: {moved}");
    }
}

#[test]
fn schedules_fall_as_they_are_named() {
    let rate = |flags: &[&str]| {
        let flags = [&["--steps", "20", "--warmup-steps", "0", "--learning-rate", "0.01"], flags].concat();
        let rows = metrics(&run_folder(trained(&flags).path()));
        rows.iter().map(|row| row["learning_rate"].parse::<f64>().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(rate(&["--schedule", "constant"]), [0.01, 0.01]);
    assert_eq!(rate(&["--schedule", "step", "--decay-rate", "0.5", "--decay-epochs", "1"]), [0.01, 0.005]);
    let even = rate(&["--schedule", "exponential", "--decay-rate", "0.5", "--decay-epochs", "2"]);
    assert!((even[1] - 0.01 * 0.5f64.powf(19.0 / 20.0)).abs() < 1e-6, "{even:?}");
    let folder = tempdir().unwrap();
    train(folder.path(), &["--schedule", "step", "--decay-rate", "0.5"]).misused(&["--decay-epochs"]);
}

#[test]
fn an_average_is_kept_scored_and_used() {
    let folder = trained(&["--steps", "30", "--ema-decay", "0.5", "--learning-rate", "0.05"]);
    let found = row(folder.path());
    let run_path = run_folder(folder.path());
    let last = metrics(&run_path).pop().unwrap();
    assert_eq!((&found["top1"], &found["top1_ema"]), (&last["test_top1"], &last["test_top1_ema"]));
    let checkpoint = tensors(&run_path.join("last.safetensors"));
    assert!(checkpoint.keys().any(|name| name == "ema.stem.norm.running_mean"));
    assert_ne!(checkpoint["ema.stem.conv.weight"], checkpoint["stem.conv.weight"]);
    let weights = run_path.join("last.safetensors");
    let evaluate = |more: &[&str]| {
        let flags = ["eval", "--weights", weights.to_str().unwrap(), "--format", "json", "--threads", "1"];
        let output = run(folder.path(), &[&flags[..], more].concat()).code(0);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let percent = |value: &serde_json::Value| format!("{:.2}", value["top1"].as_f64().unwrap());
    assert_eq!(percent(&evaluate(&["--ema", "false"])), found["top1"]);
    assert_eq!(percent(&evaluate(&["--ema"])), found["top1_ema"]);
    let better = found["top1_ema"].parse::<f64>().unwrap() >= found["top1"].parse().unwrap();
    assert_eq!(evaluate(&[])["averaged_weights"], better);
}

#[test]
fn an_average_of_few_steps_is_said_to_be_cold() {
    let folder = tempdir().unwrap();
    let output = train(folder.path(), &["--steps", "3", "--ema-decay", "0.999"]).code(0);
    assert!(output.stderr.contains("the EMA is still warming up"), "{}", output.stderr);
    let run_path = run_folder(folder.path());
    let warm = train(folder.path(), &["--steps", "30", "--ema-decay", "0.5"]).code(0);
    assert!(!warm.stderr.contains("cold"), "{}", warm.stderr);
    let without = trained(&["--steps", "2"]);
    let weights = run_folder(without.path()).join("best.safetensors");
    run(without.path(), &["eval", "--weights", weights.to_str().unwrap(), "--ema"]).refused(&["--ema"]);
    assert!(run_path.exists());
}

#[test]
fn a_loss_that_is_no_number_names_its_images() {
    let folder = tempdir().unwrap();
    let output = train(folder.path(), &["--steps", "20", "--learning-rate", "100", "--seed", "7"]).code(42);
    let run_path = run_folder(folder.path());
    let lists = fs::read_dir(&run_path).unwrap().map(|entry| entry.unwrap().path());
    let list = lists.into_iter().find(|path| path.to_string_lossy().contains("non-finite-")).unwrap();
    let images: Vec<String> = csv(&list).rows.into_iter().map(|mut row| row.remove("image").unwrap()).collect();
    assert_eq!(images.len(), 16);
    assert!(images.iter().all(|image| image.parse::<u32>().unwrap() < 160));
    let named = format!("of seed 7, on images {}, {}", images[0], images[1]);
    assert!(output.stderr.contains(&named), "no `{named}` in {}", output.stderr);
}

#[test]
fn a_run_goes_back_and_on_with_half_the_rate() {
    let folder = tempdir().unwrap();
    let flags = ["--steps", "20", "--learning-rate", "100", "--on-nan", "rollback", "--checkpoint-every", "2"];
    let output = train(folder.path(), &flags);
    assert!(output.stderr.contains("going back to step "), "{}", output.stderr);
    assert!(output.stderr.contains("with the learning rate times 0.5"), "{}", output.stderr);
    assert!([0, 42].contains(&output.code), "{}", output.stderr);
}

#[test]
fn a_run_that_gets_no_better_stops_early() {
    let folder = tempdir().unwrap();
    // At such a rate nothing changes.
    let flags = ["--epochs", "20", "--learning-rate", "1e-12", "--patience", "2", "--freeze-statistics"];
    train(folder.path(), &flags).code(0);
    let found = row(folder.path());
    assert_eq!((found["status"].as_str(), found["epochs"].as_str()), ("stopped early", "3.000"));
    let path = run_folder(folder.path());
    train(folder.path(), &[&flags[..], &["--resume", path.to_str().unwrap()]].concat()).refused(&["has ended"]);
}

#[test]
fn the_best_checkpoints_are_kept() {
    let folder = trained(&["--epochs", "5", "--keep", "2", "--learning-rate", "0.05"]);
    let path = run_folder(folder.path());
    let mut kept: Vec<String> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("step-"))
        .collect();
    kept.sort();
    let mut rows = metrics(&path);
    let score = |row: &std::collections::BTreeMap<String, String>| row["test_top1"].parse::<f64>().unwrap();
    // Of equals the earlier ones.
    rows.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let mut best: Vec<String> = rows[..2].iter().map(|row| format!("step-{:0>8}.safetensors", row["step"])).collect();
    best.sort();
    assert_eq!(kept, best);
}

#[test]
fn evaluations_come_as_often_as_asked_and_at_the_end() {
    let folder = trained(&["--epochs", "5", "--evaluate-every", "2"]);
    let steps: Vec<String> = metrics(&run_folder(folder.path())).iter().map(|row| row["step"].clone()).collect();
    assert_eq!(steps, ["20", "40", "50"]);
}

#[test]
fn seeds_are_repeated_and_their_mean_is_said() {
    let folder = tempdir().unwrap();
    let output = train(folder.path(), &["--steps", "3", "--seed", "4", "--repeat", "2"]).code(0);
    let rows = csv(&folder.path().join("results/accuracy.csv")).rows;
    assert_eq!(rows.iter().map(|row| row["seed"].as_str()).collect::<Vec<_>>(), ["4", "5"]);
    let mean = rows.iter().map(|row| row["top1"].parse::<f64>().unwrap()).sum::<f64>() / 2.0;
    assert!(output.text().contains(&format!("2 seeds: {mean:.2} ± ")), "{}", output.text());
}

#[test]
fn seeds_that_have_ended_are_not_repeated_where_a_repeat_is_resumed() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "3", "--seed", "4"]).code(0);
    let run = run_folder(folder.path());
    let flags = ["--steps", "3", "--seed", "4", "--repeat", "2", "--resume"];
    let output = train(folder.path(), &[&flags[..], &["auto"]].concat()).code(0);
    let rows = csv(&folder.path().join("results/accuracy.csv")).rows;
    assert_eq!(rows.iter().map(|row| row["seed"].as_str()).collect::<Vec<_>>(), ["4", "5"]);
    let mean = rows.iter().map(|row| row["top1"].parse::<f64>().unwrap()).sum::<f64>() / 2.0;
    assert!(output.text().contains(&format!("2 seeds: {mean:.2} ± ")), "{}", output.text());
    train(folder.path(), &[&flags[..], &[run.to_str().unwrap()]].concat()).refused(&["--repeat", "--resume auto"]);
}

#[test]
fn images_grow_over_the_run() {
    let folder = trained(&["--steps", "20", "--input-size-from", "16"]);
    let found = row(folder.path());
    assert_eq!((found["input_size"].as_str(), found["status"].as_str()), ("32", "done"));
    let plain = trained(&["--steps", "20"]);
    assert_eq!(row(plain.path())["macs"], found["macs"]);
    assert_ne!(row(plain.path())["config_hash"], found["config_hash"]);
    train(folder.path(), &["--input-size-from", "33"]).refused(&["--input-size-from"]);
}

#[test]
fn a_test_time_flip_is_told_and_repeated_by_eval() {
    let folder = trained(&["--steps", "20", "--test-time-flip", "--learning-rate", "0.05"]);
    let found = row(folder.path());
    assert_eq!(found["test_time_flip"], "true");
    let weights = run_folder(folder.path()).join("last.safetensors");
    let flags =
        ["eval", "--weights", weights.to_str().unwrap(), "--format", "json", "--threads", "1", "--test-time-flip"];
    let output = run(folder.path(), &flags).code(0);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(format!("{:.2}", json["top1"].as_f64().unwrap()), found["top1"]);
}

#[test]
fn sixteen_bits_train_and_are_told() {
    let folder = trained(&["--steps", "10", "--precision", "bf16"]);
    let found = row(folder.path());
    assert_eq!((found["dtype"].as_str(), found["status"].as_str()), ("bf16", "done"));
    let plain = trained(&["--steps", "10"]);
    let losses = [&folder, &plain].map(|run| metrics(&run_folder(run.path()))[0]["train_loss"].clone());
    assert_ne!(losses[0], losses[1]);
}

/// Every shipped recipe is one that a run accepts, and says what its paper says where that is not the default.
#[test]
fn shipped_recipes_are_accepted() {
    let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");
    let mut seen = 0;
    for entry in fs::read_dir(configs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") || path.to_string_lossy().contains("finetune") {
            continue;
        }
        seen += 1;
        let text = fs::read_to_string(&path).unwrap();
        let model: &[&str] = if text.contains("\nmodel = ") { &[] } else { &["--model", "mobilenet-v2"] };
        let folder = tempdir().unwrap();
        let small = ["--dataset", "synthetic", "--limit-train", "32", "--limit-test", "4", "--batch-size", "16"];
        // At the papers' rates so small a batch diverges.
        let rate = ["--learning-rate", "1e-4"];
        let quick =
            ["--input-size", "32", "--steps", "2", "--micro-batch", "8", "--threads", "1", "--warmup-steps", "0"];
        let config = ["--config", path.to_str().unwrap(), "--results", "results"];
        run(folder.path(), &[&config[..], model, &small, &quick, &rate].concat()).code(0);
        assert_eq!(row(folder.path())["status"], "done", "{}", path.display());
    }
    assert!(seen >= 6, "{seen} recipes");
}
