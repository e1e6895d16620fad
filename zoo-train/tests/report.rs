//! `report`: what it leaves of tables that are as they should be.

#[path = "common/command.rs"]
mod command;
#[path = "common/tables.rs"]
mod tables;

use std::fs;
use std::path::Path;

use command::{Output, run};
use tables::{ACCURACY, LATENCY, PUBLISHED, committed, published, results, write};
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

/// How many lines are drawn in a figure, those of its legend aside.
fn lines(figure: &str) -> usize {
    let paths = figure.split("<path class=\"line ").skip(1);
    paths.filter(|path| path.split('>').next().unwrap().contains("data-series")).count()
}

#[test]
fn what_the_papers_print_is_drawn_over_the_counts_that_come_with_the_project() {
    let folder = tempdir().unwrap();
    committed(folder.path());
    report(folder.path()).code(0);
    let page = page(folder.path());
    for name in ["scaling-efficientnet-imagenet", "resolution-imagenet"] {
        let figure = figure(&page, name);
        assert!(lines(figure) >= 4 && figure.matches("class=\"mark ").count() >= 16, "{name}");
        assert!(folder.path().join(format!("results/report/{name}.png")).exists(), "{name}");
    }
    // Each drawing has its front, for the desk and for the phone, and a legend that says what it is.
    let figure = figure(&page, "accuracy-macs-imagenet");
    assert_eq!(figure.matches("class=\"front\"").count(), 4);
    for words in [">published</text>", "nothing cheaper", "MobileNetV2 (V2): width 0.35 to 1.4 at 96 to 224 px"] {
        assert_eq!(figure.matches(words).count(), 2, "{words}");
    }
    // Where a paper's figure is not what was counted.
    assert!(page.contains("<tr id=\"c") && page.contains(" class=\"off\""));
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
    assert!(
        page.contains("not reproducible from the repository") && page.contains("results/v2-1-seed0-10/config.toml")
    );
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
    assert_eq!(lines(figure(&joined, "accuracy-macs-cifar10")), 2);
    assert!(!joined.contains("different epochs"));
    write(&path, ACCURACY, &rows(30.0));
    report(folder.path()).code(0);
    let apart = page(folder.path());
    let apart = figure(&apart, "accuracy-macs-cifar10");
    assert_eq!((lines(apart), apart.matches("class=\"mark ").count()), (0, 4));
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
    assert_eq!(lines(apart), 0);
    assert!(apart.contains("not joined by a line: MobileNetV2 stem1 (several recipes)") && apart.contains("recipe bb"));
    assert!(!apart.contains("class=\"front\""), "a front over two recipes");
    write(&path, &header, &[row(0.5, "80", "aa"), row(1.0, "86", "aa"), row(1.0, "87", "aa")]);
    report(folder.path()).code(0);
    let joined = page(folder.path());
    let joined = figure(&joined, "accuracy-macs-cifar10");
    assert_eq!((lines(joined), joined.matches("class=\"mark ").count()), (2, 6));
    assert!(joined.contains("several runs of a network (mobilenet-v2, 32 px), lines go through the newest"));
}

#[test]
fn averages_noise_and_the_command_of_a_run_are_in_the_page() {
    let folder = tempdir().unwrap();
    let good = tables::run(1.0, 0, 10.0, "86.00", "stopped early").replace(",86.00,,", ",86.00,87.50,");
    let results = folder.path().join("results");
    write(&results.join("accuracy.csv"), ACCURACY, &[good.clone(), good.replace("0123456789ab", "ba9876543210")]);
    write(&results.join("latency.csv"), LATENCY, &[tables::latency(1.0, 19.0).replace("1.20", "7.31")]);
    report(folder.path()).code(0);
    let page = page(folder.path());
    assert!(page.contains("EMA top-1, %") && page.contains(">87.50<"));
    assert!(page.contains("noisy: 7.3 %"));
    assert!(page.contains("v2-1-seed0-10 of revision ba9876543210"));
    assert!(!page.contains("without a result"));
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
fn a_command_of_a_run_is_one_that_can_be_given_here() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("results/accuracy.csv");
    let header = format!("{ACCURACY},recipe_hash,command");
    let row = |command: &str| format!("{},,{command}", tables::run(1.0, 0, 10.0, "86", "done"));
    let said = |command: &str| {
        write(&path, &header, &[row(command)]);
        report(folder.path()).code(0);
        page(folder.path())
    };
    assert!(
        said("zoo-train --model mobilenet-v2 --epochs 10").contains("<code>zoo-train --model mobilenet-v2 --epochs 10")
    );
    let gone = said("zoo-train --config results/v2-1-seed0-10/config.toml");
    assert!(gone.contains("not reproducible") && !gone.contains("<code>zoo-train --config"));
    fs::create_dir_all(folder.path().join("results/v2-1-seed0-10")).unwrap();
    fs::write(folder.path().join("results/v2-1-seed0-10/config.toml"), "").unwrap();
    assert!(said("").contains("<code>zoo-train --config results/v2-1-seed0-10/config.toml</code>"));
}

