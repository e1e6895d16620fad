//! `sweep`: what it adds to the tables, what it passes over, and what it refuses.

#[path = "common/command.rs"]
mod command;
#[path = "common/grids.rs"]
mod grids;
#[path = "common/pictures.rs"]
mod pictures;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;

use command::{csv, run};
use grids::{COUNT, column, folder, pairs, rows, start, sweep, training};
use tempfile::tempdir;

#[test]
fn a_second_time_adds_nothing() {
    let folder = folder(COUNT);
    sweep(folder.path(), &[]).code(0);
    let first = fs::read(folder.path().join("results/count.csv")).unwrap();
    let counted = rows(folder.path(), "count.csv");
    assert_eq!(counted.len(), 8);
    assert_eq!((counted[0]["model"].as_str(), counted[0]["macs"].as_str()), ("mobilenet-v1", "568740352"));
    let again = sweep(folder.path(), &[]).code(0);
    assert!(again.stderr.contains("8 there already"), "{}", again.stderr);
    assert_eq!(fs::read(folder.path().join("results/count.csv")).unwrap(), first);
}

#[test]
fn a_dry_run_tells_costs_and_does_nothing() {
    let folder = folder(&(COUNT.to_string() + &training("width = [0.35, 1]", "epochs = 3")));
    let text = sweep(folder.path(), &["--dry-run"]).code(0).text();
    assert!(text.contains("568,740,352") && text.contains("accuracy mobilenet-v3-small x0.35 wide, 32 px"), "{text}");
    assert!(text.contains("10 cells: 0 done, 0 failed earlier, 10 missing (about"), "{text}");
    assert!(!folder.path().join("results").exists());
}

/// Each finds all cells missing; with [`COUNT`] as it is the window is too short for that to be seen in one try.
#[test]
fn sweeps_that_run_at_once_count_no_network_twice() {
    let widths: Vec<String> = (20..140).map(|width| format!("{}", f64::from(width) / 100.0)).collect();
    let folder = folder(&COUNT.replace("width = [1, 0.5]", &format!("width = [{}]", widths.join(","))));
    let mut children: Vec<Child> = (0..4).map(|_| start(folder.path(), &[])).collect();
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    let counted = rows(folder.path(), "count.csv");
    let different: BTreeSet<Vec<&String>> = counted.iter().map(|row| row.values().collect()).collect();
    assert_eq!((counted.len(), different.len()), (480, 480));
}

