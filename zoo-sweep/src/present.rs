//! Which cells the tables hold already, and with what status.

use std::collections::HashMap;
use std::path::Path;

use zoo_core::InputSize;

use super::SweepError;
use super::cell::{Cell, Work};
use zoo_results::{Environment, Row, TableOf, accuracy, count, latency, stages, status, throughput};

/// What the tables say of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// No row, or none of a run that came to an end.
    Missing,
    /// A row with figures.
    Done,
    /// A row that says why there are none.
    Failed(String),
}

/// What tells a network, which the rows of every table have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    model: String,
    /// Multipliers of width and depth, by their bits.
    scale: [u64; 2],
    input_size: InputSize,
    profile: String,
}

/// A row of any table that a sweep adds to.
trait OfNetwork: Row {
    fn key(&self) -> Key;
}

/// What is asked of the rows of a cell, whatever table they stand in.
#[derive(Clone, Copy, Debug)]
struct Found<'a> {
    status: &'a str,
    /// What the table is there for: a time, a speed or an accuracy.
    figure: Option<f64>,
}

/// The rows of one table.
#[derive(Clone, Debug)]
struct Rows<R> {
    rows: Vec<R>,
    /// Places of the rows about each network. Grids may have thousands of cells, and tables of rows.
    of_network: HashMap<Key, Vec<usize>>,
}

/// The rows of all tables that a sweep adds to.
#[derive(Clone, Debug)]
pub struct Tables {
    count: Rows<count::Row>,
    latency: Rows<latency::Row>,
    stages: Rows<stages::Row>,
    throughput: Rows<throughput::Row>,
    accuracy: Rows<accuracy::Row>,
    environment: Environment,
}

impl Tables {
    /// Reads those in the folder `results`, as far as they exist.
    ///
    /// # Errors
    /// Where one cannot be read or has another header.
    pub fn read(results: &Path, environment: &Environment) -> Result<Tables, SweepError> {
        Ok(Tables {
            count: Rows::read(results)?,
            latency: Rows::read(results)?,
            stages: Rows::read(results)?,
            throughput: Rows::read(results)?,
            accuracy: Rows::read(results)?,
            environment: environment.clone(),
        })
    }

    /// What they say of `cell`. Times of another processor or device are not its own.
    pub fn presence(&self, cell: &Cell) -> Presence {
        let statuses = self.statuses(cell);
        match statuses.last().map(String::as_str) {
            _ if statuses.iter().any(|status| status::is_done(status)) => {
                if self.has_stages(cell) {
                    Presence::Done
                } else {
                    Presence::Missing
                }
            }
            None | Some(status::INTERRUPTED) => Presence::Missing,
            Some(status) => Presence::Failed(status.into()),
        }
    }

    /// Whether there are all stages of `cell`, or none are asked for, or its engine cannot tell them.
    fn has_stages(&self, cell: &Cell) -> bool {
        let Work::Latency { timing, engine, dtype, per_stage: true } = &cell.work else { return true };
        let mine = self.stages.about(cell).map(|(_, row)| row).filter(|row| {
            self.is_of_machine(&row.device, &row.cpu)
                && timing.is_of(row.batch, row.threads)
                && (row.dtype.as_str(), row.engine.as_str()) == (dtype.name(), engine.name())
        });
        let macs = |group: &Vec<&stages::Row>| group.iter().map(|row| row.macs).sum::<u64>();
        let groups = stages::groups(mine, |row| row.stage.clone());
        !engine.tells_stages() || groups.iter().any(|group| macs(group) == cell.cost.macs)
    }

    fn is_of_machine(&self, device: &str, cpu: &str) -> bool {
        (device, cpu) == (self.environment.device.as_str(), self.environment.cpu.as_str())
    }

    /// Places in the table of accuracies of the rows about `cell` that say that a run was stopped, where another one says how
    /// it ended.
    pub fn superseded(&self, cell: &Cell) -> Vec<usize> {
        superseded(&self.accuracy, cell)
    }

    /// The statuses of the rows about `cell`, in their order.
    pub fn statuses(&self, cell: &Cell) -> Vec<String> {
        self.found(cell).into_iter().map(|row| row.status.to_string()).collect()
    }

