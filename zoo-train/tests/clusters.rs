//! Sweeps in parts: what a scheduler sets, sends and reads.

#[path = "common/command.rs"]
mod command;
#[path = "common/grids.rs"]
mod grids;
#[path = "common/locks.rs"]
mod locks;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use command::{Output, csv, run};
use grids::{COUNT, child_of, column, folder, rows, signal, start, sweep, training};

/// Runs the sweep of `folder` with these variables.
#[track_caller]
fn sweep_as(folder: &Path, variables: &[(&str, &str)], more: &[&str]) -> Output {
    let mut command = command::zoo(folder, &[&["sweep", "my.toml"], more].concat());
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    let output = command.output().unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn the_parts_of_an_array_cover_the_grid() {
    let folder = folder(COUNT);
    let array = [("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_MAX", "3"), ("SLURM_ARRAY_TASK_COUNT", "3")];
    for task in ["1", "2", "3"] {
        let variables = [&array[..], &[("SLURM_ARRAY_TASK_ID", task), ("SLURM_ARRAY_TASK_STEP", "1")]].concat();
        let said = sweep_as(folder.path(), &variables, &["--shard", "auto"]).code(0).stderr;
        let given = format!("part {task}/3, by Slurm's array (SLURM_ARRAY_TASK_ID={task})");
        assert!(said.contains(&given) && said.contains(&format!("my.toml, part {task}/3: ")), "{said}");
    }
    assert_eq!(rows(folder.path(), "count.csv").len(), 8);
    let pod = [("JOB_COMPLETION_INDEX", "1"), ("ZOO_SHARDS", "2")];
    let said = sweep_as(folder.path(), &pod, &["--shard", "auto"]).code(0).stderr;
    assert!(said.contains("part 2/2, by Kubernetes' indexed job") && said.contains("4 there already"), "{said}");
}

#[test]
fn where_nothing_tells_the_part_that_is_said() {
    let folder = folder(COUNT);
    let words = ["--shard auto", "no array", "SLURM_ARRAY_TASK_ID", "RANK", "give --shard i/n"];
    sweep_as(folder.path(), &[], &["--shard", "auto"]).misused(&words);
    let pod = [("JOB_COMPLETION_INDEX", "1")];
    sweep_as(folder.path(), &pod, &["--shard", "auto"]).misused(&["does not say of how many", "ZOO_SHARDS"]);
    assert!(!folder.path().join("results").exists());
}

#[test]
fn the_cells_of_ranks_are_processes_by_themselves() {
    let folder = folder(&training("width = [0.35, 0.5]", "steps = 2"));
    for rank in ["0", "1"] {
        let variables = [("RANK", rank), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "1")];
        let said = sweep_as(folder.path(), &variables, &["--shard", "auto"]).code(0).stderr;
        assert!(said.contains("/2, by torchrun (RANK=") && said.contains("1 done now"), "{said}");
    }
    let statuses = column(folder.path(), "status");
    assert!(statuses.len() == 2 && statuses.iter().all(|(_, status)| status == "done"), "{statuses:?}");
}

#[test]
fn a_scheduler_s_signal_saves_and_asks_for_another_try() {
    for name in ["TERM", "USR1", "USR2"] {
        let folder = folder(&training("width = 0.35", "steps = 3000"));
        let mut running = start(folder.path(), &[]);
        assert!(command::wait_until(&mut running, || command::exists_in_a_run(folder.path(), "last.safetensors")));
        command::signal(&running, name);
        assert_eq!(running.wait().unwrap().code(), Some(75), "{name}");
        assert_eq!(column(folder.path(), "status"), [("0.35".to_string(), "interrupted".to_string())], "{name}");
    }
}

#[test]
fn a_signal_that_goes_to_all_processes_of_a_job_stops_the_sweep_and_is_no_failure() {
    let folder = folder(&training("width = 0.35", "steps = 3000"));
    let mut running = start(folder.path(), &[]);
    let child = child_of(&mut running);
    assert!(command::wait_until(&mut running, || command::exists_in_a_run(folder.path(), "last.safetensors")));
    // The cell hears of it first, and twice: schedulers warn, and then insist.
    signal(child, "USR1");
    signal(child, "TERM");
    command::signal(&running, "USR1");
    command::signal(&running, "TERM");
    assert_eq!(running.wait().unwrap().code(), Some(75));
    assert_eq!(column(folder.path(), "status"), [("0.35".to_string(), "interrupted".to_string())]);
}

