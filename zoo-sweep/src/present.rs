//! Which cells the tables hold already, and with what status.

use std::collections::HashMap;
use std::path::Path;

use super::cell::{Cell, Work};
use super::{Kind, SweepError};
use zoo_measure::{row as latency, stages, throughput};
use zoo_results::{Environment, Table, accuracy, canonical, count, status};

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

/// The columns that tell a network, which every table has.
const NETWORK: [&str; 5] = ["model", "width", "depth", "input_size", "profile"];

/// The rows of one table.
#[derive(Clone, Debug)]
struct Rows {
    header: &'static [&'static str],
    rows: Vec<Vec<String>>,
    /// Places of the rows about each network.
    of_network: HashMap<[String; 5], Vec<usize>>,
}

/// The rows of all tables that a sweep adds to.
#[derive(Clone, Debug)]
pub struct Tables {
    count: Rows,
    latency: Rows,
    stages: Rows,
    throughput: Rows,
    accuracy: Rows,
    environment: Environment,
}

impl Tables {
    /// Reads those in the folder `results`, as far as they exist.
    ///
    /// # Errors
    /// Where one cannot be read or has another header.
    pub fn read(results: &Path, environment: &Environment) -> Result<Tables, SweepError> {
        let read = |name: &str, header: &'static [&'static str]| -> Result<Rows, SweepError> {
            Ok(Rows::new(header, Table::new(&results.join(name), header).rows()?))
        };
        Ok(Tables {
            count: read("count.csv", &count::HEADER)?,
            latency: read("latency.csv", &latency::HEADER)?,
            stages: read("latency-stages.csv", &stages::HEADER)?,
            throughput: read("throughput.csv", &throughput::HEADER)?,
            accuracy: Rows::new(&accuracy::HEADER, accuracy::table(results).rows()?),
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

    /// Whether there are all stages of `cell`, or none are asked for, or its mode cannot tell them.
    fn has_stages(&self, cell: &Cell) -> bool {
        let Work::Latency { mode, per_stage: true, .. } = &cell.work else { return true };
        let table = &self.stages;
        let identity = cell.identity();
        let mine = table
            .about(&identity)
            .map(|(_, row)| row)
            .filter(|row| self.is_of_machine(table, row) && table.is(row, &identity));
        let macs = |group: &Vec<&Vec<String>>| -> u64 {
            group.iter().filter_map(|row| table.get(row, "macs").parse::<u64>().ok()).sum()
        };
        let groups = stages::groups(mine, |row| table.get(row, "stage").to_string());
        !mode.tells_stages() || groups.iter().any(|group| macs(group) == cell.cost.macs)
    }

    fn is_of_machine(&self, table: &Rows, row: &[String]) -> bool {
        table.get(row, "cpu") == self.environment.cpu && table.get(row, "device") == self.environment.device
    }

    /// Places in the table of accuracies of the rows about `cell` that say that a run was stopped, where another one says how
    /// it ended.
    pub fn superseded(&self, cell: &Cell) -> Vec<usize> {
        let table = self.table(cell);
        let of_cell = || table.about(&cell.identity()).filter(|(_, row)| self.is_of(cell, row));
        let status = |row: &[String]| table.get(row, "status").to_string();
        match cell.kind() == Kind::Accuracy && of_cell().any(|(_, row)| status::is_done(&status(row))) {
            true => of_cell().filter(|(_, row)| status(row) == status::INTERRUPTED).map(|(place, _)| place).collect(),
            false => Vec::new(),
        }
    }

    /// The same tables with other rows of accuracies.
    pub fn with_accuracies(&self, rows: &[Vec<String>]) -> Tables {
        Tables { accuracy: Rows::new(&accuracy::HEADER, rows.to_vec()), ..self.clone() }
    }

    /// The statuses of the rows about `cell`, in their order.
    pub fn statuses(&self, cell: &Cell) -> Vec<String> {
        self.rows_of(cell).into_iter().map(|row| self.table(cell).get(row, "status").to_string()).collect()
    }

    /// A column of the last row about `cell` that has figures.
    pub fn figure(&self, cell: &Cell, column: &str) -> Option<f64> {
        let table = self.table(cell);
        let mut rows = self.rows_of(cell).into_iter().rev();
        rows.find(|row| status::is_done(table.get(row, "status"))).and_then(|row| table.get(row, column).parse().ok())
    }

    /// Images a second that the network of `cell` was trained with on this processor, with as many threads where the cell
    /// says how many: by the newest run of its recipe, or else of any.
    pub fn training_speed(&self, cell: &Cell) -> Option<f64> {
        let Work::Accuracy(training) = &cell.work else { return None };
        let identity = cell.identity();
        let table = &self.accuracy;
        let (threads, recipe) = (training.settings.run.threads, training.settings.recipe_hash());
        let mine = |row: &&Vec<String>| {
            table.get(row, "cpu") == self.environment.cpu
                && threads.is_none_or(|threads| table.get(row, "threads") == threads.to_string())
        };
        let speed = |row: &Vec<String>| table.get(row, "images_per_second").parse().ok();
        let of_network: Vec<&Vec<String>> = table.about(&identity).map(|(_, row)| row).collect();
        let newest = || of_network.iter().copied().rev().filter(mine);
        let mut of_recipe = newest().filter(|row| table.get(row, "recipe_hash") == recipe);
        of_recipe.find_map(speed).or_else(|| newest().find_map(speed))
    }

    /// Whole numbers of epochs that runs with the recipe of `cell` had, but for the number of epochs itself.
    pub fn epochs_of(&self, cell: &Cell) -> Option<f64> {
        let Work::Accuracy(training) = &cell.work else { return None };
        let table = &self.accuracy;
        let of_row = |row: &&Vec<String>| {
            let epochs: f64 = table.get(row, "epochs").parse().ok().filter(|epochs: &f64| epochs.fract() == 0.0)?;
            let mut trial = training.clone();
            trial.set_epochs(epochs);
            let cell = Cell { work: Work::Accuracy(trial), ..cell.clone() };
            (epochs > 0.0 && self.is_of(&cell, row)).then_some(epochs)
        };
        let rows: Vec<&Vec<String>> = table.about(&cell.identity()).map(|(_, row)| row).collect();
        rows.into_iter().rev().find_map(|row| of_row(&row))
    }

    fn table(&self, cell: &Cell) -> &Rows {
        match cell.kind() {
            Kind::Count => &self.count,
            Kind::Latency => &self.latency,
            Kind::Throughput => &self.throughput,
            Kind::Accuracy => &self.accuracy,
        }
    }

    fn rows_of(&self, cell: &Cell) -> Vec<&Vec<String>> {
        let rows = self.table(cell).about(&cell.identity()).map(|(_, row)| row);
        rows.filter(|row| self.is_of(cell, row)).collect()
    }

    fn is_of(&self, cell: &Cell, row: &[String]) -> bool {
        let table = self.table(cell);
        if !table.is(row, &cell.identity()) {
            return false;
        }
        match &cell.work {
            Work::Count => true,
            Work::Latency { .. } | Work::Throughput { .. } => {
                // With another number of classes, a column that these tables lack, the counts differ. Rows that failed may
                // have none.
                let counts = cell.timed_cost();
                let is_count = |column: &str, count: u64| {
                    let text = table.get(row, column);
                    text.is_empty() || text == count.to_string()
                };
                self.is_of_machine(table, row) && is_count("macs", counts.macs) && is_count("params", counts.params)
            }
            Work::Accuracy(training) => {
                let number = |column: &str| table.get(row, column).parse::<f64>().unwrap_or(0.0);
                // What stands at a path may have changed; older rows do not tell.
                ["", &training.weights].contains(&table.get(row, "weights"))
                    && training.has_hash(table.get(row, "config_hash"), number("epochs"), number("steps") as u64)
            }
        }
    }
}

impl Rows {
    fn new(header: &'static [&'static str], rows: Vec<Vec<String>>) -> Rows {
        let mut found = Rows { header, rows, of_network: HashMap::new() };
        for (place, row) in found.rows.iter().enumerate() {
            let network = NETWORK.map(|column| canonical(found.get(row, column)));
            found.of_network.entry(network).or_default().push(place);
        }
        found
    }

    /// The rows about the network of an identity, with their places. Grids may have thousands of cells, and tables of rows.
    fn about<'a>(
        &'a self,
        identity: &[(&'static str, String)],
    ) -> impl Iterator<Item = (usize, &'a Vec<String>)> + use<'a> {
        let value = |column: &str| identity.iter().find(|(name, _)| *name == column).map(|(_, value)| canonical(value));
        let places = self.of_network.get(&NETWORK.map(|column| value(column).unwrap_or_default()));
        places.into_iter().flatten().map(|&place| (place, &self.rows[place]))
    }

    /// Whether `row` has the values of an identity; numbers are compared as numbers.
    fn is(&self, row: &[String], identity: &[(&'static str, String)]) -> bool {
        identity.iter().all(|(column, value)| canonical(self.get(row, column)) == canonical(value))
    }

    fn get<'a>(&self, row: &'a [String], column: &str) -> &'a str {
        let place = self.header.iter().position(|name| *name == column);
        place.and_then(|place| row.get(place)).map_or("", String::as_str)
    }
}

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
        let table = Table::new(&folder.path().join("accuracy.csv"), &accuracy::HEADER);
        for (threads, recipe, speed) in [("1", recipe.as_str(), "120"), ("1", "other", "100"), ("2", "other", "230")] {
            let row = accuracy::HEADER.map(|column| match column {
                "cpu" => environment.cpu.clone(),
                "threads" => threads.into(),
                "recipe_hash" => recipe.into(),
                "images_per_second" => speed.into(),
                _ => {
                    one.identity().into_iter().find(|(name, _)| *name == column).map_or_else(String::new, |(_, at)| at)
                }
            });
            table.append(&row).unwrap();
        }
        let tables = Tables::read(folder.path(), &environment).unwrap();
        let speeds = ["threads = 1\n", "threads = 2\n", "threads = 3\n", ""].map(|at| tables.training_speed(&cell(at)));
        assert_eq!(speeds, [Some(120.0), Some(230.0), None, Some(120.0)]);
    }
}
