//! Runs that are stopped or killed go on as if they had not been.

#[path = "common/command.rs"]
mod command;
#[path = "common/runs.rs"]
mod runs;

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use command::{assert_same_tensors, csv, run, run_folder, small, train};
use runs::{CHECKPOINTS, FLAGS, assert_same_end, interrupted, start, statuses, straight, wait_for_checkpoints};
use tempfile::{TempDir, tempdir};

fn at_random(below: u64) -> u64 {
    RandomState::new().hash_one(below) % below
}

/// Starts a run and kills it with no warning some time after a checkpoint.
fn killed_at_random() -> TempDir {
    // A run that was faster than its killer proves nothing.
    for _ in 0..5 {
        let folder = tempdir().unwrap();
        let mut child = start(folder.path(), &FLAGS);
        let (checkpoints, delay) = (1 + at_random(CHECKPOINTS - 2), Duration::from_micros(at_random(40_000)));
        if wait_for_checkpoints(&mut child, folder.path(), checkpoints) {
            std::thread::sleep(delay);
            child.kill().unwrap();
            if child.wait().unwrap().code().is_none() {
                println!("killed {delay:?} after checkpoint {checkpoints}");
                return folder;
            }
        }
    }
    panic!("five runs ended before they could be killed");
}

/// Kills until a run has been killed so often.
const KILLS: usize = 20;

/// Steps of the run that is killed so often: twice what the kills leave room for.
const STEPS: u64 = 400;

/// Files of the run in `folder` that are half written.
fn half_written(folder: &Path) -> usize {
    let files = fs::read_dir(run_folder(folder)).unwrap().flatten();
    files.filter(|file| file.path().extension().is_some_and(|extension| extension == "partial")).count()
}

