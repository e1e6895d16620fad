//! The tables of `results/`: what their types, their documentation and the shipped files say of their columns.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use zoo_results::cells::{header, read, write};
use zoo_results::text::{self, Text};
use zoo_results::{Row, TableOf, accuracy, count, deployed, epochs, latency, metrics, stages, throughput};

const README: &str = include_str!("../../results/README.md");
/// The texts that cells are tried with.
const CELL: &str =
    "|[0-9]{1,6}|[0-9]{1,3}\\.[0-9]{1,7}|NaN|inf|true|false|160x320|1x28x28|[0-9]{1,3} [0-9]{1,3}|[a-z,\" \n]{1,6}";

/// Calls a generic function for the rows of every table.
macro_rules! every_table {
    ($call:ident($($argument:expr),*)) => {
        $call::<accuracy::Row>($($argument),*);
        $call::<deployed::Row>($($argument),*);
        $call::<count::Row>($($argument),*);
        $call::<latency::Row>($($argument),*);
        $call::<stages::Row>($($argument),*);
        $call::<throughput::Row>($($argument),*);
        $call::<metrics::Row>($($argument),*);
        $call::<epochs::Row>($($argument),*);
    };
}

/// The names in the first cells of the table below `## Columns of` a file.
fn documented(file: &str) -> Vec<&'static str> {
    let section = README.split(&format!("\n## Columns of `{file}`\n")).nth(1);
    let section = section.unwrap_or_else(|| panic!("results/README.md has no columns of {file}"));
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect()
}

fn is_documented<R: Row>() {
    let (columns, named) = (header::<R>(), documented(R::FILE));
    let (all, known): (BTreeSet<_>, BTreeSet<_>) = (columns.iter().copied().collect(), named.iter().copied().collect());
    assert_eq!(all, known, "of {}", R::FILE);
    assert_eq!((columns.len(), named.len()), (all.len(), known.len()), "a column of {} comes twice", R::FILE);
}

#[test]
fn every_column_is_documented() {
    every_table!(is_documented());
}

/// The cells of a row that can be read.
fn plain<R: Row>() -> Vec<String> {
    let fill = ["1", "", "32"];
    let mut cells: Vec<String> = header::<R>().iter().map(|_| "1".into()).collect();
    // Columns that cannot hold a 1 are found one after the other.
    while let Err(problem) = read::<R, _>(header::<R>(), &cells) {
        let problem = problem.to_string();
        let column = problem.split('`').nth(1).unwrap();
        let place = header::<R>().iter().position(|name| *name == column).unwrap();
        let next = fill.iter().position(|text| *text == cells[place]).unwrap() + 1;
        cells[place] = fill[next].into();
    }
    cells
}

/// A row with those of `texts` that its columns can hold.
fn of_texts<R: Row>(texts: &[String]) -> R {
    let mut cells = plain::<R>();
    for (place, text) in texts.iter().enumerate().take(cells.len()) {
        let before = std::mem::replace(&mut cells[place], text.clone());
        if read::<R, _>(header::<R>(), &cells).is_err() {
            cells[place] = before;
        }
    }
    read(header::<R>(), &cells).unwrap()
}

fn reads_back<R: Row + Debug>(texts: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let table = TableOf::<R>::new(folder.path());
    // Numbers are printed with the digits that count.
    let printed = write(&of_texts::<R>(texts)).unwrap();
    let row: R = read(header::<R>(), &printed).unwrap();
    table.append_all(std::slice::from_ref(&row)).unwrap();
    let found = table.rows().unwrap();
    assert_eq!((found.len(), write(&found[0]).unwrap()), (1, printed), "of {}", R::FILE);
    // No number is equal to itself that is none.
    assert_eq!(format!("{:?}", found[0]), format!("{row:?}"), "of {}", R::FILE);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_row_reads_back_as_it_was_written(texts in prop::collection::vec(CELL, 40)) {
        every_table!(reads_back(&texts));
    }
}