#[test]
fn sweeps_of_other_names_do_no_cell_twice() {
    let axes = "model = \"mobilenet-v3-small-0.35\"\ninput_size = 32\nruns = 3\nseconds = 0\nbatch = 1\n";
    let grid = "[[grid]]\nkind = [\"latency\", \"throughput\"]\nengine = [\"zoo\", \"eager\"]\n";
    let folder = folder(&format!("{grid}{axes}"));
    fs::copy(folder.path().join("my.toml"), folder.path().join("other.toml")).unwrap();
    let mut children: Vec<Child> = (0..2).map(|_| start(folder.path(), &[])).collect();
    for _ in 0..2 {
        let mut command = command::zoo(folder.path(), &["sweep", "other.toml"]);
        children.push(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!((rows(folder.path(), "latency.csv").len(), rows(folder.path(), "throughput.csv").len()), (2, 2));
}

#[test]
fn what_is_no_file_is_no_sweep_no_recipe_and_no_table() {
    let folder = folder(COUNT);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    link("/dev/zero", "zeros.toml");
    let fifo = std::process::Command::new("mkfifo").arg(folder.path().join("fifo.toml")).status().unwrap();
    assert!(fifo.success());
    let refused = |name: &str| run(folder.path(), &["sweep", name]).refused(&[name, "not a regular file"]);
    refused("zeros.toml");
    refused("fifo.toml");
    let recipe = training("config = \"zeros.toml\"", "");
    fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    run(folder.path(), &["sweep", "recipe.toml"]).refused(&["recipe.toml:5", "not a regular file"]);
    fs::create_dir(folder.path().join("results")).unwrap();
    link("/dev/zero", "results/count.csv");
    sweep(folder.path(), &[]).refused(&["count.csv", "not a regular file"]);
}

#[test]
fn a_sweep_on_folders_has_their_classes_and_their_images() {
    let folder = folder("");
    pictures::folder(&folder.path().join("data"), &["blue", "green", "red"], 8, 3);
    let grid = training("width = 0.35\ninput_size = 32", "steps = 1")
        .replace("\"synthetic\"", "\"folder:data\"")
        .replace("data.limit_train = 160\n", "");
    fs::write(folder.path().join("my.toml"), &grid).unwrap();
    let shape = ["--widths", "0.35", "--input-sizes", "32", "--profile", "native", "--format", "csv"];
    let params = |classes: &str| {
        let arguments = [&["list", "mobilenet-v3-small", "--classes", classes], &shape[..]].concat();
        command::csv_of(&run(folder.path(), &arguments).code(0).stdout).rows.remove(0)["params"].clone()
    };
    let grouped = |number: &str| zoo_core::summary::grouped(number.parse().unwrap());
    let dry = || sweep(folder.path(), &["--dry-run"]).code(0).text();
    let text = dry();
    assert!(text.contains(&grouped(&params("3"))) && !text.contains('?'), "{text}");
    fs::write(folder.path().join("two.txt"), "blue\nred\n").unwrap();
    fs::write(folder.path().join("my.toml"), format!("{grid}data.subset = \"two.txt\"\n")).unwrap();
    assert!(dry().contains(&grouped(&params("2"))), "{}", dry());

    // Of cells that fail, too.
    let slow =
        grid.replace("input_size = 32", "input_size = 32\ntimeout = \"1s\"").replace("steps = 1", "epochs = 1e6");
    fs::write(folder.path().join("my.toml"), slow).unwrap();
    sweep(folder.path(), &[]).refused(&["1 of the cells failed"]);
    let failed = &rows(folder.path(), "accuracy.csv").pop().unwrap();
    assert!(failed["status"].starts_with("timeout after"), "{failed:?}");
    assert_eq!((failed["classes"].as_str(), failed["split"].as_str()), ("3", "val"), "{failed:?}");
    assert_eq!(failed["params"], params("3"));
    fs::write(folder.path().join("my.toml"), &grid).unwrap();
    sweep(folder.path(), &[]).code(0);
    fs::write(folder.path().join("my.toml"), grid.replace("folder:data", "folder:nowhere")).unwrap();
    sweep(folder.path(), &["--dry-run"]).refused(&["my.toml:1", "nowhere"]);
}

#[test]
fn parts_that_run_at_once_make_the_whole() {
    let (parts, whole) = (folder(COUNT), folder(COUNT));
    sweep(whole.path(), &[]).code(0);
    let children: Vec<Child> = ["1/3", "2/3", "3/3"].map(|part| start(parts.path(), &["--shard", part])).into();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let set = |folder: &Path| -> BTreeSet<Vec<String>> {
        rows(folder, "count.csv").into_iter().map(|row| row.into_values().collect()).collect()
    };
    assert_eq!(set(parts.path()), set(whole.path()));
    assert_eq!(rows(parts.path(), "count.csv").len(), 8);
    let refused = sweep(parts.path(), &["--shard", "3/2"]).code(2);
    assert!(refused.stderr.contains("expected i/n with i from 1 to n"), "{}", refused.stderr);
}

#[test]
fn latency_and_throughput_become_rows_once() {
    let axes = "model = \"mobilenet-v3-small-0.35\"\ninput_size = 32\nruns = 3\nseconds = 0\n";
    let folder = folder(&format!(
        "[[grid]]\nkind = \"latency\"\n{axes}engine = [\"zoo\", \"eager\"]\nper_stage = true\n\
         [[grid]]\nkind = \"throughput\"\n{axes}batch = 4\n"
    ));
    sweep(folder.path(), &[]).code(0);
    let again = sweep(folder.path(), &[]).code(0);
    assert!(again.stderr.contains("4 there already"), "{}", again.stderr);
    let modes = |table: &str| -> Vec<String> {
        let rows = rows(folder.path(), table);
        assert!(rows.iter().all(|row| row["status"] == "done"), "{rows:?}");
        rows.into_iter().map(|row| row["engine"].clone()).collect()
    };
    assert_eq!(modes("latency.csv"), ["zoo", "eager"]);
    assert_eq!(modes("throughput.csv"), ["train", "zoo"]);
    // Training is of ten classes, and its row says so.
    let params: Vec<u64> =
        rows(folder.path(), "throughput.csv").iter().map(|row| row["params"].parse().unwrap()).collect();
    assert!(params[0] < params[1], "{params:?}");
    let table = csv(&folder.path().join("results/throughput.csv"));
    for row in &table.rows {
        let [speed, p50] = ["images_per_second", "p50_ms"].map(|column| row[column].parse::<f64>().unwrap());
        assert!((speed * p50 / 4000.0 - 1.0).abs() < 0.02, "{row:?}");
    }
    assert!(folder.path().join("results/latency-stages.csv").exists());
    // A report is made beside it.
    run(folder.path(), &["report"]).code(0);
}

#[test]
fn a_cell_is_done_with_all_of_its_stages_and_of_its_own_classes() {
    let grid = |more: &str| {
        format!(
            "[[grid]]\nkind = \"latency\"\nmodel = \"mobilenet-v3-small-0.35\"\ninput_size = 32\nruns = 3\nseconds = 0\n\
             engine = \"zoo\"\n{more}"
        )
    };
    let folder = folder(&grid("per_stage = true\n"));
    let shape = ["--input-size", "32", "--runs", "3", "--seconds", "0", "--engine", "zoo"];
    let measure = |more: &[&str]| {
        run(folder.path(), &[&["latency", "mobilenet-v3-small-0.35"], &shape[..], more].concat()).code(0);
    };
    let missing = || sweep(folder.path(), &["--dry-run"]).code(0).text().contains("1 missing");
    measure(&["--classes", "10", "--per-stage"]);
    assert!(missing(), "a row of another classifier");
    measure(&[]);
    assert!(missing(), "a row without stages");
    sweep(folder.path(), &[]).code(0);
    assert!(!missing());
    let table = folder.path().join("results/latency-stages.csv");
    let text = fs::read_to_string(&table).unwrap();
    let shorter = text.trim_end().rsplit_once('\n').unwrap().0;
    fs::write(&table, format!("{shorter}\n")).unwrap();
    assert!(missing(), "a stage is gone");
    fs::write(folder.path().join("my.toml"), grid("classes = [10, 1000]\n")).unwrap();
    let dry = sweep(folder.path(), &["--dry-run"]).code(0).text();
    assert!(dry.contains("zoo, 10 classes") && dry.contains("2 cells: 2 done"), "{dry}");
}

#[test]
fn cells_of_other_threads_have_runs_of_their_own() {
    let folder = folder(&training("", "steps = 3000").replace("threads = 1", "threads = [1, 2]"));
    let mut running = start(folder.path(), &[]);
    assert!(command::wait_until(&mut running, || command::exists_in_a_run(folder.path(), "last.safetensors")));
    command::signal(&running, "INT");
    assert_eq!(running.wait().unwrap().code(), Some(130));
    let begun = || {
        let folders = fs::read_dir(folder.path().join("results")).unwrap().flatten();
        folders.filter(|entry| entry.path().join("config.toml").exists()).count()
    };
    assert_eq!(begun(), 1);
    let newest = || {
        let folders = fs::read_dir(folder.path().join("results")).unwrap().flatten();
        let saved = folders.filter_map(|entry| entry.path().join("last.safetensors").metadata().ok()?.modified().ok());
        saved.max()
    };
    // The run of one thread is not there for the cell of two, and still is for its own.
    let grid = fs::read_to_string(folder.path().join("my.toml")).unwrap();
    let stop = |threads: &str, runs: usize| {
        fs::write(folder.path().join("my.toml"), grid.replace("[1, 2]", threads)).unwrap();
        let mut running = start(folder.path(), &[]);
        let before = newest();
        assert!(command::wait_until(&mut running, || newest() > before));
        command::signal(&running, "INT");
        assert_eq!(running.wait().unwrap().code(), Some(130));
        assert_eq!(begun(), runs);
        rows(folder.path(), "accuracy.csv")
    };
    let column = |rows: &[BTreeMap<String, String>], name: &str| -> Vec<String> {
        rows.iter().map(|row| row[name].clone()).collect()
    };
    let of_both = stop("[2]", 2);
    assert_eq!(column(&of_both, "threads"), ["1", "2"]);
    // The row of the sitting takes the place of that of the one before.
    let resumed = stop("[1]", 2);
    assert_eq!(column(&resumed, "threads"), ["2", "1"]);
    assert_eq!(resumed[1]["run"], of_both[0]["run"]);
    let steps = |row: &BTreeMap<String, String>| row["steps"].parse::<u64>().unwrap();
    assert!(steps(&resumed[1]) > steps(&of_both[0]), "{resumed:?}");
}

/// A table of before there were the last columns, as a text.
fn older(table: &Path, columns: usize) -> String {
    let rows = csv::ReaderBuilder::new().has_headers(false).from_path(table).unwrap().into_records();
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.for_each(|row| writer.write_record(row.unwrap().iter().take(columns)).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

#[test]
fn rows_tell_limits_weights_split_and_a_command_and_older_tables_grow() {
    let grid = training("width = 0.35", "steps = 2");
    let folder = folder(&grid);
    sweep(folder.path(), &[]).code(0);
    let all = rows(folder.path(), "accuracy.csv");
    let told = ["limit_train", "limit_test", "weights", "command", "split"].map(|column| all[0][column].as_str());
    assert_eq!(told, ["160", "50", "none", "zoo-train sweep my.toml", "test"]);
    let table = folder.path().join("results/accuracy.csv");

    // Its cell is found there, too, and a run appends to it.
    let older = older(&table, 32);
    fs::write(&table, &older).unwrap();
    let again = sweep(folder.path(), &[]).code(0);
    assert!(again.stderr.contains("1 there already"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&table).unwrap(), older);
    let weights = &format!("results/{}/best.safetensors", all[0]["run"]);
    let more = ["--model", "mobilenet-v3-small", "--width", "0.35", "--weights", weights, "--limit-test", "40"];
    command::train(folder.path(), &[&["--steps", "1"], &more[..]].concat()).code(0);
    let all = rows(folder.path(), "accuracy.csv");
    let told = |row: &BTreeMap<String, String>| {
        ["limit_train", "limit_test", "split"].map(|column| row[column].clone()).join(" ")
    };
    assert_eq!((all.len(), told(&all[0]), told(&all[1])), (2, "  ".to_string(), "160 40 test".to_string()));
    let (name, digits) = all[1]["weights"].split_once('@').unwrap();
    assert!(name == "best.safetensors" && digits.len() == 8, "{all:?}");
    assert!(all[1]["command"].starts_with("zoo-train --dataset synthetic --limit-train 160"), "{all:?}");
    run(folder.path(), &["report"]).code(0);

    // Other weights under the same path are another cell.
    let start = grid.replace("steps = 2", "steps = 1\nnetwork.weights = \"start.safetensors\"");
    fs::write(folder.path().join("my.toml"), start).unwrap();
    fs::copy(folder.path().join(weights), folder.path().join("start.safetensors")).unwrap();
    sweep(folder.path(), &[]).code(0);
    assert!(sweep(folder.path(), &["--dry-run"]).code(0).text().contains("1 done"));
    let last = rows(folder.path(), "accuracy.csv").pop().unwrap()["run"].clone();
    let other = folder.path().join("results").join(last).join("last.safetensors");
    fs::copy(other, folder.path().join("start.safetensors")).unwrap();
    let dry = sweep(folder.path(), &["--dry-run"]).code(0).text();
    assert!(dry.contains("1 missing"), "{dry}");
}

#[test]
fn numbers_are_compared_as_numbers() {
    let folder = folder(COUNT);
    sweep(folder.path(), &[]).code(0);
    let table = folder.path().join("results/count.csv");
    let written = fs::read_to_string(&table).unwrap().replace(",0.5,1,", ",0.50,1.0,");
    fs::write(&table, written).unwrap();
    let again = sweep(folder.path(), &[]).code(0);
    assert!(again.stderr.contains("8 there already"), "{}", again.stderr);
    run(folder.path(), &["list", "mobilenet-v1", "--widths", "0.5", "--append", "-o", "results/count.csv"]).code(0);
    assert_eq!(rows(folder.path(), "count.csv").len(), 8);
    fs::write(folder.path().join("my.toml"), COUNT.replace("[1, 0.5]", "[0.25, 0.250]")).unwrap();
    sweep(folder.path(), &[]).refused(&["the grid has the same cell twice"]);
}

#[test]
fn a_budget_gives_all_cells_of_a_curve_the_same_epochs_and_later_sittings_keep_them() {
    let folder = folder(&training("width = [0.35, 1]", ""));
    // The machine may be busy with other tests: an epoch of both cells took 2 s on a quiet one, and 27 s beside three builds.
    let budgets = [15, 60, 240];
    let (seconds, budget) = budgets
        .into_iter()
        .find_map(|budget| {
            let begun = Instant::now();
            let output = sweep(folder.path(), &["--budget", &format!("{budget}s")]);
            if budget < 240 && output.stderr.contains("is too small for one epoch") {
                return None;
            }
            output.code(0);
            Some((begun.elapsed().as_secs_f64(), f64::from(budget)))
        })
        .unwrap();
    let epochs = column(folder.path(), "epochs");
    let number: f64 = epochs[0].1.parse().unwrap();
    assert!(number >= 1.0 && number.fract() == 0.0, "{epochs:?}");
    assert_eq!(epochs, pairs(&[("0.35", &epochs[0].1), ("1", &epochs[0].1)]));
    assert!(seconds < 4.0 * budget, "{seconds} s");

    let dry = sweep(folder.path(), &["--dry-run"]).code(0);
    assert!(dry.text().contains("2 cells: 2 done"), "{}", dry.text());
    assert!(dry.stderr.contains("chosen by an earlier command with --budget"), "{}", dry.stderr);

    // A wider one joins the curve with the epochs that it has, even where the record is lost.
    let wider = fs::read_to_string(folder.path().join("my.toml")).unwrap().replace("[0.35, 1]", "[0.35, 1, 0.5]");
    fs::write(folder.path().join("my.toml"), wider).unwrap();
    fs::remove_dir_all(folder.path().join("results/sweeps")).unwrap();
    let more = sweep(folder.path(), &["--budget", "1h"]).code(0);
    assert!(
        more.stderr.contains("as chosen when the curve was begun") && more.stderr.contains("2 there already"),
        "{}",
        more.stderr
    );
    assert_eq!(column(folder.path(), "epochs").last(), Some(&("0.5".to_string(), epochs[0].1.clone())));
}

#[test]
fn budgets_that_cannot_be_kept_are_refused() {
    let count = folder(COUNT);
    sweep(count.path(), &["--budget", "1h"]).refused(&["--budget chooses epochs", "trains nothing"]);
    let steps = folder(&training("", "steps = 3"));
    sweep(steps.path(), &["--budget", "1h"]).refused(&["--budget chooses epochs", "steps"]);
    let large = folder(&training("width = 1", "").replace("limit_train = 160", "limit_train = 50000"));
    sweep(large.path(), &["--budget", "3s"]).refused(&["--budget 3s is too small", "give --budget", "--shard"]);
}

#[test]
fn what_cannot_be_is_refused_with_its_place_before_anything_is_done() {
    let refused = |text: &str, words: &[&str]| {
        let folder = folder(text);
        sweep(folder.path(), &[]).refused(words);
        assert!(!folder.path().join("results").exists());
    };
    let count = "[[grid]]\nkind = \"count\"\nmodel = \"mobilenet-v1\"\n";
    refused(&format!("{count}widht = 1\n"), &["my.toml:4: unknown axis `widht`, did you mean `width`?"]);
    refused(
        "[[grid]]\nkind = \"speed\"\nmodel = \"mobilenet-v1\"\n",
        &["my.toml:2:", "accuracy, latency, throughput or count"],
    );
    refused(&format!("{count}width = []\n"), &["my.toml:4: the grid is empty"]);
    refused("# nothing\n", &["my.toml:1: there is no grid"]);
    refused(&format!("{count}{count}"), &["my.toml:4: the grid of line 1 already has this cell", "leave one"]);
    refused(&count.replace("v1", "v9*"), &["my.toml:3: no model matches `mobilenet-v9*`"]);
    refused(
        &format!("{count}width = 0\n"),
        &["my.toml:4: mobilenet-v1 with these values is not a valid network", "width"],
    );
    let folder = tempdir().unwrap();
    run(folder.path(), &["sweep", "none.toml"]).refused(&["cannot read none.toml"]);
}

#[test]
fn tables_that_are_not_ours_are_refused_and_torn_ones_mended_with_no_row_lost() {
    let folder = folder(COUNT);
    let table = folder.path().join("results/count.csv");
    fs::create_dir(folder.path().join("results")).unwrap();
    fs::write(&table, "model,width\nmobilenet-v2,1\n").unwrap();
    sweep(folder.path(), &[]).refused(&["count.csv has another header", "--results"]);
    assert_eq!(fs::read_to_string(&table).unwrap(), "model,width\nmobilenet-v2,1\n");

    fs::remove_file(&table).unwrap();
    sweep(folder.path(), &[]).code(0);
    let whole = fs::read_to_string(&table).unwrap();
    fs::write(&table, &whole[..whole.len() - 20]).unwrap();
    let mended = sweep(folder.path(), &[]).code(0);
    assert!(mended.stderr.contains("half-written") && mended.stderr.contains("7 there already"), "{}", mended.stderr);
    assert_eq!(fs::read_to_string(&table).unwrap(), whole);

    sweep(folder.path(), &["--results", "my.toml"]).refused(&["my.toml", "another folder with --results"]);
}