/// Goes on with a run for some steps and kills it at any moment, or within a write; says whether it was still there to be
/// killed. By steps and not by time: on a fast machine the run would be over.
fn kill(folder: &Path, flags: &[&str], within_a_write: bool) -> bool {
    let mut child = start(folder, flags);
    if wait_for_checkpoints(&mut child, folder, 2 + at_random(STEPS / KILLS as u64 / 2)) {
        if within_a_write {
            command::wait_until(&mut child, || half_written(folder) > 0);
        } else {
            std::thread::sleep(Duration::from_micros(at_random(20_000)));
        }
    }
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

#[test]
fn a_run_killed_at_twenty_moments_goes_on_to_the_same_bits() {
    // Every step is saved, so that many moments are within a write.
    let steps = STEPS.to_string();
    let more = ["--steps", &steps, "--checkpoint-every", "1", "--resume", "auto"];
    let flags = [&FLAGS[4..], &more].concat();
    let straight = tempdir().unwrap();
    train(straight.path(), &flags).code(0);
    let folder = tempdir().unwrap();
    let (mut kills, mut torn) = (0, 0);
    while kills < KILLS && kill(folder.path(), &flags, kills % 2 == 1) {
        kills += 1;
        torn += usize::from(half_written(folder.path()) > 0);
        let run = run_folder(folder.path());
        for name in ["last.safetensors", "best.safetensors"] {
            if run.join(name).exists() {
                command::tensors(&run.join(name));
            }
        }
    }
    println!("killed {kills} times, {torn} of them within a write");
    assert_eq!(kills, KILLS, "the run ended too soon");
    assert!(torn > 0, "no kill was within a write");
    train(folder.path(), &flags).code(0);
    assert_same_end(straight.path(), folder.path());
    assert_eq!(statuses(folder.path()), ["done"]);
}

#[test]
fn a_fine_tuning_run_that_was_killed_goes_on_to_the_same_bits() {
    let from = tempdir().unwrap();
    train(from.path(), &["--steps", "3"]).code(0);
    let weights = run_folder(from.path()).join("best.safetensors");
    let tuning = ["--weights", weights.to_str().unwrap(), "--freeze", "backbone", "--unfreeze-every", "1"];
    // Adam's steps depend on how many each parameter has had.
    let recipe = FLAGS.map(|flag| if flag == "rmsprop" { "adamw" } else { flag });
    let flags = [&recipe[..], &tuning, &["--backbone-lr-scale", "0.5"]].concat();
    let straight = tempdir().unwrap();
    train(straight.path(), &flags).code(0);
    let folder = tempdir().unwrap();
    let mut child = start(folder.path(), &flags);
    assert!(wait_for_checkpoints(&mut child, folder.path(), 4), "it ended before it could be killed");
    child.kill().unwrap();
    child.wait().unwrap();
    let output = train(folder.path(), &[&flags[..], &["--resume", "auto"]].concat()).code(0);
    assert!(output.stderr.contains("continuing from step"), "{}", output.stderr);
    assert_same_end(straight.path(), folder.path());
}

#[test]
fn a_run_that_is_killed_twice_and_resumed_by_its_folder_goes_on_to_the_same_bits() {
    let straight = straight();
    let folder = killed_at_random();
    let path = run_folder(folder.path());
    let resume = [&FLAGS[..], &["--resume", path.to_str().unwrap()]].concat();
    let mut child = start(folder.path(), &resume);
    wait_for_checkpoints(&mut child, folder.path(), 2);
    child.kill().unwrap();
    child.wait().unwrap();
    train(folder.path(), &resume).code(0);
    assert_same_end(straight.path(), folder.path());
}

#[test]
fn ctrl_c_saves_and_the_run_goes_on_to_the_same_bits() {
    let straight = straight();
    let folder = interrupted("INT");
    let row = csv(&folder.path().join("results/accuracy.csv")).rows.remove(0);
    assert_eq!(row["status"], "interrupted");
    // Of the network and not of the images that grow.
    assert_eq!(row["input_size"], "32");
    let steps: u64 = row["steps"].parse().unwrap();
    assert!((5..45).contains(&steps), "{steps} steps");
    let output = train(folder.path(), &[&FLAGS[..], &["--resume", "auto"]].concat()).code(0);
    assert!(output.stderr.contains(&format!("continuing from step {steps} ")), "{}", output.stderr);
    assert_same_end(straight.path(), folder.path());
    assert_eq!(statuses(folder.path()), ["done"]);
}

/// Starts a run, waits until it says `words`, and asks it to stop a little later.
fn interrupted_after(folder: &Path, flags: &[&str], words: &str) {
    let mut command = command::zoo(folder, &small(flags));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    for line in lines.map(Result::unwrap) {
        if line.contains(words) {
            std::thread::sleep(Duration::from_millis(150));
            command::signal(&child, "TERM");
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(75), "{words}");
}

#[test]
fn a_run_that_is_stopped_twice_in_its_last_evaluation_goes_on_to_the_same_bits() {
    // Three steps and an evaluation of seconds.
    let flags = ["--steps", "3", "--limit-test", "20000", "--ema-decay", "0.9", "--resume", "auto"];
    let straight = tempdir().unwrap();
    train(straight.path(), &flags).code(0);
    let folder = tempdir().unwrap();
    let mut child = start(folder.path(), &[&flags[..], &["--checkpoint-every", "1"]].concat());
    assert!(wait_for_checkpoints(&mut child, folder.path(), 2), "it ended before its third step");
    std::thread::sleep(Duration::from_millis(300));
    command::signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(75));
    interrupted_after(folder.path(), &flags, "continuing from step 3");
    interrupted_after(folder.path(), &flags, "continuing from step 3");
    train(folder.path(), &flags).code(0);
    assert_same_end(straight.path(), folder.path());
    assert_eq!(statuses(folder.path()), ["done"]);
}

#[test]
fn a_full_disk_is_named_with_what_was_kept() {
    let folder = tempdir().unwrap();
    let mut child = start(folder.path(), &FLAGS);
    assert!(wait_for_checkpoints(&mut child, folder.path(), 2), "it ended too soon");
    child.kill().unwrap();
    child.wait().unwrap();
    let run = run_folder(folder.path());
    let kept = fs::read(run.join("last.safetensors")).unwrap();
    let _ = fs::remove_file(run.join("last.safetensors.partial"));
    // Every write there fails as on a disk without room.
    std::os::unix::fs::symlink("/dev/full", run.join("last.safetensors.partial")).unwrap();
    let output = train(folder.path(), &[&FLAGS[..], &["--resume", "auto"]].concat());
    let output = output.refused(&["last.safetensors", "No space left on device"]);
    assert!(output.stderr.contains("the last good checkpoint is"), "{}", output.stderr);
    assert_eq!(fs::read(run.join("last.safetensors")).unwrap(), kept);
    let _ = fs::remove_file(run.join("last.safetensors.partial"));
    let straight = straight();
    train(folder.path(), &[&FLAGS[..], &["--resume", "auto"]].concat()).code(0);
    assert_same_end(straight.path(), folder.path());
}

#[test]
fn a_polite_kill_saves_as_ctrl_c_does() {
    let folder = interrupted("TERM");
    assert_eq!(statuses(folder.path()), ["interrupted"]);
    train(folder.path(), &[&FLAGS[..], &["--resume", "auto"]].concat()).code(0);
    assert_eq!(statuses(folder.path()), ["done"]);
}

#[test]
fn a_run_that_went_back_and_was_killed_goes_on_to_the_same_bits() {
    let flags = ["--steps", "30", "--learning-rate", "100", "--on-nan", "rollback", "--checkpoint-every", "2"];
    let straight = tempdir().unwrap();
    let end = train(straight.path(), &flags).code;
    let folder = tempdir().unwrap();
    let mut command = command::zoo(folder.path(), &small(&flags));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("going back to step")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(train(folder.path(), &[&flags[..], &["--resume", "auto"]].concat()).code, end);
    let last = |folder: &TempDir| run_folder(folder.path()).join("last.safetensors");
    assert_same_tensors(&last(&straight), &last(&folder));
}

#[test]
fn resume_auto_starts_anew_where_nothing_fits() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--steps", "2", "--resume", "auto"]).code(0);
    // Finished runs and runs of other settings are none to go on with.
    train(folder.path(), &["--steps", "2", "--resume", "auto"]).code(0);
    train(folder.path(), &["--steps", "2", "--seed", "1", "--resume", "auto"]).code(0);
    assert_eq!(statuses(folder.path()), ["done"; 3]);
    let interrupted = interrupted("INT");
    train(interrupted.path(), &[&FLAGS[..], &["--seed", "1", "--resume", "auto"]].concat()).code(0);
    assert_eq!(fs::read_dir(interrupted.path().join("results")).unwrap().count(), 3);
}