#[test]
fn ctrl_c_ends_what_a_scheduler_stopped_and_is_still_told_apart() {
    let folder = folder(&training("width = 0.35", "steps = 100000"));
    let mut running = start(folder.path(), &[]);
    let child = child_of(&mut running);
    assert!(command::wait_until(&mut running, || command::exists_in_a_run(folder.path(), "last.safetensors")));
    // A cell that does not end.
    signal(child, "STOP");
    command::signal(&running, "TERM");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(running.try_wait().unwrap().is_none());
    command::signal(&running, "INT");
    assert_eq!(running.wait().unwrap().code(), Some(130));
    signal(child, "KILL");
}

#[test]
fn a_training_run_that_a_scheduler_stops_asks_for_another_try() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command::zoo(folder.path(), &command::small(&["--steps", "100000"]));
    let mut run = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert!(command::wait_until(&mut run, || command::exists_in_a_run(folder.path(), "metrics.csv")));
    command::signal(&run, "USR2");
    assert_eq!(run.wait().unwrap().code(), Some(75));
}

#[test]
fn a_cell_that_can_never_work_is_told_from_one_that_failed() {
    let hopeless = training("width = 0.35", "steps = 20\nlearning_rate = 1e30");
    let folder = folder(&(hopeless + &training("width = 0.5", "steps = 2")));
    let said = sweep(folder.path(), &[]).code(42).refused(&["1 of the cells failed, 1 of them for good"]).stderr;
    assert!(said.contains("1 done now, 1 failed"), "{said}");
    // Also where it failed earlier: whoever is asked again says the same.
    sweep(folder.path(), &[]).code(42).refused(&["1 of the cells failed, 1 of them for good"]);
}

#[test]
fn machines_without_locks_of_the_file_system_lose_and_tear_no_row() {
    let widths: Vec<String> = (20..60).map(|width| format!("{}", f64::from(width) / 100.0)).collect();
    let folder = folder(&COUNT.replace("width = [1, 0.5]", &format!("width = [{}]", widths.join(","))));
    let library = locks::without_locks(folder.path());
    let start = |part: usize| {
        let mut command = command::zoo(folder.path(), &["sweep", "my.toml", "--shard", &format!("{part}/8")]);
        command.env("LD_PRELOAD", &library).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children: Vec<_> = (1..=8).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("this file system has no locks"), "{said}");
    }
    let counted = rows(folder.path(), "count.csv");
    let different: std::collections::BTreeSet<Vec<&String>> =
        counted.iter().map(|row| row.values().collect()).collect();
    assert_eq!((counted.len(), different.len()), (160, 160));
    let left = fs::read_dir(folder.path().join("results")).unwrap().flatten().map(|entry| entry.file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("lock")));
}

#[test]
fn the_documentation_has_every_exit_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/clusters.md");
    let text = fs::read_to_string(page).unwrap();
    for (code, meaning) in zoo_train::host::exit::ALL {
        assert!(text.contains(&format!("| {code} | {meaning} |")), "docs/clusters.md lacks {code}: {meaning}");
    }
}

#[test]
fn a_batch_script_is_one_and_runs_a_part() {
    let folder = folder(COUNT);
    let script = sweep(folder.path(), &["--emit", "slurm", "--shards", "2"]).code(0).text();
    assert!(script.starts_with("#!/bin/bash\n") && script.contains("#SBATCH --array=1-2\n"), "{script}");
    assert!(!folder.path().join("results").exists());
    let path = folder.path().join("job.sh");
    fs::write(&path, &script).unwrap();
    let mut bash = std::process::Command::new("bash");
    bash.arg(&path).current_dir(folder.path()).env("SLURM_ARRAY_TASK_ID", "2");
    let output = bash.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("part 2/2, by Slurm's array"), "{said}");
    assert_eq!(rows(folder.path(), "count.csv").len(), 4);
}

