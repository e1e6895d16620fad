//! The sweeps that come with the project: each is a grid, and says what it is said to say.

#[path = "common/command.rs"]
mod command;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use command::{csv, run};
use tempfile::tempdir;

/// The files that come with the project, by name.
fn shipped() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/sweeps");
    let mut files: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().display().to_string()).collect();
    files.sort();
    files
}

#[test]
fn every_shipped_file_is_a_grid() {
    let folder = tempdir().unwrap();
    assert!(shipped().len() >= 10);
    for file in shipped() {
        let text = run(folder.path(), &["sweep", &file, "--dry-run"]).code(0).text();
        assert!(text.contains(" missing (about "), "{file}:\n{text}");
    }
}

#[test]
fn the_shipped_counts_are_those_of_the_results() {
    let folder = tempdir().unwrap();
    for file in shipped().iter().filter(|file| file.ends_with("/count.toml")) {
        run(folder.path(), &["sweep", file]).code(0);
    }
    let set = |rows: Vec<BTreeMap<String, String>>| -> BTreeSet<Vec<String>> {
        let plain = |(column, _): &(String, String)| column != "revision";
        rows.into_iter().map(|row| row.into_iter().filter(plain).map(|(_, cell)| cell).collect()).collect()
    };
    let ours = set(csv(&folder.path().join("results/count.csv")).rows);
    let committed = set(csv(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/count.csv")).rows);
    assert!(ours.is_subset(&committed), "{:?}", ours.difference(&committed).next());
}

#[test]
fn scaling_in_one_way_costs_as_much_as_in_all() {
    let folder = tempdir().unwrap();
    let file = shipped().into_iter().find(|file| file.ends_with("/scaling.toml")).unwrap();
    let text = run(folder.path(), &["sweep", &file, "--dry-run"]).code(0).text();
    let counts = text.lines().filter(|line| line.starts_with("count "));
    let macs = |line: &str| -> f64 {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        cells[2].replace(',', "").parse().unwrap()
    };
    let mut by_model: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in counts {
        let model = line.split([' ', ',']).nth(1).unwrap().to_string();
        by_model.entry(model).or_default().push(macs(line));
    }
    for (model, mut macs) in by_model {
        macs.sort_by(f64::total_cmp);
        // The base, and four networks that cost the same.
        assert_eq!(macs.len(), 5, "{model}");
        assert!(macs[4] / macs[1] < 1.02, "{model}: {macs:?}");
        assert!(macs[1] / macs[0] > 3.0, "{model}: {macs:?}");
    }
}

#[test]
fn the_report_names_the_shipped_sweep_of_a_committed_row_in_a_fresh_checkout() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = tempdir().unwrap();
    // As git has it: tables, and neither runs nor what sweeps left.
    let results = folder.path().join("results");
    fs::create_dir(&results).unwrap();
    fs::copy(root.join("results/accuracy.csv"), results.join("accuracy.csv")).unwrap();
    std::os::unix::fs::symlink(root.join("configs").canonicalize().unwrap(), folder.path().join("configs")).unwrap();
    run(folder.path(), &["report"]).code(0);
    let page = fs::read_to_string(results.join("report/index.html")).unwrap();
    assert!(page.contains("zoo-train sweep configs/sweeps/mobilenet-v1-grid-accuracy.toml"));
}