    /// What was found by the last row about `cell` that has figures: a time, a speed or an accuracy.
    pub fn figure(&self, cell: &Cell) -> Option<f64> {
        self.found(cell).into_iter().rev().find(|row| status::is_done(row.status)).and_then(|row| row.figure)
    }

    /// Images a second that the network of `cell` was trained with on this processor, with as many threads where the cell
    /// says how many: by the newest run of its recipe, or else of any.
    pub fn training_speed(&self, cell: &Cell) -> Option<f64> {
        let Work::Accuracy(training) = &cell.work else { return None };
        let (threads, recipe) = (training.settings.run.threads, training.settings.recipe_hash());
        let mine = |row: &&accuracy::Row| {
            row.cpu == self.environment.cpu && threads.is_none_or(|threads| row.threads == Some(threads.unsigned_abs()))
        };
        let of_network: Vec<&accuracy::Row> = self.accuracy.about(cell).map(|(_, row)| row).collect();
        let newest = || of_network.iter().copied().rev().filter(mine);
        let mut of_recipe = newest().filter(|row| row.recipe_hash == recipe);
        of_recipe.find_map(|row| row.images_per_second).or_else(|| newest().find_map(|row| row.images_per_second))
    }

    /// Whole numbers of epochs that runs with the recipe of `cell` had, but for the number of epochs itself.
    pub fn epochs_of(&self, cell: &Cell) -> Option<f64> {
        let Work::Accuracy(training) = &cell.work else { return None };
        let of_row = |row: &accuracy::Row| {
            let epochs = Some(row.epochs).filter(|epochs| epochs.fract() == 0.0 && *epochs > 0.0)?;
            let mut trial = training.clone();
            trial.set_epochs(epochs);
            trial.is_of(row).then_some(epochs)
        };
        let rows: Vec<&accuracy::Row> = self.accuracy.about(cell).map(|(_, row)| row).collect();
        rows.into_iter().rev().find_map(of_row)
    }

    /// The rows about `cell`.
    fn found(&self, cell: &Cell) -> Vec<Found<'_>> {
        match &cell.work {
            Work::Count => {
                let rows = self.count.about(cell).filter(|(_, row)| row.classes == Some(cell.options.classes));
                rows.map(|(_, row)| Found { status: &row.status, figure: None }).collect()
            }
            Work::Latency { timing, engine, dtype, .. } => {
                let rows = self.latency.about(cell).filter(|(_, row)| {
                    self.is_of_machine(&row.device, &row.cpu)
                        && timing.is_of(row.batch, row.threads)
                        && (row.dtype.as_str(), row.engine.as_str()) == (dtype.name(), engine.name())
                        && has_counts(cell, row.macs, row.params)
                });
                rows.map(|(_, row)| Found { status: &row.status, figure: row.p50_ms }).collect()
            }
            Work::Throughput { timing, pass } => {
                let rows = self.throughput.about(cell).filter(|(_, row)| {
                    self.is_of_machine(&row.device, &row.cpu)
                        && timing.is_of(row.batch, row.threads)
                        && (row.dtype.as_str(), row.engine.as_str()) == (pass.dtype(), pass.name())
                        && has_counts(cell, row.macs, row.params)
                });
                rows.map(|(_, row)| Found { status: &row.status, figure: row.images_per_second }).collect()
            }
            Work::Accuracy(training) => {
                let rows = self.accuracy.about(cell).filter(|(_, row)| training.is_of(row));
                rows.map(|(_, row)| Found { status: &row.status, figure: row.top1 }).collect()
            }
        }
    }
}

/// Whether a row has the counts of the network that is timed. With another number of classes, a column that tables of times
/// lack, they differ; rows that failed may have none.
fn has_counts(cell: &Cell, macs: Option<u64>, params: Option<u64>) -> bool {
    let counts = cell.timed_cost();
    macs.is_none_or(|macs| macs == counts.macs) && params.is_none_or(|params| params == counts.params)
}