/// Runs the batch script of a long sweep and sends it a signal; its exit code, and whether it had its task run again.
fn batch(name: &str) -> (i32, bool) {
    let folder = folder(&training("width = 0.35", "steps = 3000"));
    let script = sweep(folder.path(), &["--emit", "slurm"]).code(0).text();
    fs::write(folder.path().join("job.sh"), &script).unwrap();
    // What Slurm would be told.
    let scontrol = folder.path().join("scontrol");
    fs::write(&scontrol, "#!/bin/sh\necho \"$@\" >requeued\n").unwrap();
    fs::set_permissions(&scontrol, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut bash = std::process::Command::new("bash");
    bash.arg("job.sh").current_dir(folder.path()).env("PATH", path);
    bash.env("SLURM_ARRAY_JOB_ID", "7").env("SLURM_ARRAY_TASK_ID", "1").stderr(Stdio::null());
    let mut running = bash.spawn().unwrap();
    assert!(command::wait_until(&mut running, || command::exists_in_a_run(folder.path(), "last.safetensors")));
    command::signal(&running, name);
    let code = running.wait().unwrap().code().unwrap();
    (code, fs::read_to_string(folder.path().join("requeued")).is_ok_and(|words| words == "requeue 7_1\n"))
}

#[test]
fn a_batch_script_has_its_task_run_again_where_time_was_up_and_not_where_it_was_cancelled() {
    assert_eq!(batch("USR1"), (75, true));
    assert_eq!(batch("TERM"), (75, false));
}

#[test]
fn every_line_for_parallel_does_a_part() {
    let folder = folder(COUNT);
    let lines = sweep(folder.path(), &["--emit", "parallel", "--shards", "3"]).code(0).text();
    assert_eq!(lines.lines().count(), 3);
    let ended: Vec<bool> = lines
        .lines()
        .map(|line| std::process::Command::new("sh").args(["-c", line]).output().unwrap().status.success())
        .collect();
    assert_eq!((ended, rows(folder.path(), "count.csv").len()), (vec![true; 3], 8));
}

#[test]
fn a_manifest_tells_kubernetes_what_exit_codes_mean() {
    let folder = folder(&training("width = [0.35, 0.5, 1]", "steps = 2"));
    let text = sweep(folder.path(), &["--emit", "kubernetes"]).code(0).text();
    let lines = ["kind: Job", "  completionMode: Indexed", "  completions: 3", "  name: zoo-my", "- action: FailIndex"];
    assert!(lines.iter().all(|line| text.lines().any(|found| found.contains(line))), "{text}");
    sweep(folder.path(), &["--emit", "pbs"]).code(2);
    sweep(folder.path(), &["--shards", "2"]).code(2);
}

/// The tables of parts that ran in folders of their own, and the folder that holds those.
fn parts() -> (tempfile::TempDir, [PathBuf; 2]) {
    let folder = folder(&(COUNT.to_string() + &training("width = [0.35, 0.5]", "steps = 2")));
    for part in ["1", "2"] {
        sweep(folder.path(), &["--shard", &format!("{part}/2"), "--results", &format!("part{part}")]).code(0);
    }
    let paths = ["part1", "part2"].map(|part| folder.path().join(part));
    (folder, paths)
}

#[test]
fn parts_are_put_together_and_the_sweep_is_done() {
    let (folder, parts) = parts();
    let merge = ["sweep", "--merge", "part1", "part2", "--results", "results"];
    let said = run(folder.path(), &merge).code(0).stderr;
    assert!(
        said.contains("results/count.csv: 8 rows added") && said.contains("results/accuracy.csv: 2 rows"),
        "{said}"
    );
    assert!(said.contains("stay where they are: 1 run in part1 and 1 run in part2"), "{said}");
    let text = || fs::read_to_string(folder.path().join("results/accuracy.csv")).unwrap();
    let first = text();
    let again = run(folder.path(), &merge).code(0).stderr;
    assert!(again.contains("results/accuracy.csv: 0 rows added, 2 rows there already"), "{again}");
    assert_eq!(text(), first);
    let dry = sweep(folder.path(), &["--dry-run"]).code(0).text();
    assert!(dry.contains("10 cells: 10 done"), "{dry}");
    // What is left of a part is a part.
    fs::remove_dir_all(&parts[1]).unwrap();
    run(folder.path(), &merge).misused(&["--merge part2", "no such folder", "--results"]);
    assert_eq!(text(), first);
}

#[test]
fn a_table_that_cannot_be_read_keeps_all_from_being_merged() {
    let (folder, parts) = parts();
    let table = parts[1].join("accuracy.csv");
    let rows = csv(&table).rows.len();
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.replace("synthetic", "synthetic,x")).unwrap();
    let merge = ["sweep", "--merge", "part1", "part2", "--results", "results"];
    run(folder.path(), &merge).refused(&["part2/accuracy.csv line 2", "correct or remove"]);
    assert!(rows == 1 && !folder.path().join("results").exists());
    fs::create_dir(folder.path().join("empty")).unwrap();
    run(folder.path(), &["sweep", "--merge", "empty"]).misused(&["--merge empty", "none of the tables"]);
    run(folder.path(), &["sweep", "my.toml", "--merge", "part1"]).code(2);
}