/// Every command of a run in the report of the committed results, seen from the root of the project.
#[test]
fn the_committed_runs_name_files_that_are_in_the_repository() {
    let folder = tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    run(&root, &["report", "--output", folder.path().to_str().unwrap()]).code(0);
    let page = fs::read_to_string(folder.path().join("index.html")).unwrap();
    let runs = page.split("<details class=\"accuracy\"").nth(1).unwrap().split("</details>").next().unwrap();
    let commands: Vec<&str> = runs.split("<code>").skip(1).map(|rest| rest.split("</code>").next().unwrap()).collect();
    let rows = runs.matches("<tr").count() - 1;
    assert_eq!(commands.len(), rows);
    for file in commands.iter().flat_map(|command| command.split(' ')).filter(|word| word.ends_with(".toml")) {
        assert!(file.starts_with("configs/") && root.join(file).is_file(), "{file}");
    }
}

#[test]
fn what_is_not_the_whole_data_set_from_nothing_is_no_point_of_it() {
    let folder = tempdir().unwrap();
    let header = format!("{ACCURACY},limit_train,limit_test,weights,split,extended_from");
    let row = |seed: u64, top1: &str, more: &str| format!("{},{more},", tables::run(1.0, seed, 10.0, top1, "done"));
    let rows = [
        row(0, "86.00", ",,none,test"),
        row(1, "88.00", ",,,"),
        row(2, "36.11", "1000,,none,test"),
        row(3, "99.22", ",500,none,test"),
        row(4, "97.33", ",,v2.pth@0cc175b9,test"),
        row(5, "98.44", ",,none,validation"),
        row(7, "34.66", ",,none,test") + "45",
        row(6, "33.55", ",,none,test").replace("cifar10,10,", "cifar10,3,"),
    ];
    write(&folder.path().join("results/accuracy.csv"), &header, &rows);
    write(
        &folder.path().join("results/published/v2.csv"),
        PUBLISHED,
        &[
            published(1.0, 94.0, "").replace(",224,native,imagenet", ",32,stem1,cifar10"),
            published(0.5, 92.0, "").replace(",224,native,imagenet", ",32,stem1,cifar10"),
        ],
    );
    report(folder.path()).code(0);
    let page = page(folder.path());
    let shown = figure(&page, "accuracy-macs-cifar10");
    assert!(
        shown.contains("87.00 ± 1.41 %")
            && shown.contains("6 runs on part of the data, from pretrained weights, or extended are in the table")
    );
    for (top1, words) in [
        ("36.11", "on 1,000 training images"),
        ("99.22", "of 500 test images"),
        ("97.33", "from weights v2.pth@0cc175b9"),
        ("98.44", "of the validation images"),
        ("34.66", "extended from 45 steps"),
        ("33.55", "3 classes"),
    ] {
        assert!(!page.split("<section id=\"table\">").next().unwrap().contains(top1), "{top1} is in a figure");
        let row = page.split("<tr id=").find(|row| row.contains(&format!(">{top1}<"))).unwrap();
        // No published figure stands beside it.
        assert!(row.contains(words) && row.matches("data-value=").count() == 1, "{row}");
    }
}

#[test]
fn a_run_that_was_interrupted_and_finished_is_one_row() {
    let folder = tempdir().unwrap();
    let rows = [
        tables::run(1.0, 0, 4.0, "60", "interrupted").replace("-4,", "-10,"),
        tables::run(1.0, 0, 10.0, "86", "done"),
        tables::run(0.5, 0, 10.0, "80", "interrupted"),
    ];
    write(&folder.path().join("results/accuracy.csv"), ACCURACY, &rows);
    report(folder.path()).code(0);
    let page = page(folder.path());
    let said = "2 rows, 1 of them without a result, and 1 more of interrupted runs that were finished later";
    assert!(page.contains(said), "{}", page.split("<summary>").nth(1).unwrap().split('<').next().unwrap());
}