/// Places in `rows` of those about `cell` that say that a run was stopped, where another one says how it ended.
fn superseded(rows: &Rows<accuracy::Row>, cell: &Cell) -> Vec<usize> {
    let Work::Accuracy(training) = &cell.work else { return Vec::new() };
    let of_cell: Vec<(usize, &accuracy::Row)> = rows.about(cell).filter(|(_, row)| training.is_of(row)).collect();
    if !of_cell.iter().any(|(_, row)| status::is_done(&row.status)) {
        return Vec::new();
    }
    of_cell.into_iter().filter(|(_, row)| row.status == status::INTERRUPTED).map(|(place, _)| place).collect()
}

/// Places among the rows of `accuracy.csv` of those about any of `cells` that say that a run was stopped, where another one
/// says how it ended.
pub fn superseded_among(rows: &[Option<accuracy::Row>], cells: &[Cell]) -> Vec<usize> {
    let (places, rows): (Vec<usize>, Vec<accuracy::Row>) =
        rows.iter().enumerate().filter_map(|(place, row)| Some((place, row.clone()?))).unzip();
    let rows = Rows::new(rows);
    cells.iter().flat_map(|cell| superseded(&rows, cell)).map(|at| places[at]).collect()
}

impl<R: OfNetwork> Rows<R> {
    fn read(results: &Path) -> Result<Rows<R>, SweepError> {
        Ok(Rows::new(TableOf::new(results).rows()?))
    }

    fn new(rows: Vec<R>) -> Rows<R> {
        let mut of_network: HashMap<Key, Vec<usize>> = HashMap::new();
        for (place, row) in rows.iter().enumerate() {
            of_network.entry(row.key()).or_default().push(place);
        }
        Rows { rows, of_network }
    }

    /// The rows about the network of `cell`, with their places.
    fn about(&self, cell: &Cell) -> impl Iterator<Item = (usize, &R)> {
        let key = Key {
            model: cell.entry.variant.name.into(),
            scale: [cell.options.width, cell.options.depth].map(f64::to_bits),
            input_size: cell.options.input(),
            profile: cell.profile.clone(),
        };
        self.of_network.get(&key).into_iter().flatten().map(|&place| (place, &self.rows[place]))
    }
}

macro_rules! of_network {
    ($($table:ident)*) => {
        $(impl OfNetwork for $table::Row {
            fn key(&self) -> Key {
                Key {
                    model: self.model.clone(),
                    scale: [self.width, self.depth].map(f64::to_bits),
                    input_size: self.input_size,
                    profile: self.profile.clone(),
                }
            }
        })*
    };
}

of_network!(count latency stages throughput accuracy);

#[cfg(test)]
mod tests {
    use zoo_core::Registry;

    use super::*;
    use crate::{SweepFile, grid};

    #[test]
    fn a_cell_is_as_fast_as_runs_of_its_threads_and_recipe() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::detect("cpu");
        let cell = |threads: &str| {
            let text = format!("[[grid]]\nkind = 'accuracy'\nmodel = 'mobilenet-v3-small'\n{threads}");
            let file = SweepFile::parse(Path::new("my.toml"), &text).unwrap();
            grid::cells(&file, &Registry::default()).unwrap().remove(0)
        };
        let one = cell("threads = 1\n");
        let Work::Accuracy(training) = &one.work else { panic!("no training") };
        let recipe = training.settings.recipe_hash();
        let table = TableOf::new(folder.path());
        let cost = one.cost;
        for (threads, recipe, speed) in [(1, recipe.as_str(), 120.0), (1, "other", 100.0), (2, "other", 230.0)] {
            let row = accuracy::Row {
                threads: Some(threads),
                recipe_hash: recipe.into(),
                images_per_second: Some(speed),
                ..zoo_training::row::before(&training.settings, &one.options, cost, "none", &environment)
            };
            table.append(&row).unwrap();
        }
        let tables = Tables::read(folder.path(), &environment).unwrap();
        let speeds = ["threads = 1\n", "threads = 2\n", "threads = 3\n", ""].map(|at| tables.training_speed(&cell(at)));
        assert_eq!(speeds, [Some(120.0), Some(230.0), None, Some(120.0)]);
    }
}
