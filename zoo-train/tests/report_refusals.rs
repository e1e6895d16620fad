//! `report`: what it says of tables that are not as they should be.

#[path = "common/command.rs"]
mod command;
#[path = "common/tables.rs"]
mod tables;

use std::fs;
use std::path::Path;

use command::{Output, run};
use tables::{ACCURACY, results, write};
use tempfile::tempdir;

#[track_caller]
fn report(folder: &Path) -> Output {
    run(folder, &["report"])
}

#[track_caller]
fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("results/report/index.html")).unwrap()
}

#[test]
fn a_table_with_another_header_is_refused_by_name() {
    let folder = tempdir().unwrap();
    results(folder.path());
    write(&folder.path().join("other.csv"), "model,speed", &["mobilenet-v2,3".into()]);
    run(folder.path(), &["report", "other.csv"]).refused(&[
        "other.csv",
        "an unknown header (`model,speed`)",
        "(accuracy)",
    ]);
    run(folder.path(), &["report", "none.csv"]).refused(&["none.csv"]);
    assert!(!folder.path().join("results/report").exists());
}

#[test]
fn a_row_that_is_none_of_its_table_is_refused_with_its_line() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("results/accuracy.csv");
    let good = tables::run(1.0, 0, 10.0, "86", "done");
    write(&path, ACCURACY, &[good.clone(), good.replace("cifar10", "cifar10,more")]);
    report(folder.path()).refused(&["accuracy.csv line 3", "31 cells", "30"]);
    write(&path, ACCURACY, &[good.replace(",32,stem1", ",big,stem1"), good]);
    report(folder.path()).refused(&["accuracy.csv line 2", "`input_size`", "`big`"]);
}

#[test]
fn a_folder_of_results_that_is_not_there_is_no_report() {
    let folder = tempdir().unwrap();
    run(folder.path(), &["report", "--results", "reslts"]).misused(&["--results reslts", "no such folder"]);
    assert!(!folder.path().join("reslts").exists());
}

#[test]
fn a_table_that_is_no_regular_file_is_refused_at_once() {
    let folder = tempdir().unwrap();
    results(folder.path());
    let path = folder.path().join("results/accuracy.csv");
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    report(folder.path()).refused(&["accuracy.csv", "not a regular file"]);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("results/published/zero.csv")).unwrap();
    report(folder.path()).refused(&["zero.csv", "not a regular file"]);
}

#[test]
fn a_torn_last_row_is_left_out_by_name_and_no_other_row_is_lost() {
    let folder = tempdir().unwrap();
    results(folder.path());
    let path = folder.path().join("results/accuracy.csv");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}v2-torn,mobilenet-v2,0.3")).unwrap();
    let output = report(folder.path()).code(0);
    assert!(output.stderr.contains("accuracy.csv ends in a half-written row") && output.stderr.contains("v2-torn"));
    let torn = page(folder.path());
    assert!(torn.contains("half-written row") && torn.contains("v2-1-seed0-10"));

    fs::write(&path, whole.trim_end()).unwrap();
    let output = report(folder.path()).code(0);
    assert!(output.stderr.contains("does not end in a newline"));
    assert!(page(folder.path()).contains("out of memory"));
}
