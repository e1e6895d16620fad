//! The names in the figures of a report, measured: each is at its line or point, covers none and no other name.

#[path = "common/chart.rs"]
mod chart;
#[path = "common/command.rs"]
mod command;
#[path = "common/tables.rs"]
mod tables;

use std::fs;

use chart::{Chart, Series, along, distance, overlap};
use command::run;
use tables::{ACCURACY, committed, write};
use tempfile::tempdir;

/// Radius of a mark.
const MARK: f64 = 3.6;

/// What is wrong with the names of a chart.
fn faults(chart: &Chart) -> Vec<String> {
    let mut faults = Vec::new();
    let all: Vec<(&String, &[f64; 4])> =
        chart.series.values().flat_map(|series| &series.names).map(|(words, rect)| (words, rect)).collect();
    for (at, (words, rect)) in all.iter().enumerate() {
        if rect[0] < 0.0 || rect[1] < 0.0 || rect[2] > chart.size.0 || rect[3] > chart.size.1 {
            faults.push(format!("{words} is cut off"));
        }
        for (other, _) in all[at + 1..].iter().filter(|(_, other)| overlap(rect, other)) {
            faults.push(format!("{words} and {other} overlap"));
        }
        for mark in chart.series.values().flat_map(|series| &series.marks) {
            if distance(rect, *mark) < MARK {
                faults.push(format!("{words} covers the mark at {mark:?}"));
            }
        }
    }
    for (number, series) in &chart.series {
        match series.names.as_slice() {
            [(words, rect)] => faults.extend(misplaced(words, rect, number, series, chart)),
            names => faults.push(format!("series {number} has {} names", names.len())),
        }
    }
    faults
}

/// Whether a name would be read as that of another series.
fn misplaced(words: &str, rect: &[f64; 4], number: &str, series: &Series, chart: &Chart) -> Option<String> {
    let others = || chart.series.iter().filter(|(other, _)| *other != number).map(|(_, other)| other);
    let Some(leader) = series.leaders.first() else {
        let own = series.ends().iter().map(|end| distance(rect, *end)).fold(f64::INFINITY, f64::min);
        let nearest = others().map(|other| other.distance(rect)).fold(f64::INFINITY, f64::min);
        return (own > 13.0 || series.distance(rect) >= nearest)
            .then(|| format!("{words} is {own:.1} from its end, and {nearest:.1} from another"));
    };
    let (from, to) = (leader[0], leader[1]);
    if !series.ends().iter().any(|end| (end.0 - from.0).hypot(end.1 - from.1) < 1.0) || distance(rect, to) > 4.0 {
        return Some(format!("the leader of {words} goes from {from:?} to {to:?}"));
    }
    let through = |other: &Series| {
        let names =
            other.names.iter().any(|(_, rect)| along(from, to).iter().any(|place| distance(rect, *place) == 0.0));
        names || other.leaders.iter().any(|leader| leader[0] == from)
    };
    others().any(through).then(|| format!("the leader of {words} goes through another name"))
}

#[test]
fn every_name_in_the_figures_of_the_committed_results_is_at_its_own_and_covers_nothing() {
    let folder = tempdir().unwrap();
    committed(folder.path());
    run(folder.path(), &["report"]).code(0);
    let page = fs::read_to_string(folder.path().join("results/report/index.html")).unwrap();
    let mut charts = 0;
    for figure in page.split("<figure id=\"").skip(1) {
        let (name, body) = figure.split_once('"').unwrap();
        for chart in Chart::all(body.split("</figure>").next().unwrap()) {
            charts += 1;
            assert!(chart.series.values().all(|series| !series.marks.is_empty()), "{name}");
            let faults = faults(&chart);
            assert!(faults.is_empty(), "{name}, {:?}:\n{}", chart.size, faults.join("\n"));
        }
    }
    // Each figure of points is drawn for the desk and for the phone.
    assert!(charts >= 2 * 12, "{charts}");
}

#[test]
fn a_crowd_of_points_has_no_name_over_another_and_the_legend_says_how_many_have_none() {
    let folder = tempdir().unwrap();
    let rows: Vec<String> = (0..90u32)
        .map(|at| {
            let top1 = format!("{:.2}", 80.0 + f64::from(at % 9));
            tables::run(1.0 + 0.01 * f64::from(at / 9), at.into(), 10.0 + f64::from(at), &top1, "done")
        })
        .collect();
    write(&folder.path().join("results/accuracy.csv"), ACCURACY, &rows);
    run(folder.path(), &["report"]).code(0);
    let page = fs::read_to_string(folder.path().join("results/report/index.html")).unwrap();
    for chart in Chart::all(&page) {
        let unnamed = chart.series.values().filter(|series| series.names.is_empty()).count();
        let faults: Vec<String> = faults(&chart).into_iter().filter(|fault| !fault.ends_with("has 0 names")).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(unnamed == 0 || page.contains(&format!("{unnamed} more are not labelled")), "{unnamed}");
    }
}

#[test]
fn the_report_is_the_same_with_and_without_a_table_of_counts() {
    let figures_and_rows = |counts: bool| {
        let folder = tempdir().unwrap();
        committed(folder.path());
        if !counts {
            fs::remove_file(folder.path().join("results/count.csv")).unwrap();
        }
        run(folder.path(), &["report"]).code(0);
        let page = fs::read_to_string(folder.path().join("results/report/index.html")).unwrap();
        page[page.find("<section class=\"figures\">").unwrap()..page.find("<section id=\"origins\">").unwrap()]
            .to_string()
    };
    let (with, without) = (figures_and_rows(true), figures_and_rows(false));
    assert!(with.len() > 100_000 && with == without);
}