#[test]
fn a_run_that_ended_without_its_row_gets_it_from_where_it_stands() {
    for by_path in [true, false] {
        let folder = tempdir().unwrap();
        train(folder.path(), &FLAGS).code(0);
        let run = run_folder(folder.path());
        let before = fs::read(run.join("last.safetensors")).unwrap();
        // As after a kill between the last checkpoint and the row, or on a disk without room for it.
        fs::remove_file(folder.path().join("results/accuracy.csv")).unwrap();
        let resume = ["--resume", if by_path { run.to_str().unwrap() } else { "auto" }];
        train(folder.path(), &[&FLAGS[..], &resume].concat()).code(0);
        assert_eq!(statuses(folder.path()), ["done"]);
        assert!(fs::read(run.join("last.safetensors")).unwrap() == before);
        let again = train(folder.path(), &[&FLAGS[..], &["--resume", run.to_str().unwrap()]].concat());
        again.refused(&["has ended, after 45 steps"]);
    }
}

#[test]
fn a_run_that_has_its_row_has_ended_without_its_last_checkpoint() {
    let folder = tempdir().unwrap();
    train(folder.path(), &["--epochs", "2"]).code(0);
    let run = run_folder(folder.path());
    // A best one of before the end stands in for it.
    fs::remove_file(run.join("last.safetensors")).unwrap();
    let resume = ["--epochs", "2", "--resume", run.to_str().unwrap()];
    train(folder.path(), &resume).refused(&["has ended"]);
    train(folder.path(), &["--epochs", "2", "--resume", "auto"]).code(0);
    assert_eq!(statuses(folder.path()), ["done", "done"]);
    assert_eq!(fs::read_dir(folder.path().join("results")).unwrap().count(), 3);
}

