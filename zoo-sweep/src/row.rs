//! The row of a cell whose process could not write it.

use std::path::Path;

use super::SweepError;
use super::cell::{Cell, Work};
use zoo_measure::{LatencyError, Measurement};
use zoo_results::{Environment, TableOf, accuracy, count};

/// Counts `cells` and appends their rows, as no process is needed for that; returns warnings of what was mended.
///
/// # Errors
/// Where the table cannot be written.
pub fn count(results: &Path, cells: &[&Cell]) -> Result<Vec<String>, SweepError> {
    let rows = cells.iter().map(|cell| count::Row::of(&cell.entry, &cell.options)).collect::<Result<Vec<_>, _>>();
    let rows = rows.map_err(zoo_training::TrainError::from)?;
    Ok(count::append(&results.join("count.csv"), &rows)?.warnings)
}

/// Appends a row that says that `cell` failed with `status`; returns a warning where an earlier row was torn.
///
/// # Errors
/// Where the table cannot be written.
pub fn failed(
    results: &Path,
    cell: &Cell,
    status: &str,
    environment: &Environment,
) -> Result<Option<String>, SweepError> {
    Ok(match &cell.work {
        Work::Count => None,
        Work::Latency { timing, engine, dtype, .. } => {
            let measurement = Measurement {
                cell: cell.deployment(timing, *engine, *dtype),
                threads: timing.threads,
                cost: Some(cell.cost),
                timing: Err(LatencyError::Setting(status.into())),
            };
            TableOf::new(results).append(&measurement.row(environment))?
        }
        Work::Throughput { timing, pass } => {
            let row = cell.load(timing, *pass).row(Some(cell.timed_cost()), Err(status), environment);
            TableOf::new(results).append(&row)?
        }
        Work::Accuracy(training) => {
            let settings = &training.settings;
            // A recipe may name another device than the sweep's own.
            let environment = environment.on(&settings.run.device);
            let before = zoo_training::row::before(settings, &cell.options, cell.cost, &training.weights, &environment);
            let row = accuracy::Row { profile: cell.profile.clone(), status: status.into(), ..before };
            TableOf::new(results).append(&row)?
        }
    })
}
