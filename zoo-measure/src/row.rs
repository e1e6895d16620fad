//! `latency.csv`: one row a measured cell.

use std::path::Path;

use super::Measurement;
use super::identity::header;
use zoo_results::{Change, Environment, Table, TableError, canonical, status};

/// The columns, in order; `results/README.md` documents each with its unit.
pub const HEADER: [&str; 27] = header([
    "macs",
    "p50_ms",
    "p90_ms",
    "p99_ms",
    "mean_ms",
    "std_ms",
    "outliers",
    "runs",
    "peak_mb",
    "noise",
    "disturbed",
    "profile",
    "params",
    "status",
    "device",
    "cpu",
    "libtorch",
    "memory_format",
    "revision",
]);

/// A row, its cells as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub [String; HEADER.len()]);

impl Row {
    /// What `measurement` says, on a machine.
    pub fn new(measurement: &Measurement, environment: &Environment) -> Row {
        let cell = &measurement.cell;
        let [model, width, depth, input_size, batch, threads, dtype, mode] = cell.identity(measurement.threads);
        let count = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        let timing = measurement.timing.as_ref().ok();
        let ms = |pick: fn(&super::Statistics) -> f64| {
            timing.map(|timing| number(pick(&timing.statistics))).unwrap_or_default()
        };
        Row([
            model,
            width,
            depth,
            input_size,
            batch,
            threads,
            dtype,
            mode,
            count(measurement.cost.map(|cost| cost.macs)),
            ms(|statistics| statistics.p50),
            ms(|statistics| statistics.p90),
            ms(|statistics| statistics.p99),
            ms(|statistics| statistics.mean),
            ms(|statistics| statistics.std),
            count(timing.map(|timing| timing.statistics.outliers as u64)),
            count(timing.map(|timing| timing.statistics.count as u64)),
            timing.and_then(|timing| timing.peak_mb).map(|peak| format!("{peak:.0}")).unwrap_or_default(),
            timing.map(|timing| format!("{:.2}", timing.counted.noise)).unwrap_or_default(),
            count(timing.map(|timing| timing.counted.disturbed as u64)),
            cell.profile.clone(),
            count(measurement.cost.map(|cost| cost.params)),
            measurement.status(),
            environment.device.clone(),
            environment.cpu.clone(),
            environment.libtorch.clone(),
            timing.map(|timing| timing.format.name().to_string()).unwrap_or_default(),
            environment.revision.into(),
        ])
    }

    /// Appends it to `latency.csv` in `results`, in place of one that says that its cell was stopped; returns a warning where
    /// an earlier row was torn.
    ///
    /// # Errors
    /// Where the table cannot be written or has another header.
    pub fn append(&self, results: &Path) -> Result<Option<String>, TableError> {
        supersede(&table(results), &HEADER, &self.0)
    }
}

impl Measurement {
    /// The status of its row.
    pub fn status(&self) -> String {
        match &self.timing {
            Ok(timing) if timing.whole => status::DONE.into(),
            Ok(_) => status::INTERRUPTED.into(),
            Err(error) => status::of(&error.to_string()),
        }
    }
}

/// Whether rows can go into `latency.csv` in `results`, as far as that is known before there are any.
///
/// # Errors
/// Where the table cannot be read or has another header.
pub fn check(results: &Path) -> Result<(), TableError> {
    table(results).rows().map(|_| ())
}

fn table(results: &Path) -> Table {
    Table::new(&results.join("latency.csv"), &HEADER)
}

/// Appends `row` to `table`, in place of rows of the same cell and machine that say that it was stopped.
pub(super) fn supersede(table: &Table, header: &[&str], row: &[String]) -> Result<Option<String>, TableError> {
    const SAME: [&str; 12] = [
        "model",
        "width",
        "depth",
        "input_size",
        "batch",
        "threads",
        "dtype",
        "mode",
        "profile",
        "params",
        "device",
        "cpu",
    ];
    let places = |columns: &[&str]| -> Vec<usize> {
        header.iter().enumerate().filter(|(_, column)| columns.contains(column)).map(|(place, _)| place).collect()
    };
    let (same, statuses) = (places(&SAME), places(&["status"]));
    let is_superseded = |other: &Vec<String>| {
        statuses.iter().all(|place| other[*place] == status::INTERRUPTED)
            && same.iter().all(|place| canonical(&other[*place]) == canonical(&row[*place]))
    };
    table.update(|rows| Change {
        remove: rows.iter().enumerate().filter(|(_, row)| is_superseded(row)).map(|(place, _)| place).collect(),
        append: vec![row.to_vec()],
    })
}

/// Milliseconds to the microsecond.
pub(super) fn number(ms: f64) -> String {
    format!("{ms:.3}")
}