#[test]
fn a_folder_that_may_not_be_written_to_is_named_with_what_was_kept() {
    let folder = interrupted("INT");
    let run = run_folder(folder.path());
    let kept = fs::read(run.join("last.safetensors")).unwrap();
    // Root may write anywhere; where a folder is in the way, nobody can write the settings.
    fs::create_dir(run.join("config.partial")).unwrap();
    let output = train(folder.path(), &[&FLAGS[..], &["--resume", "auto"]].concat());
    let output = output.refused(&["config.toml"]);
    assert!(output.stderr.contains("the last good checkpoint is"), "{}", output.stderr);
    assert!(fs::read(run.join("last.safetensors")).unwrap() == kept);
}

#[test]
fn a_resume_by_path_has_the_data_and_settings_of_its_run() {
    let straight = straight();
    let folder = interrupted("INT");
    let path = run_folder(folder.path());
    // Nothing but what is resumed is said; all else is in the checkpoint.
    run(folder.path(), &["--resume", path.to_str().unwrap(), "--results", "results", "--threads", "1"]).code(0);
    assert_same_end(straight.path(), folder.path());
}

#[test]
fn a_resume_by_path_does_not_mix_in_another_seed() {
    let straight = straight();
    let folder = interrupted("INT");
    let path = run_folder(folder.path());
    let output = train(folder.path(), &[&FLAGS[..], &["--seed", "9", "--resume", path.to_str().unwrap()]].concat());
    if output.code != 0 {
        output.refused(&["--seed"]);
        return;
    }
    assert_same_end(straight.path(), folder.path());
}

#[test]
fn ctrl_c_while_the_speed_is_measured_ends_at_once_and_leaves_nothing() {
    let folder = tempdir().unwrap();
    // Steps of seconds.
    let slow = ["--input-size", "224", "--batch-size", "128", "--limit-train", "128", "--steps", "3"];
    let mut command = command::zoo(folder.path(), &small(&slow));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("measuring the speed")));
    command::signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let rest: Vec<String> = lines.collect();
    assert_eq!(rest, ["stopped before there was anything to save"]);
    let left: Vec<_> = fs::read_dir(folder.path().join("results")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_resume_says_why_it_starts_anew_and_what_has_changed() {
    let folder = tempdir().unwrap();
    let said = |flags: &[&str]| train(folder.path(), flags).code(0).stderr;
    let auto = ["--steps", "2", "--resume", "auto"];
    assert!(said(&auto).contains("--resume auto: there is no run in results yet"));
    assert!(said(&auto).contains("has these settings, but has ended; a new run is started"));
    let other = said(&[&auto[..], &["--learning-rate", "0.02"]].concat());
    assert!(other.contains("has learning_rate = 0.05, not 0.02; a new run is started"), "{other}");
    let more = said(&[&auto[..], &["--learning-rate", "0.03", "--seed", "4"]].concat());
    assert!(more.contains(" and another difference; a new run"), "{more}");

    let interrupted = interrupted("INT");
    let threads = [&FLAGS[..], &["--threads", "2", "--resume", "auto"]].concat();
    let resumed = train(interrupted.path(), &threads).code(0);
    assert!(
        resumed.stderr.contains("note: trained on 1 thread until now, and on 2 from here on"),
        "{}",
        resumed.stderr
    );
}
