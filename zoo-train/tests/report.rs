//! `report`: what it leaves, and what it says of tables that are not as they should be.

#[path = "common/command.rs"]
mod command;
#[path = "common/tables.rs"]
mod tables;

use std::fs;
use std::path::Path;

use command::{Output, run};
use tables::{ACCURACY, LATENCY, PUBLISHED, published, results, write};
use tempfile::tempdir;

#[track_caller]
fn report(folder: &Path) -> Output {
    run(folder, &["report"])
}

#[track_caller]
fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("results/report/index.html")).unwrap()
}

/// The figure of that name in the page, the part after the phone's drawing included.
#[track_caller]
fn figure<'a>(page: &'a str, name: &str) -> &'a str {
    let from = page.find(&format!("<figure id=\"{name}\">")).unwrap_or_else(|| panic!("no figure {name}"));
    page[from..].split("</figure>").next().unwrap()
}

#[test]
fn every_figure_is_in_the_page_and_a_file_of_both_kinds() {
    let folder = tempdir().unwrap();
    results(folder.path());
    run(folder.path(), &["list", "mobilenet-v2", "--widths", "0.5,1,1.4", "--append", "-o", "results/count.csv"])
        .code(0);
    assert!(report(folder.path()).code(0).text().contains("index.html"));
    let page = page(folder.path());
    for name in [
        "accuracy-macs-imagenet",
        "accuracy-macs-cifar10",
        "accuracy-parameters-imagenet",
        "accuracy-latency-imagenet",
        "width-imagenet",
        "width-cifar10",
        "latency-macs",
        "latency-stages",
    ] {
        assert_eq!(figure(&page, name).matches("<svg class=\"chart").count(), 2, "{name}");
        let svg = fs::read_to_string(folder.path().join(format!("results/report/{name}.svg"))).unwrap();
        assert!(svg.starts_with("<svg xmlns=") && svg.contains("prefers-color-scheme:dark"), "{name}");
        let png = fs::read(folder.path().join(format!("results/report/{name}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000, "{name}: {} bytes", png.len());
    }
}

/// The tables that come with the project.
fn committed(folder: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    fs::create_dir_all(folder.join("results/published")).unwrap();
    fs::copy(from.join("count.csv"), folder.join("results/count.csv")).unwrap();
    for entry in fs::read_dir(from.join("published")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join("results/published").join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn what_the_papers_print_is_drawn_over_the_counts_that_come_with_the_project() {
    let folder = tempdir().unwrap();
    committed(folder.path());
    report(folder.path()).code(0);
    let page = page(folder.path());
    for name in ["scaling-efficientnet-imagenet", "resolution-imagenet"] {
        let figure = figure(&page, name);
        assert!(
            figure.matches("class=\"line ").count() >= 4 && figure.matches("class=\"mark ").count() >= 16,
            "{name}"
        );
        assert!(folder.path().join(format!("results/report/{name}.png")).exists(), "{name}");
    }
    // Each drawing has its front, for the desk and for the phone.
    assert_eq!(figure(&page, "accuracy-macs-imagenet").matches("class=\"front\"").count(), 2);
    // Where a paper's figure is not what was counted.
    assert!(page.contains("class=\"off\""));
    // The table begins with what has both values, and so a difference.
    let rows = page.split("<tr id=").skip(1).map(|row| row.split("</tr>").next().unwrap());
    let both: Vec<bool> = rows.map(|row| row.matches("data-value=").count() == 3).collect();
    let first = both.iter().filter(|both| **both).count();
    assert!(first > 50 && first < both.len() && both[..first].iter().all(|both| *both), "{first} of {}", both.len());
}

#[test]
fn the_page_loads_nothing() {
    let folder = tempdir().unwrap();
    results(folder.path());
    report(folder.path()).code(0);
    let page = page(folder.path());
    for foreign in ["http://", "https://", "//cdn", "<link", "<img", "<iframe", "@import", "url(", " src="] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn every_point_names_its_run_and_its_row_is_in_the_table() {
    let folder = tempdir().unwrap();
    results(folder.path());
    report(folder.path()).code(0);
    let page = page(folder.path());
    let measured = figure(&page, "accuracy-macs-cifar10");
    assert!(measured.contains("81.00 ± 1.41 % top-1") && measured.contains("(v2-0.5-seed0-10, v2-0.5-seed1-10)"));
    assert!(measured.contains("class=\"bar\"") && measured.contains("one standard deviation over seeds"));
    assert!(figure(&page, "accuracy-macs-imagenet").contains("(A &amp; B, 2018, Table 4)"));
    let figures = page.split("<script").next().unwrap();
    let rows: Vec<&str> = figures.split("data-row=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(rows.len() > 10 && rows.iter().all(|row| page.contains(&format!("<tr id=\"{row}\""))));
    assert!(page.contains("with &lt;angle&gt; &amp; more"));
}

#[test]
fn a_failed_cell_stays_visible_and_every_row_has_its_command() {
    let folder = tempdir().unwrap();
    results(folder.path());
    report(folder.path()).code(0);
    let page = page(folder.path());
    assert!(page.contains("4 rows, 1 of them without a result"));
    assert!(page.contains("<td>out of memory</td>"));
    assert!(page.contains("zoo-train --config results/v2-1-seed0-10/config.toml"));
    assert!(page.contains("zoo-train latency mobilenet-v2 --width 0.5 --depth 1 --input-size 224 --batch 1"));
    assert!(page.contains("AMD EPYC, 2 threads, libtorch 2.13.0, f32, channels_last, revision 0123456789ab"));
}

#[test]
fn points_of_unequal_epochs_are_not_joined_and_the_page_says_so() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("results/accuracy.csv");
    let rows = |epochs| [tables::run(0.5, 0, 10.0, "80", "done"), tables::run(1.0, 0, epochs, "86", "done")];
    write(&path, ACCURACY, &rows(10.0));
    report(folder.path()).code(0);
    let joined = page(folder.path());
    assert_eq!(figure(&joined, "accuracy-macs-cifar10").matches("class=\"line ").count(), 2);
    assert!(!joined.contains("unequal epochs"));
    write(&path, ACCURACY, &rows(30.0));
    report(folder.path()).code(0);
    let apart = page(folder.path());
    let apart = figure(&apart, "accuracy-macs-cifar10");
    assert_eq!((apart.matches("class=\"line ").count(), apart.matches("class=\"mark ").count()), (0, 4));
    assert!(apart.contains("not joined by a line: MobileNetV2 stem1 (10 and 30 epochs)"));
}

#[test]
fn recipes_are_not_joined_and_the_newest_run_of_a_network_is_on_the_line() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("results/accuracy.csv");
    let header = format!("{ACCURACY},test_time_flip,recipe_hash");
    let row =
        |width: f64, top1: &str, recipe: &str| format!("{},false,{recipe}", tables::run(width, 0, 10.0, top1, "done"));
    write(&path, &header, &[row(0.5, "80", "aa"), row(1.0, "86", "bb")]);
    report(folder.path()).code(0);
    let apart = page(folder.path());
    let apart = figure(&apart, "accuracy-macs-cifar10");
    assert_eq!(apart.matches("class=\"line ").count(), 0);
    assert!(apart.contains("not joined by a line: MobileNetV2 stem1 (several recipes)") && apart.contains("recipe bb"));
    assert!(!apart.contains("class=\"front\""), "a front over two recipes");
    write(&path, &header, &[row(0.5, "80", "aa"), row(1.0, "86", "aa"), row(1.0, "87", "aa")]);
    report(folder.path()).code(0);
    let joined = page(folder.path());
    let joined = figure(&joined, "accuracy-macs-cifar10");
    assert_eq!((joined.matches("class=\"line ").count(), joined.matches("class=\"mark ").count()), (2, 6));
    assert!(joined.contains("several runs of a network (mobilenet-v2, 32 px), lines go through the newest"));
}

#[test]
fn averages_noise_and_the_command_of_a_run_are_in_the_page() {
    let folder = tempdir().unwrap();
    let good = tables::run(1.0, 0, 10.0, "86.00", "stopped early").replace(",86.00,,", ",86.00,87.50,");
    let results = folder.path().join("results");
    write(&results.join("accuracy.csv"), ACCURACY, &[good.clone(), good.replace("0123456789ab", "ba9876543210")]);
    write(&results.join("latency.csv"), LATENCY, &[tables::latency(1.0, 19.0).replace("quiet", "7.31")]);
    report(folder.path()).code(0);
    let page = page(folder.path());
    assert!(page.contains("top-1 of averages, %") && page.contains(">87.50<"));
    assert!(page.contains("noisy: 7.3 %"));
    assert!(page.contains("v2-1-seed0-10 of revision ba9876543210"));
    assert!(!page.contains("without a result"));
    assert!(page.contains("results/v2-1-seed0-10/config.toml (the run's folder is not in git)"));
}

#[test]
fn tables_that_were_put_together_are_one() {
    let folder = tempdir().unwrap();
    results(folder.path());
    let path = folder.path().join("results/accuracy.csv");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("\u{feff}{whole}{ACCURACY}\n{}\n", tables::run(0.75, 0, 10.0, "84", "done"))).unwrap();
    report(folder.path()).code(0);
    assert!(page(folder.path()).contains("v2-0.75-seed0-10"));
}