fn is_kept<R: Row>(rows: &mut usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results").join(R::FILE);
    let Ok(bytes) = fs::read(&path) else { return };
    let Text { header: found, records, .. } = text::split(&bytes);
    let columns = header::<R>();
    assert!(columns.iter().zip(&found).all(|(column, name)| column == name), "{}", path.display());
    let mut lines = text::line(&found).unwrap();
    for record in &records {
        let row: R = read(&found, &record.fields).unwrap_or_else(|problem| panic!("line {}: {problem}", record.line));
        let cells = write(&row).unwrap();
        let mut padded = record.fields.clone();
        padded.resize(columns.len(), String::new());
        assert_eq!(cells, padded, "{} line {}", path.display(), record.line);
        lines.extend(text::line(&cells[..found.len()]).unwrap());
    }
    assert_eq!(String::from_utf8(lines).unwrap(), String::from_utf8(bytes).unwrap());
    *rows += records.len();
}

#[test]
fn shipped_tables_are_written_as_they_are_read() {
    let mut rows = 0;
    every_table!(is_kept(&mut rows));
    assert!(rows > 1000, "{rows} rows");
}

fn grows<R: Row>(grown: &mut usize) {
    let Some(last) = R::OLDEST else { return };
    let columns = header::<R>();
    let oldest = columns.iter().position(|column| *column == last).unwrap() + 1;
    let folder = tempfile::tempdir().unwrap();
    let cells = plain::<R>();
    let lines = [columns[..oldest].join(","), cells[..oldest].join(",")];
    fs::write(folder.path().join(R::FILE), lines.join("\n") + "\n").unwrap();
    let table = TableOf::<R>::new(folder.path());
    let rows = table.rows().unwrap();
    let expected: Vec<String> = cells
        .iter()
        .enumerate()
        .map(|(place, cell)| if place < oldest { cell.clone() } else { String::new() })
        .collect();
    let read_back: R = read(columns, &expected).unwrap();
    assert_eq!((rows.len(), write(&rows[0]).unwrap()), (1, write(&read_back).unwrap()));
    table.append(&of_texts::<R>(&[])).unwrap();
    assert_eq!(table.rows().unwrap().len(), 2);
    let text = fs::read_to_string(folder.path().join(R::FILE)).unwrap();
    assert!(text.starts_with(&columns.join(",")), "{text}");
    *grown += 1;
}

#[test]
fn a_table_of_an_older_header_is_read_and_grows() {
    let mut grown = 0;
    every_table!(grows(&mut grown));
    assert_eq!(grown, 4);
}

fn is_named<R: Row>(named: &mut usize) {
    let folder = tempfile::tempdir().unwrap();
    let columns = header::<R>();
    let Some(place) = columns.iter().position(|column| ["width", "step", "epochs"].contains(column)) else { return };
    let (good, mut bad) = (plain::<R>(), plain::<R>());
    bad[place] = "wide".into();
    let lines = [columns.join(","), good.join(","), bad.join(",")];
    fs::write(folder.path().join(R::FILE), lines.join("\n") + "\n").unwrap();
    let table = TableOf::<R>::new(folder.path());
    let error = table.rows().map(|_| ()).unwrap_err().to_string();
    let cell = format!("{} line 3: column `{}` has `wide`", R::FILE, columns[place]);
    assert!(error.contains(&cell) && error.contains("correct or remove that line"), "{error}");
    // Rows of others are no reason to lose one's own.
    table.check().unwrap();
    table.append(&of_texts::<R>(&[])).unwrap();
    assert_eq!(table.readable_rows().unwrap().len(), 2);
    *named += 1;
}

#[test]
fn a_cell_that_cannot_be_is_named_and_does_not_keep_others_from_writing() {
    let mut named = 0;
    every_table!(is_named(&mut named));
    assert_eq!(named, 8);
}