#[test]
fn a_report_is_written_where_its_rows_are() {
    let folder = tempdir().unwrap();
    results(folder.path());
    fs::rename(folder.path().join("results"), folder.path().join("mine")).unwrap();
    let said = run(folder.path(), &["report", "--results", "mine"]).code(0).text();
    assert!(said.contains("mine/report/index.html") && folder.path().join("mine/report/latency-macs.png").is_file());
    assert!(!folder.path().join("results").exists());
    // The papers' figures beside the rows are taken, and with none there those of the project.
    let page = fs::read_to_string(folder.path().join("mine/report/index.html")).unwrap();
    assert!(page.contains("mine/published/v2.csv"));
    fs::create_dir_all(folder.path().join("results")).unwrap();
    fs::rename(folder.path().join("mine/published"), folder.path().join("results/published")).unwrap();
    run(folder.path(), &["report", "--results", "mine", "--output", "elsewhere"]).code(0);
    assert!(
        fs::read_to_string(folder.path().join("elsewhere/index.html")).unwrap().contains("results/published/v2.csv")
    );
}

#[test]
fn what_stands_in_a_table_is_never_markup() {
    let folder = tempdir().unwrap();
    let hostile = "</title><script>alert(1)</script>'\"\"<img src=x onerror=alert(2)>&\u{1b}]0;\u{7}";
    let row = |width: f64| {
        let row = tables::run(width, 0, 10.0, "80", "done");
        let row =
            row.replacen(&format!("v2-{width}-seed0-10,mobilenet-v2"), &format!("\"{hostile}\",\"{hostile}\""), 1);
        row.replace("AMD EPYC", &format!("\"{hostile}\""))
    };
    let failed = tables::run(2.0, 0, 10.0, "", &format!("\"{hostile}\""));
    write(&folder.path().join("results/accuracy.csv"), ACCURACY, &[row(0.5), row(1.0), failed]);
    let note = format!("\"{hostile}\"");
    write(&folder.path().join("results/published/v2.csv"), PUBLISHED, &[published(1.0, 72.0, &note)]);
    let hostile_latency = LATENCY_OF_HOSTILE.replace("NAME", &format!("\"{hostile}\""));
    write(&folder.path().join("results/latency.csv"), LATENCY, &[hostile_latency]);
    report(folder.path()).code(0);
    let page = page(folder.path());
    // The script of the page is the only one.
    assert_eq!((page.matches("<script").count(), page.matches("<img").count()), (1, 0));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&#39;&quot;&lt;img src=x"));
    assert!(!page.contains('\u{1b}') && !page.contains('\u{7}'));
    let mut figures = 0;
    for entry in fs::read_dir(folder.path().join("results/report")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "svg") {
            let svg = fs::read_to_string(&path).unwrap();
            assert!(!svg.contains("<script") && !svg.contains("<img"), "{}", path.display());
            figures += 1;
        }
    }
    assert!(figures >= 2);
}

/// A row of `latency.csv` for a network of any name.
const LATENCY_OF_HOSTILE: &str = "NAME,1,1,224,1,1,f32,folded,300000000,19,20,21,19,0.1,0,50,100,1.20,0,native,3504872,done,\
    cpu,AMD EPYC,2.13.0,channels_last,0123456789ab";

#[test]
fn the_page_says_when_and_where_and_what_is_in_it() {
    let folder = tempdir().unwrap();
    results(folder.path());
    let mut command = command::zoo(folder.path(), &["report"]);
    assert!(command.env("SOURCE_DATE_EPOCH", "1764288000").status().unwrap().success());
    let page = page(folder.path());
    assert!(
        page.contains("Made on 28 November 2025 by zoo-train ") && page.contains("from 4 training runs, 2 latencies")
    );
    assert!(page.contains("Measured on AMD EPYC, libtorch 2.13.0 (training, latency)."));
    let contents = page.split("<nav").nth(1).unwrap().split("</nav>").next().unwrap();
    let links: Vec<&str> = contents.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(links.len() >= 10 && links.iter().all(|id| page.contains(&format!("id=\"{id}\""))), "{links:?}");
    // Every mark and every part of a bar can be reached and tells its name.
    for kind in ["<g class=\"mark ", "<g class=\"part p"] {
        let marks = page.split(kind).skip(1).map(|rest| rest.split('>').next().unwrap());
        let marks: Vec<&str> = marks.filter(|mark| kind.contains("mark") || mark.contains("tabindex")).collect();
        assert!(!marks.is_empty());
        for mark in marks {
            assert!(
                mark.contains("tabindex=\"0\"") && mark.contains("aria-label=\"") && !mark.contains("aria-label=\"\""),
                "{mark}"
            );
        }
    }
}
