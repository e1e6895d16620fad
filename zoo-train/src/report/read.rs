//! Reading tables: which one a file is, by its header; a torn last row is left out by name, and no other row is lost.

use std::path::{Path, PathBuf};

use csv::StringRecord;
use zoo_core::Registry;

use super::ReportError;
use super::cells::Cells;
use super::network::Network;
use super::rows::{Count, Latency, Published, Rows, Run, Stage};
use crate::latency::{row, stages, throughput};
use crate::results::{accuracy, count};

/// The tables of a folder of results that a report is made of.
pub const TABLES: [&str; 4] = ["accuracy.csv", "count.csv", "latency.csv", "latency-stages.csv"];

/// How the header of each kind of table begins. What comes behind may grow.
const HEADERS: [(Kind, &str, &[&str]); 6] = [
    (Kind::Accuracy, "accuracy", accuracy::HEADER.split_at(12).0),
    (Kind::Count, "count", count::HEADER.split_at(8).0),
    (Kind::Stages, "latency-stages", stages::HEADER.split_at(11).0),
    (Kind::Latency, "latency", row::HEADER.split_at(12).0),
    (Kind::Throughput, "throughput", throughput::HEADER.split_at(10).0),
    (
        Kind::Published,
        "published",
        &[
            "model",
            "width",
            "depth",
            "input_size",
            "profile",
            "dataset",
            "epochs",
            "top1",
            "params_m",
            "macs_m",
            "source",
            "table",
            "note",
        ],
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Accuracy,
    Count,
    Latency,
    Stages,
    Throughput,
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
    Ok(rows)
}

fn read_table(path: &Path, registry: &Registry, rows: &mut Rows) -> Result<(), ReportError> {
    let text = std::fs::read_to_string(path).map_err(|source| ReportError::Read { path: path.into(), source })?;
    let fail = |line: u64, problem: String| ReportError::Row { path: path.into(), line, problem };
    // A spreadsheet may have put it there.
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    if !text.contains('\n') && HEADERS.iter().any(|(_, _, begin)| begin.join(",").starts_with(first)) {
        rows.warnings.push(format!("{} ends within its header and has no rows", path.display()));
        return Ok(());
    }
    let kind = kind_of(first).ok_or_else(|| unknown_header(path, first))?;
    if kind == Kind::Throughput {
        // Images a second belong to a batch and a number of threads; no curve of a paper has them.
        rows.warnings
            .push(format!("{} is a table of throughput, which no figure shows: it is left out", path.display()));
        return Ok(());
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| fail(1, error.to_string()))?.clone();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| fail(0, error.to_string()))? {
        let line = record.position().map_or(0, csv::Position::line);
        let last = reader.is_done() || reader.position().byte() as usize >= text.len();
        let torn = last && !text.ends_with('\n');
        if record == header {
            // Tables that were put together keep their headers.
            continue;
        }
        if torn && record.len() < header.len() {
            let row = record.iter().collect::<Vec<_>>().join(",");
            rows.warnings.push(format!("{} ends in a half-written row, which is left out: `{row}`", path.display()));
            break;
        }
        if record.len() != header.len() {
            return Err(fail(line, format!("it has {} cells, the header has {}", record.len(), header.len())));
        }
        if torn {
            let path = path.display();
            rows.warnings.push(format!("{path} does not end in a newline; its last row has all its cells and is used"));
        }
        add(kind, &Cells { header: &header, record: &record }, path, registry, rows)
            .map_err(|problem| fail(line, problem))?;
    }
    Ok(())
}

fn add(kind: Kind, cells: &Cells<'_>, path: &Path, registry: &Registry, rows: &mut Rows) -> Result<(), String> {
    if kind == Kind::Published {
        let file = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let known = ["width", "depth", "input_size"].iter().all(|column| !cells.text(column).is_empty());
        let network = if known { Some(network(cells, registry)?) } else { None };
        rows.published.push((network, Published::read(cells, &file)?));
        return Ok(());
    }
    let network = network(cells, registry)?;
    match kind {
        Kind::Accuracy => rows.runs.push((network, Run::read(cells)?)),
        Kind::Count => rows.counts.push((network, Count::read(cells)?)),
        Kind::Latency => rows.latencies.push((network, Latency::read(cells)?)),
        Kind::Stages | Kind::Throughput | Kind::Published => rows.stages.push((network, Stage::read(cells)?)),
    }
    Ok(())
}

fn network(cells: &Cells<'_>, registry: &Registry) -> Result<Network, String> {
    let profile = Some(cells.text("profile")).filter(|profile| !profile.is_empty());
    let axes = (cells.need("width")?, cells.need("depth")?, cells.need("input_size")?);
    Ok(Network::new(registry, &cells.text("model"), axes, profile.as_deref().unwrap_or("native")))
}

fn kind_of(first: &str) -> Option<Kind> {
    let columns: Vec<&str> = first.split(',').map(str::trim).collect();
    HEADERS.iter().find(|(_, _, begin)| columns.starts_with(begin)).map(|(kind, ..)| *kind)
}

fn unknown_header(path: &Path, first: &str) -> ReportError {
    let expected: Vec<String> = HEADERS
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
        paths.extend(TABLES.iter().map(|name| results.join(name)).filter(|path| path.is_file()));
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
        assert_eq!(kind_of(&accuracy::HEADER.join(",")), Some(Kind::Accuracy));
        assert_eq!(kind_of(&(count::HEADER.join(",") + ",more")), Some(Kind::Count));
        assert_eq!(
            kind_of("model,width,depth,input_size,batch,threads,dtype,mode,stage,macs,ms,share"),
            Some(Kind::Stages)
        );
        assert_eq!(
            kind_of("model,width,depth,input_size,batch,threads,dtype,mode,macs,p50_ms,p90_ms,p99_ms,x"),
            Some(Kind::Latency)
        );
        assert_eq!(kind_of("model,width"), None);
        assert_eq!(kind_of(""), None);
    }
}