#[test]
fn what_has_no_rows_yet_is_a_sentence_and_no_empty_figure() {
    let folder = tempdir().unwrap();
    write(
        &folder.path().join("results/published/v2.csv"),
        PUBLISHED,
        &[published(0.5, 65.4, ""), published(1.0, 72.0, "")],
    );
    let said = report(folder.path()).code(0).text();
    let page = page(folder.path());
    for sentence in ["No latency against MACs yet", "No latency by stage yet", "No accuracy against latency yet"] {
        assert!(said.contains(sentence) && page.contains(sentence), "{sentence}");
    }
    assert!(!page.contains("id=\"latency-macs\""));
    let empty = tempdir().unwrap();
    report(empty.path()).refused(&["nothing to report", "sweep"]);
}

#[test]
fn a_table_with_another_header_is_refused_by_name() {
    let folder = tempdir().unwrap();
    results(folder.path());
    write(&folder.path().join("other.csv"), "model,speed", &["mobilenet-v2,3".into()]);
    run(folder.path(), &["report", "other.csv"]).refused(&[
        "other.csv",
        "another header (`model,speed`)",
        "(accuracy)",
    ]);
    run(folder.path(), &["report", "none.csv"]).refused(&["none.csv"]);
    assert!(!folder.path().join("results/report").exists());
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
