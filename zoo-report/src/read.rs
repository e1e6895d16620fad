//! Reading tables: which one a file is, by its header; a torn last row is left out by name, and no other row is lost.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use zoo_core::{InputSize, Registry, regular_file};

use super::ReportError;
use super::network::Network;
use super::rows::{Published, Rows};
use zoo_results::cells::{self, Problem, header};
use zoo_results::text::{self, Record, Tail, Text};
use zoo_results::{accuracy, count, deployed, latency, stages, throughput};

/// The tables of a folder of results that a report is made of.
pub const TABLES: [&str; 5] = ["accuracy.csv", "count.csv", "latency.csv", "latency-stages.csv", "deployed.csv"];

/// The name of each kind of table, and how its header begins. What comes behind may lack, or grow.
fn known() -> [(Kind, &'static str, &'static [&'static str]); 7] {
    [
        (Kind::Accuracy, "accuracy", &header::<accuracy::Row>()[..12]),
        (Kind::Count, "count", &header::<count::Row>()[..8]),
        (Kind::Stages, "latency-stages", &header::<stages::Row>()[..11]),
        (Kind::Latency, "latency", &header::<latency::Row>()[..12]),
        (Kind::Throughput, "throughput", &header::<throughput::Row>()[..10]),
        (Kind::Deployed, "deployed", &header::<deployed::Row>()[..12]),
        (Kind::Published, "published", header::<Published>()),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Accuracy,
    Count,
    Latency,
    Stages,
    Throughput,
    Deployed,
    Published,
}

/// Reads all of `paths` into one set of rows.
///
/// # Errors
/// Where a file cannot be read, has a header of no table, or a row that is none of its table.
pub fn read(paths: &[PathBuf], registry: &Registry) -> Result<Rows, ReportError> {
    let mut rows = Rows::default();
    for path in paths {
        read_table(path, registry, &mut rows)?;
        rows.tables.push(path.display().to_string());
    }
    rows.keep_finished();
    Ok(rows)
}

fn read_table(path: &Path, registry: &Registry, rows: &mut Rows) -> Result<(), ReportError> {
    let bytes = regular_file::read_text(path).map_err(|source| ReportError::Read { path: path.into(), source })?;
    let bytes = bytes.as_bytes();
    let name = path.display();
    let Text { header, records, tail } = text::split(bytes);
    let kind = kind_of(&header);
    if known().iter().any(|(_, _, begin)| text::ends_within(bytes, begin)) || (kind.is_some() && tail == Tail::NoHeader)
    {
        rows.warnings.push(format!("{name} ends within its header and has no rows"));
        return Ok(());
    }
    let kind = kind.ok_or_else(|| unknown_header(path, &text::first_line(bytes)))?;
    if kind == Kind::Throughput {
        // Images a second belong to a batch and a number of threads; no curve of a paper has them.
        rows.warnings.push(format!("{name} is a table of throughput, which no figure shows, and is left out"));
        return Ok(());
    }
    for Record { line, fields } in &records {
        let fail = |problem: String| ReportError::Row { path: path.into(), line: *line, problem };
        if fields.len() != header.len() {
            return Err(fail(format!("it has {} cells, the header has {}", fields.len(), header.len())));
        }
        let added = add(kind, &Cells { header: &header, fields }, path, registry, rows);
        added.map_err(|problem| fail(problem.to_string()))?;
    }
    match tail {
        Tail::Whole | Tail::NoHeader => {}
        Tail::NoNewline => {
            rows.warnings.push(format!("{name} does not end in a newline; its last row has all its cells and is used"));
        }
        Tail::Torn { from } => {
            let torn = String::from_utf8_lossy(&bytes[from..]);
            rows.warnings.push(format!("{name} ends in a half-written row, which is left out: `{}`", torn.trim_end()));
        }
    }
    Ok(())
}

fn add(kind: Kind, cells: &Cells<'_>, path: &Path, registry: &Registry, rows: &mut Rows) -> Result<(), Problem> {
    let network = |model: &str, axes: (f64, f64, InputSize), profile: &str| {
        Network::new(registry, model, axes, if profile.is_empty() { "native" } else { profile })
    };
    match kind {
        Kind::Accuracy => {
            let row: accuracy::Row = cells.row()?;
            let of = network(&row.model, (row.width, row.depth, row.input_size), &row.profile);
            rows.runs.push((of, row.into()));
        }
        Kind::Count => {
            let row: count::Row = cells.row()?;
            let of = network(&row.model, (row.width, row.depth, row.input_size), &row.profile);
            rows.counts.push((of, row.into()));
        }
        Kind::Latency => {
            let row: latency::Row = cells.row()?;
            let of = network(&row.model, (row.width, row.depth, row.input_size), &row.profile);
            rows.latencies.push((of, row.into()));
        }
        Kind::Stages => {
            let row: stages::Row = cells.row()?;
            let of = network(&row.model, (row.width, row.depth, row.input_size), &row.profile);
            rows.stages.push((of, row.into()));
        }
        Kind::Deployed => {
            let row: deployed::Row = cells.row()?;
            let of = network(&row.model, (row.width, row.depth, row.input_size), &row.profile);
            rows.deployed.push((of, row));
        }
        Kind::Published => {
            let row: Published = cells.row()?;
            let axes = row.width.zip(row.depth).zip(row.input_size);
            let of = axes.map(|((width, depth), size)| network(&row.model, (width, depth, size), &row.profile));
            let file = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            rows.published.push((of, Published { file, ..row }));
        }
        Kind::Throughput => {}
    }
    Ok(())
}

/// A row with the header of its table.
struct Cells<'a> {
    header: &'a [String],
    fields: &'a [String],
}

impl Cells<'_> {
    fn row<R: DeserializeOwned>(&self) -> Result<R, Problem> {
        cells::read(self.header, self.fields)
    }
}

fn kind_of(header: &[String]) -> Option<Kind> {
    let columns: Vec<&str> = header.iter().map(|column| column.trim()).collect();
    known().into_iter().find(|(_, _, begin)| columns.starts_with(begin)).map(|(kind, ..)| kind)
}

fn unknown_header(path: &Path, first: &str) -> ReportError {
    let expected: Vec<String> = known()
        .iter()
        .map(|(_, name, begin)| format!("`{}` ({name})", begin[..5.min(begin.len())].join(",")))
        .collect();
    ReportError::Header {
        path: path.into(),
        found: first.chars().take(120).collect(),
        expected: expected.join(", or "),
    }
}

/// The tables to read: those named, or else those of `results` and all published ones, as far as they exist.
///
/// # Errors
/// Where a folder cannot be listed.
pub fn tables(named: &[PathBuf], results: &Path, published: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut paths = named.to_vec();
    if named.is_empty() {
        paths.extend(TABLES.iter().map(|name| results.join(name)).filter(|path| path.exists()));
    }
    match std::fs::read_dir(published) {
        Ok(entries) => {
            let mut found: Vec<PathBuf> = entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|path| path.extension().is_some_and(|ending| ending == "csv"))
                .collect();
            found.sort();
            found.retain(|path| !paths.contains(path));
            paths.extend(found);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(ReportError::Read { path: published.into(), source }),
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_known_by_how_its_header_begins() {
        let kind = |text: &str| kind_of(&text.split(',').map(String::from).collect::<Vec<_>>());
        assert_eq!(kind(&header::<accuracy::Row>().join(",")), Some(Kind::Accuracy));
        assert_eq!(kind(&(header::<count::Row>().join(",") + ",more")), Some(Kind::Count));
        assert_eq!(
            kind("model,width,depth,input_size,batch,threads,dtype,engine,stage,macs,ms,share"),
            Some(Kind::Stages)
        );
        assert_eq!(
            kind("model,width,depth,input_size,batch,threads,dtype,engine,macs,p50_ms,p90_ms,p99_ms,x"),
            Some(Kind::Latency)
        );
        assert_eq!((kind("model,width"), kind("")), (None, None));
    }

    #[test]
    fn a_run_that_ended_is_shown_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accuracy.csv");
        let row = |run: &str, seed: &str, status: &str| {
            let cell = |column: &&str| match *column {
                "run" => run,
                "model" => "mobilenet-v2",
                "seed" => seed,
                "status" => status,
                "profile" | "dataset" | "recipe_hash" => "x",
                "test_time_flip" => "true",
                _ => "1",
            };
            header::<accuracy::Row>().iter().map(cell).collect::<Vec<_>>().join(",")
        };
        let rows = [
            row("a", "0", "interrupted"),
            row("a", "0", "interrupted"),
            row("b", "0", "interrupted"),
            row("a", "1", "interrupted"),
            row("a", "0", "done"),
        ];
        std::fs::write(&path, format!("{}\n{}\n", header::<accuracy::Row>().join(","), rows.join("\n"))).unwrap();
        let left = read(&[path], &Registry::default()).unwrap().runs;
        let left: Vec<_> = left.iter().map(|(_, run)| (run.run.as_str(), run.seed, run.status.as_str())).collect();
        assert_eq!(left, [("b", Some(0), "interrupted"), ("a", Some(1), "interrupted"), ("a", Some(0), "done")]);
    }

    #[test]
    fn a_row_that_ends_in_a_comma_is_torn_as_it_is_for_those_who_append() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("count.csv");
        let whole =
            header::<count::Row>().join(",") + "\nmobilenet-v1,mobilenet-v1,1,1,224,1,2,3,native,1000,done,0123\n";
        std::fs::write(&path, format!("{whole}mobilenet-v1,mobilenet-v1,0.5,1,224,1,2,3,native,1000,done,")).unwrap();
        let rows = read(&[path], &Registry::default()).unwrap();
        assert_eq!(rows.counts.len(), 1);
        assert!(
            rows.warnings[0].contains("ends in a half-written row, which is left out: `mobilenet-v1,mobilenet-v1,0.5")
        );
    }
}
