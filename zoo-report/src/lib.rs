//! The report: trade-off curves of what was measured, counted and published.
//!
//! Data flows one way: `read` tables into `rows`, rows into `observation`s, those into `curve`s, curves into
//! `figure`s, and figures with the `table` and the `origin`s of its rows into a `page`. What engines come to goes by
//! `candidate`s, from rows to figures; [`choose`] answers questions with them.

mod accuracies;
mod axis;
mod bars;
mod candidate;
mod canvas;
mod chart;
pub mod choose;
mod curve;
mod dots;
mod error;
mod family;
mod figure;
mod figures;
mod font;
mod geometry;
mod latencies;
mod legend;
mod lines;
mod mark;
mod network;
mod observation;
mod origin;
mod page;
mod place;
pub mod raster;
mod read;
mod rows;
mod run;
mod sweeps;
mod table;
mod theme;

use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use zoo_core::Registry;

pub use error::ReportError;
use figure::Missing;
use page::{Drawn, Page};
pub use read::tables;
use rows::Rows;

/// What [`write()`] left.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The page.
    pub page: PathBuf,
    /// Names of the figures, each as SVG and PNG.
    pub figures: Vec<String>,
    /// Sentences for figures that have no rows yet.
    pub missing: Vec<String>,
    /// What was mended in the tables.
    pub warnings: Vec<String>,
}

/// Reads `paths` and writes the page and its figures into the folder `out`.
///
/// # Errors
/// Where a table is none, nothing is in them, or the folder cannot be written.
pub fn write(paths: &[PathBuf], out: &Path, registry: &Registry) -> Result<Written, ReportError> {
    let rows = read::read(paths, registry)?;
    if rows.is_empty() {
        let problem = if rows.tables.is_empty() {
            "no table was found".into()
        } else {
            format!("there is no row in {}", rows.tables.join(", "))
        };
        return Err(ReportError::Nothing { problem });
    }
    let observations = observation::observe(&rows, registry);
    let figures = figures::figures(&rows, &observations, registry);
    let figures = figures.into_iter().map(|figure| match figure {
        Ok(figure) => Drawn::new(figure).map(Ok).map_err(|(figure, problem)| ReportError::Figure { figure, problem }),
        Err(missing) => Ok(Err(missing)),
    });
    let figures: Vec<Result<Drawn, Missing>> = figures.collect::<Result<_, _>>()?;
    let page = Page {
        figures: &figures,
        comparisons: &table::comparisons(&rows, &observations, registry),
        origins: &origin::origins(&rows, &folder_of_results(paths), registry),
        tables: &rows.tables,
        warnings: &rows.warnings,
        made: &made(&rows),
        machines: &origin::machines(&rows),
        superseded: rows.superseded,
    };
    let mut written = Written { page: out.join("index.html"), warnings: rows.warnings.clone(), ..Written::default() };
    std::fs::create_dir_all(out).map_err(|source| ReportError::Write { path: out.into(), source })?;
    for figure in &figures {
        match figure {
            Ok(drawn) => written.figures.push(files(drawn, out)?),
            Err(missing) => written.missing.push(missing.sentence.clone()),
        }
    }
    file(&written.page, page.html().as_bytes())?;
    Ok(written)
}

/// The day, what the page was made by, and of what.
fn made(rows: &Rows) -> String {
    // As the convention for builds that can be repeated has it.
    let told = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let told = told.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let date = told.unwrap_or_else(OffsetDateTime::now_utc).date();
    let version = format!("zoo-train {}, revision {}", env!("CARGO_PKG_VERSION"), zoo_results::revision());
    let counts = [
        (rows.runs.len(), "training runs"),
        (rows.latencies.len(), "latencies"),
        (rows.published.len(), "published rows"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
    let from = if counts.is_empty() { String::new() } else { format!(" from {}", counts.join(", ")) };
    format!("Made on {} {} {} by {version},{from}.", date.day(), date.month(), date.year()).replace(",.", ".")
}

/// The folder of runs: that of the table of accuracies.
fn folder_of_results(paths: &[PathBuf]) -> PathBuf {
    let accuracies = paths.iter().find(|path| path.file_name().is_some_and(|name| name == "accuracy.csv"));
    accuracies.and_then(|path| path.parent()).map_or_else(|| "results".into(), Path::to_path_buf)
}

/// Writes a figure as SVG and as PNG.
fn files(drawn: &Drawn, out: &Path) -> Result<String, ReportError> {
    let name = drawn.figure.name.clone();
    file(&out.join(format!("{name}.svg")), theme::standalone(&drawn.wide).as_bytes())?;
    let png = raster::png(&theme::plain(&drawn.wide));
    let png = png.map_err(|problem| ReportError::Figure { figure: name.clone(), problem })?;
    file(&out.join(format!("{name}.png")), &png)?;
    Ok(name)
}

fn file(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    zoo_core::whole_file::write(path, bytes).map_err(|source| ReportError::Write { path: path.into(), source })
}
