//! The row of a cell whose process could not write it.

use std::path::Path;

use super::SweepError;
use super::cell::{Cell, Work};
use zoo_data::sets::evaluated_split;
use zoo_measure::{LatencyError, Measurement, Row, throughput};
use zoo_results::{Environment, accuracy, count};

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
        Work::Latency { timing, mode, .. } => {
            let measurement = Measurement {
                cell: cell.for_latency(timing, *mode),
                threads: timing.threads,
                cost: Some(cell.cost),
                timing: Err(LatencyError::Setting(status.into())),
            };
            Row::new(&measurement, environment).append(results)?
        }
        Work::Throughput { timing, work } => {
            let row = cell.load(timing, *work).row(Some(cell.timed_cost()), Err(status), environment);
            throughput::append(results, &row)?
        }
        Work::Accuracy(training) => {
            let settings = &training.settings;
            let cores = i32::try_from(environment.cores).unwrap_or(i32::MAX);
            let row = accuracy::Row {
                run: "",
                model: &settings.network.model,
                options: &cell.options,
                profile: &cell.profile,
                cost: cell.cost,
                epochs: 0.0,
                steps: 0,
                seconds: 0.0,
                top1: None,
                top1_ema: None,
                best_top1: None,
                train_loss: None,
                test_loss: None,
                status,
                dataset: &settings.data.dataset,
                split: evaluated_split(&settings.data.dataset),
                batch_size: settings.schedule.batch_size,
                seed: settings.run.seed,
                images_per_second: None,
                threads: settings.run.threads.unwrap_or(cores),
                dtype: settings.run.precision.name(),
                test_time_flip: settings.run.test_time_flip,
                config_hash: &settings.hash(),
                recipe_hash: &settings.recipe_hash(),
                limit_train: settings.data.limit_train,
                limit_test: settings.data.limit_test,
                weights: &training.weights,
                extended_from: &[],
            };
            // A recipe may name another device than the sweep's own.
            accuracy::append(results, &row, &environment.on(&settings.run.device))?
        }
    })
}
