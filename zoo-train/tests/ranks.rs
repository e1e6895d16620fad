//! Several processes that train one network: what they compute, and what becomes of a run when one of them is lost.

#[path = "common/command.rs"]
mod command;
#[path = "common/pictures.rs"]
mod pictures;
#[path = "common/runs.rs"]
mod runs;

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use command::{Output, assert_same_tensors, csv, run, run_folder, small, tensors, train, zoo};
use runs::{FLAGS, assert_same_end, wait_for_checkpoints};
use tempfile::tempdir;

/// Everything random and everything with a state, with norms that do not depend on who sees which images.
const FROZEN: [&str; 16] = [
    "--freeze-statistics",
    "--ema-decay",
    "0.9",
    "--mixup",
    "0.4",
    "--cutmix",
    "1",
    "--dropout",
    "0.3",
    "--augment",
    "trivialaugment",
    "--steps",
    "50",
    "--checkpoint-every",
    "20",
    "--quiet",
];
/// Kills of a run; `ZOO_KILLS` asks for more.
const KILLS: usize = 4;
/// Within this time the others must have ended.
const END: Duration = Duration::from_secs(30);

#[test]
fn two_ranks_are_one_with_half_micro_batches_to_the_last_bit() {
    for (recipe, backend) in [(["--optimizer", "sgd"], "gloo"), (["--optimizer", "adamw"], "shared-memory")] {
        let (one, two) = (tempdir().unwrap(), tempdir().unwrap());
        let flags = |more: &[&'static str]| [&FROZEN[..], &recipe, more].concat();
        train(one.path(), &flags(&["--micro-batch", "8"])).code(0);
        train(two.path(), &flags(&["--ranks", "2", "--backend", backend])).code(0);
        for name in ["last.safetensors", "best.safetensors"] {
            assert_same_tensors(&run_folder(one.path()).join(name), &run_folder(two.path()).join(name));
        }
        assert_eq!(command::metrics(&run_folder(one.path())), command::metrics(&run_folder(two.path())));
        let rows = csv(&two.path().join("results/accuracy.csv")).rows;
        let said = ["ranks", "backend", "hosts", "threads", "status"].map(|column| rows[0][column].as_str());
        assert_eq!((rows.len(), said), (1, ["2", backend, "1", "1", "done"]));
    }
}

#[test]
fn norms_that_are_synchronized_see_the_batch_of_all_ranks() {
    // SiLU has no corner at which rounding decides the gradient.
    let flags = ["--model", "efficientnet-b0", "--width", "0.25", "--steps", "3", "--dropout", "0", "--drop-path", "0"];
    let flags = [&flags[..], &["--learning-rate", "0.001", "--warmup-steps", "0", "--quiet"]].concat();
    let (one, two) = (tempdir().unwrap(), tempdir().unwrap());
    train(one.path(), &flags).code(0);
    train(two.path(), &[&flags[..], &["--ranks", "2", "--sync-batch-norm"]].concat()).code(0);
    // Processes of one machine have memory to share.
    assert_eq!(csv(&two.path().join("results/accuracy.csv")).rows[0]["backend"], "shared-memory");
    let read = |folder: &Path| tensors(&run_folder(folder).join("last.safetensors"));
    let (one, two) = (read(one.path()), read(two.path()));
    let numbers = |bytes: &[u8]| -> Vec<f64> {
        let (numbers, _) = bytes.as_chunks::<4>();
        numbers.iter().map(|number| f64::from(f32::from_le_bytes(*number))).collect()
    };
    let norm = |numbers: &[f64]| numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
    let mut compared = 0;
    for (name, (_, bytes)) in one.iter().filter(|(name, _)| !name.starts_with("optimizer.")) {
        let (ours, theirs) = (numbers(bytes), numbers(&two[name].1));
        let difference: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours - theirs).collect();
        // What starts at zero has had three steps: rounding is large against it, and so it is against the bias of a norm whose
        // output goes into another norm, which has no gradient at all.
        if norm(&ours) > 1e-3 {
            assert!(norm(&difference) < 1e-5 * norm(&ours), "{name}: {:.1e}", norm(&difference) / norm(&ours));
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared} of {}", one.len());
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    let folder = tempdir().unwrap();
    let flags = [&FROZEN[..], &["--resume", "auto"]].concat();
    let mut child = start(folder.path(), &[&flags[..], &["--ranks", "2"]].concat());
    assert!(wait_for_checkpoints(&mut child, folder.path(), 1), "the run ended too soon");
    command::signal(&child, "TERM");
    assert_ne!(child.wait().unwrap().code(), Some(0));
    train(folder.path(), &flags).code(0);
    let rows = csv(&folder.path().join("results/accuracy.csv")).rows;
    let said = ["ranks", "steps", "status"].map(|column| rows[0][column].as_str());
    assert_eq!((rows.len(), said), (1, ["1", "50", "done"]));
    assert!(run_folder(folder.path()).join("best.safetensors").exists());
}

#[test]
fn a_rank_that_is_killed_ends_the_others_and_the_run_goes_on_to_the_same_bits() {
    let flags = [&["--steps", "150"], &FLAGS[2..], &["--ranks", "2"]].concat();
    let straight = tempdir().unwrap();
    train(straight.path(), &flags).code(0);
    let kills = std::env::var("ZOO_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let folder = tempdir().unwrap();
    let flags = [&flags[..], &["--resume", "auto"]].concat();
    let mut done = 0;
    // A run that ends before it is killed is begun anew.
    for attempt in 0..4 * kills {
        // What carries gradients may be another in each sitting.
        let backend = if attempt % 2 == 0 { "auto" } else { "gloo" };
        let mut child = start(folder.path(), &[&flags[..], &["--backend", backend]].concat());
        let (id, victim) = (child.id(), attempt / 2 % 2);
        // The first one that is seen is that of an earlier sitting.
        let earlier = u64::from(folder.path().join("results").exists());
        let is_there = wait_for_checkpoints(&mut child, folder.path(), earlier + 1 + at_random(2));
        std::thread::sleep(Duration::from_micros(at_random(60_000)));
        let Some(process) = rank(id, victim).filter(|_| is_there) else {
            child.wait().unwrap();
            fs::remove_dir_all(folder.path().join("results")).unwrap();
            continue;
        };
        // SAFETY: it is a process of ours.
        unsafe { libc::kill(process, libc::SIGKILL) };
        let begun = Instant::now();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(begun.elapsed() < END, "after {:?}", begun.elapsed());
        // One that is killed while rank 0 writes the last row takes nothing along.
        let has_rows = folder.path().join("results/accuracy.csv").exists();
        if has_rows && runs::statuses(folder.path()).iter().any(|status| status == "done") {
            fs::remove_dir_all(folder.path().join("results")).unwrap();
            continue;
        }
        let named = format!("as rank {victim} (process {process} on ");
        assert!(
            said.contains(&named) && said.contains("gives no sign of life"),
            "kill {done} of rank {victim}:\n{said}"
        );
        done += 1;
        if done == kills {
            break;
        }
    }
    assert_eq!(done, kills, "runs ended too soon");
    run(folder.path(), &small(&flags)).code(0);
    assert_same_end(straight.path(), folder.path());
}

#[test]
fn what_one_rank_finds_wrong_ends_all_with_its_sentence() {
    let folder = tempdir().unwrap();
    let port = free_port();
    let seed = |rank: &str, seed: &str| rank_of_two(folder.path(), rank, port, &["--seed", seed, "--steps", "3"]);
    let (first, second) = (seed("0", "1"), seed("1", "2"));
    for child in [first, second] {
        let said = output(child).code(1).stderr;
        assert!(said.contains("rank 1 of 2") && said.contains("has seed = 2 and rank 0 has 1"), "{said}");
    }
    assert!(!folder.path().join("results").exists());
}

#[test]
fn a_rank_that_never_comes_and_a_port_that_is_taken_are_told() {
    let folder = tempdir().unwrap();
    let alone = rank_of_two(folder.path(), "0", free_port(), &["--rank-timeout", "3s"]);
    let said = output(alone).code(1).stderr;
    assert!(said.contains("rank 1 of 2 did not come within 3 s"), "{said}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = output(rank_of_two(folder.path(), "0", port, &["--rank-timeout", "3s"])).code(1).stderr;
    assert!(said.contains(&format!("cannot open port {port}")) && said.contains("MASTER_PORT"), "{said}");
    train(folder.path(), &["--ranks", "2", "--batch-size", "2", "--quiet"]).code(2);
}

#[test]
fn a_folder_of_images_is_shared_and_a_file_that_one_rank_cannot_read_ends_all() {
    let dir = tempdir().unwrap();
    pictures::folder(&dir.path().join("pictures"), &["cat", "dog"], 16, 7);
    let flags =
        ["--dataset", "folder:pictures", "--epochs", "6", "--batch-size", "8", "--freeze-statistics", "--quiet"];
    let (one, two) = (["--micro-batch", "4", "--results", "one"], ["--ranks", "2", "--results", "two"]);
    for more in [&one, &two] {
        train(dir.path(), &[&flags[..], more].concat()).code(0);
    }
    let row = |results: &str| csv(&dir.path().join(results).join("accuracy.csv")).rows.remove(0);
    let (one, two) = (row("one"), row("two"));
    for column in ["top1", "test_loss", "train_loss", "steps"] {
        assert_eq!(one[column], two[column], "{column}");
    }
    let bad = dir.path().join("pictures/train/dog/000.JPEG");
    assert!(bad.exists(), "{}", bad.display());
    fs::write(&bad, [0xff, 0xd8, 0xff, 0xe0, 0, 0]).unwrap();
    let begun = Instant::now();
    let output = train(dir.path(), &[&flags[..], &["--ranks", "2", "--results", "three"]].concat()).code(1);
    assert!(begun.elapsed() < END, "after {:?}", begun.elapsed());
    let said = output.stderr;
    let failing = said.lines().filter(|line| line.contains("dog/000.JPEG") && line.contains("error: ")).count();
    assert!(failing >= 2 && said.contains(" failed: "), "{said}");
}

fn at_random(below: u64) -> u64 {
    RandomState::new().hash_one(below) % below
}

fn start(folder: &Path, flags: &[&str]) -> Child {
    let mut command = zoo(folder, &small(flags));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The process of a rank that process `own` started.
fn rank(own: u32, rank: usize) -> Option<libc::pid_t> {
    let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).ok()?;
    let wanted = format!("RANK={rank}");
    let is_wanted = |process: &&str| {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    children.split_whitespace().find(is_wanted)?.parse().ok()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// One of two processes, as torchrun without an agent or srun would start it.
fn rank_of_two(folder: &Path, rank: &str, port: u16, flags: &[&str]) -> Child {
    let mut command = zoo(folder, &small(flags));
    command.env("RANK", rank).env("WORLD_SIZE", "2").env("MASTER_ADDR", "127.0.0.1");
    command.env("MASTER_PORT", port.to_string()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn output(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
