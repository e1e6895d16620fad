//! Which checkpoint a run goes on from, and which are refused.

#[path = "common/command.rs"]
mod command;
#[path = "common/runs.rs"]
mod runs;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use command::{assert_same_tensors, run_folder, small, train};
use runs::{FLAGS, assert_same_end, interrupted, start, statuses, straight, wait_for_checkpoints};
use tch::Tensor;
use tempfile::tempdir;
use zoo_core::weights::{TensorFile, write_safetensors};

/// The names of the checkpoints that `--keep` keeps.
fn kept(run: &Path) -> Vec<String> {
    let names = fs::read_dir(run).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut kept: Vec<String> = names.filter(|name| name.starts_with("step-")).collect();
    kept.sort();
    kept
}

#[test]
fn a_resume_from_a_checkpoint_that_is_kept_leaves_it_as_it_is() {
    let flags = [&FLAGS[4..], &["--steps", "45", "--keep", "2"]].concat();
    let folder = tempdir().unwrap();
    let mut child = start(folder.path(), &flags);
    assert!(wait_for_checkpoints(&mut child, folder.path(), 3), "it ended too soon");
    child.kill().unwrap();
    child.wait().unwrap();
    let run = run_folder(folder.path());
    let earlier = run.join(&kept(&run)[0]);
    let before = fs::read(&earlier).unwrap();
    let mut command =
        command::zoo(folder.path(), &small(&[&flags[..], &["--resume", earlier.to_str().unwrap()]].concat()));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("continuing from step")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(fs::read(&earlier).unwrap() == before, "{} is another one", earlier.display());
}

#[test]
fn the_checkpoints_that_are_kept_survive_a_kill_before_they_had_their_names() {
    let flags = [&FLAGS[4..], &["--steps", "45", "--keep", "2"]].concat();
    let folder = tempdir().unwrap();
    let mut child = start(folder.path(), &flags);
    assert!(wait_for_checkpoints(&mut child, folder.path(), 1), "it ended too soon");
    child.kill().unwrap();
    child.wait().unwrap();
    let run = run_folder(folder.path());
    // Also where the kill came a little later.
    kept(&run).iter().for_each(|name| fs::remove_file(run.join(name)).unwrap());
    let going_on = [&flags[..], &["--resume", "auto"]].concat();
    let mut child = start(folder.path(), &going_on);
    command::wait_until(&mut child, || !kept(&run).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(kept(&run)[0], "step-00000010.safetensors");
    train(folder.path(), &going_on).code(0);
    let kept = kept(&run);
    assert!(kept.len() == 2 && kept.iter().all(|name| name.ends_with(".safetensors")), "{kept:?}");
}

#[test]
fn a_checkpoint_whose_numbers_cannot_be_is_named_with_the_tensor() {
    let folder = tempdir().unwrap();
    let flags = ["--steps", "4", "--ema-decay", "0.9"];
    train(folder.path(), &flags).code(0);
    let path = run_folder(folder.path()).join("last.safetensors");
    let good = TensorFile::read(&path).unwrap();
    let names: Vec<String> = good.names().map(String::from).collect();
    let of = |start: &str, end: &str| names.iter().find(|name| name.starts_with(start) && name.ends_with(end)).unwrap();
    for (name, factor) in [
        (of("optimizer.", "conv.weight"), f64::NAN),
        (of("optimizer.", "norm.weight"), f64::INFINITY),
        (of("ema.", "running_mean"), f64::NAN),
        (of("ema.", "running_var"), -1.0),
        (of("stem.", "running_var"), -1.0),
    ] {
        let tensors: Vec<(String, Tensor)> = names
            .iter()
            .map(|own| {
                let tensor = good.tensor(own).unwrap();
                // Velocities may be zero, and zero times infinity is no number either.
                (own.clone(), if own == name { (tensor + 1.0) * factor } else { tensor })
            })
            .collect();
        write_safetensors(&folder.path().join("odd.safetensors"), &tensors, &good.metadata).unwrap();
        train(folder.path(), &[&flags[..], &["--resume", "odd.safetensors"]].concat())
            .refused(&["odd.safetensors", &format!("`{name}`")]);
    }
}

#[test]
fn a_checkpoint_that_is_not_whole_is_named() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "2"]).code(0);
    let good = fs::read(run_folder(folder.path()).join("last.safetensors")).unwrap();
    let metadata = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let broken = folder.path().join("broken.safetensors");
    for length in [0, 7, 8, metadata / 2, metadata, good.len() / 2, good.len() - 1] {
        fs::write(&broken, &good[..length]).unwrap();
        train(folder.path(), &["--steps", "2", "--resume", "broken.safetensors"])
            .refused(&["broken.safetensors", "--resume"]);
    }
    fs::write(&broken, [&good[..], &[0]].concat()).unwrap();
    train(folder.path(), &["--steps", "2", "--resume", "broken.safetensors"]).refused(&["broken.safetensors"]);
    train(folder.path(), &["--steps", "2", "--resume", "nowhere"]).refused(&["nowhere"]);
    assert_eq!(statuses(folder.path()), ["done"]);
}

/// Cuts a file in half, beside its other names.
fn cut(path: &Path) {
    let whole = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    fs::write(path, &whole[..whole.len() / 2]).unwrap();
}

#[test]
fn where_the_newest_checkpoint_is_not_whole_or_not_there_the_best_one_goes_on() {
    let straight = straight();
    for is_there in [true, false] {
        let folder = interrupted("INT");
        let run = run_folder(folder.path());
        let last = run.join("last.safetensors");
        cut(&last);
        if !is_there {
            fs::remove_file(&last).unwrap();
        }
        let by_path = is_there.then(|| run.to_str().unwrap().to_string());
        let resume = ["--resume", by_path.as_deref().unwrap_or("auto")];
        let output = train(folder.path(), &[&FLAGS[..], &resume].concat()).code(0);
        assert!(output.stderr.contains("continuing from step"), "{}", output.stderr);
        assert_eq!(output.stderr.contains("; continuing from "), is_there, "{}", output.stderr);
        assert_same_end(straight.path(), folder.path());
    }
}

#[test]
fn a_resume_from_an_earlier_checkpoint_gives_up_the_steps_behind_it() {
    let flags = [&FLAGS[4..], &["--steps", "45", "--keep", "9"]].concat();
    let folder = tempdir().unwrap();
    train(folder.path(), &flags).code(0);
    let run = run_folder(folder.path());
    let last = run.join("last.safetensors");
    let (end, earlier) = (fs::read(&last).unwrap(), run.join("step-00000010.safetensors"));
    let mut child = start(folder.path(), &[&flags[..], &["--resume", earlier.to_str().unwrap()]].concat());
    let mut first = Vec::new();
    command::wait_until(&mut child, || {
        first = fs::read(&last).unwrap();
        first != end
    });
    child.kill().unwrap();
    child.wait().unwrap();
    // Before any step, and not only with the next evaluation.
    let stands_at = br#"\"step\":10,"#;
    assert!(first.windows(stands_at.len()).any(|window| window == stands_at), "the newest checkpoint is another one");
    let resumed = train(folder.path(), &[&flags[..], &["--resume", "auto"]].concat()).code(0);
    assert!(resumed.stderr.contains("continuing from step"), "{}", resumed.stderr);
    let straight = tempdir().unwrap();
    train(straight.path(), &flags).code(0);
    assert_same_tensors(&run_folder(straight.path()).join("last.safetensors"), &last);
}

#[test]
fn a_checkpoint_of_another_release_is_refused_and_stays() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "2"]).code(0);
    let last = run_folder(folder.path()).join("last.safetensors");
    let (ours, theirs) = (br#"{\"version\":3"#, br#"{\"version\":9"#);
    let mut bytes = fs::read(&last).unwrap();
    let place = bytes.windows(ours.len()).position(|window| window == ours).expect("the version in the metadata");
    bytes[place..place + ours.len()].copy_from_slice(theirs);
    fs::remove_file(&last).unwrap();
    fs::write(&last, &bytes).unwrap();
    let output = train(folder.path(), &["--steps", "2", "--resume", last.to_str().unwrap()]);
    output.refused(&["last.safetensors", "another release (version 9", "left as it is", "--resume"]);
    assert!(fs::read(&last).unwrap() == bytes);
}

#[test]
fn resume_auto_passes_over_a_checkpoint_that_is_not_whole() {
    let folder = interrupted("INT");
    let run = run_folder(folder.path());
    for name in ["last.safetensors", "best.safetensors"] {
        cut(&run.join(name));
    }
    let output = train(folder.path(), &[&FLAGS[..], &["--resume", "auto"]].concat()).code(0);
    assert!(output.stderr.contains("results in") && output.stderr.contains("that run is skipped"), "{}", output.stderr);
    assert_eq!(statuses(folder.path()), ["interrupted", "done"]);
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let folder = interrupted("INT");
    let path = run_folder(folder.path());
    let before = fs::read(path.join("last.safetensors")).unwrap();
    let path = path.to_str().unwrap();
    // Another table, another width of the same, and a table whose tensors have the same names and shapes.
    for model in ["mobilenet-v2-0.35", "mobilenet-v3-small-0.5", "mobilenet-v3-large-0.35"] {
        train(folder.path(), &["--model", model, "--resume", path]).refused(&["last.safetensors"]);
    }
    assert_eq!(fs::read(Path::new(path).join("last.safetensors")).unwrap(), before);
    assert_eq!(statuses(folder.path()), ["interrupted"]);
}

#[test]
fn a_checkpoint_of_a_model_with_the_same_tensors_is_not_taken_for_it() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--model", "mobilenet-v1-0.25", "--steps", "2"]).code(0);
    let path = run_folder(folder.path());
    let resume = ["--model", "tutorial-mobilenet-v1-0.25", "--resume", path.to_str().unwrap()];
    // The tutorial's pads otherwise, so its logits differ.
    train(folder.path(), &resume).refused(&["mobilenet-v1-0.25", "tutorial-mobilenet-v1-0.25"]);
}
