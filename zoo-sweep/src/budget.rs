//! Wall time turned into epochs: the same number for all cells of a curve, as equal time would starve the large ones.
//!
//! A curve is the cells that share a recipe. Its number of epochs is chosen once, by the speed of each cell, and kept in a
//! small table beside the sweep's logs, so that another sitting or another part of the grid goes on with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::SweepError;
use super::cell::{Cell, Work};
use super::child::{self, Cause};
use super::command::{self, Folders};
use super::expect;
use super::present::{Presence, Tables};
use super::progress::Progress;
use super::shard::Shard;
use super::training::Training;
use zoo_host::lock::Lock;
use zoo_results::{TableOf, epochs};
use zoo_training::budget::whole;
use zoo_training::estimate::Estimate;

/// Share of the budget that is left for what is not measured.
const RESERVE: f64 = 0.03;

/// What is known when a budget is turned into epochs.
#[derive(Debug)]
pub struct Question<'a> {
    /// Wall time, or none where only what was chosen earlier is to be said.
    pub budget: Option<Duration>,
    /// The part of the grid that is to be done here; the others are done beside, each in as much time.
    pub shard: Shard,
    /// Where things are.
    pub folders: Folders<'a>,
    /// What the tables hold.
    pub tables: &'a Tables,
    /// Set where all is to end.
    pub stop: &'a AtomicBool,
}

/// What a cell costs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    /// Seconds to start.
    start: f64,
    /// Seconds an epoch; none where they could not be found out.
    epoch: Option<f64>,
}

/// The time that there is.
#[derive(Clone, Copy, Debug)]
struct Time {
    /// All of it.
    budget: Duration,
    /// Seconds of it that were spent on measuring.
    passed: f64,
}

/// What a cell costs, by trying; nothing where that was stopped.
type TrySpeed<'a> = dyn FnMut(&Cell, &mut Progress) -> Result<Option<Cost>, SweepError> + 'a;

impl Question<'_> {
    /// Gives the training cells among `cells` their number of epochs. False where it was stopped meanwhile.
    ///
    /// # Errors
    /// Where the budget is too small for one epoch, a recipe counts in steps, or a file cannot be written.
    pub fn settle(&self, cells: &mut [Cell], progress: &mut Progress) -> Result<bool, SweepError> {
        self.settle_by(cells, progress, &mut |cell, progress| self.try_speed(cell, progress))
    }

    fn settle_by(
        &self,
        cells: &mut [Cell],
        progress: &mut Progress,
        try_speed: &mut TrySpeed<'_>,
    ) -> Result<bool, SweepError> {
        let begun = Instant::now();
        let mut chosen = read(self.folders.own)?;
        let Some(budget) = self.budget else {
            self.say_unused(&chosen, cells, progress);
            return Ok(true);
        };
        check(cells)?;
        // Whoever comes second waits, and then finds the number.
        let Some(_lock) = self.lock(progress)? else { return Ok(false) };
        chosen.extend(read(self.folders.own)?);
        for cell in cells.iter() {
            let Work::Accuracy(training) = &cell.work else { continue };
            let recipe = training.settings.recipe_hash();
            if let (false, Some(epochs)) = (chosen.contains_key(&recipe), self.tables.epochs_of(cell)) {
                self.choose(&recipe, epochs, &mut chosen)?;
            }
        }
        // Before speeds are measured: only with its own number of epochs is a finished cell known to be there.
        apply(&chosen, cells);
        let open: Vec<String> = recipes(cells).into_iter().filter(|recipe| !chosen.contains_key(recipe)).collect();
        if open.is_empty() {
            progress.say(&format!(
                "{} epochs, as chosen when the curve was begun; another --results folder starts a new one",
                list(chosen.values())
            ));
        } else {
            let costs = self.measure_by(cells, &mut |cell| try_speed(cell, progress))?;
            let Some(costs) = costs else { return Ok(false) };
            let time = Time { budget, passed: begun.elapsed().as_secs_f64() };
            let epochs = epochs(cells, &costs, &chosen, time, self.shard)?;
            progress.say(&format!("{epochs} epochs for each cell, from their measured speed"));
            for recipe in &open {
                self.choose(recipe, epochs, &mut chosen)?;
            }
            apply(&chosen, cells);
        }
        Ok(true)
    }

    /// Waits for whoever chooses at the same time; nothing where it was stopped meanwhile.
    fn lock(&self, progress: &Progress) -> Result<Option<Lock>, SweepError> {
        let path = self.folders.own.join("epochs.lock");
        let mut is_said = false;
        let lock = Lock::wait(&path, |_, waited| {
            if waited > Duration::from_secs(1) && !is_said {
                is_said = true;
                progress.say("waiting for another process, which measures the speed of this sweep's cells");
            }
            !self.stop.load(Ordering::Relaxed)
        });
        lock.map_err(|source| SweepError::Io { what: "lock", path, source })
    }

    fn say_unused(&self, chosen: &BTreeMap<String, f64>, cells: &[Cell], progress: &mut Progress) {
        let differs = |training: &Training| {
            let chosen = chosen
                .get(&training.settings.recipe_hash())
                .filter(|epochs| **epochs != training.settings.schedule.epochs)?;
            Some((*chosen, training.settings.schedule.epochs))
        };
        if let Some((chosen, own)) = cells.iter().filter_map(training).find_map(differs) {
            progress.say(&format!(
                "note: an earlier command with --budget chose {chosen} epochs; without it, each cell has the recipe's \
                 {own}"
            ));
        }
    }

    fn choose(&self, recipe: &str, epochs: f64, chosen: &mut BTreeMap<String, f64>) -> Result<(), SweepError> {
        TableOf::new(self.folders.own).append(&epochs::Row { recipe: recipe.into(), epochs })?;
        chosen.insert(recipe.into(), epochs);
        Ok(())
    }

    /// What each cell costs that is still to be done; nothing where it was stopped meanwhile.
    fn measure_by(
        &self,
        cells: &[Cell],
        try_speed: &mut dyn FnMut(&Cell) -> Result<Option<Cost>, SweepError>,
    ) -> Result<Option<Vec<Cost>>, SweepError> {
        let mut costs = Vec::new();
        for cell in cells {
            let cost = match (self.tables.presence(cell), training(cell)) {
                (Presence::Done, _) => Some(Cost { start: 0.0, epoch: Some(0.0) }),
                (_, None) => Some(Cost { start: expect::seconds(cell, self.tables).unwrap_or(0.0), epoch: Some(0.0) }),
                _ if self.stop.load(Ordering::Relaxed) => None,
                (_, Some(_)) => try_speed(cell)?,
            };
            // What a process says that was being stopped is not to be kept.
            match cost.filter(|_| !self.stop.load(Ordering::Relaxed)) {
                Some(cost) => costs.push(cost),
                None => return Ok(None),
            }
        }
        self.with_guesses(cells, costs).map(Some)
    }

    /// The costs with those that could not be found out taken for the greatest of their curve.
    fn with_guesses(&self, cells: &[Cell], costs: Vec<Cost>) -> Result<Vec<Cost>, SweepError> {
        let recipe = |cell: &Cell| training(cell).map(|training| training.settings.recipe_hash());
        let guess = |cell: &Cell| {
            let of_curve = cells.iter().zip(&costs).filter(|(other, _)| recipe(other) == recipe(cell));
            of_curve.filter_map(|(_, cost)| cost.epoch).filter(|epoch| *epoch > 0.0).reduce(f64::max)
        };
        let with_guess = |(cell, cost): (&Cell, &Cost)| {
            let unknown = || {
                SweepError::Budget(format!(
                    "--budget: the speed of {cell} cannot be measured, nor that of any other cell of its curve; {} \
                     says why: fix that, or give `epochs` in place of the budget",
                    self.speed_log(cell).display()
                ))
            };
            let epoch = cost.epoch.or_else(|| guess(cell)).ok_or_else(unknown)?;
            Ok(Cost { epoch: Some(epoch), ..*cost })
        };
        cells.iter().zip(&costs).map(with_guess).collect()
    }

    fn speed_log(&self, cell: &Cell) -> PathBuf {
        self.folders.own.join(format!("{}.speed.log", cell.file_name()))
    }

    /// What `cell` costs, by a process that tries; nothing where that was stopped.
    fn try_speed(&self, cell: &Cell, progress: &mut Progress) -> Result<Option<Cost>, SweepError> {
        let log = self.speed_log(cell);
        let io = |source| SweepError::Io { what: "write", path: log.clone(), source };
        let file = File::create(&log).map_err(io)?;
        let command = command::estimate(cell, self.folders)?;
        progress.begin(cell, None);
        let ending = child::run(command, file, cell.timeout, self.stop, &mut |line| progress.hear(line)).map_err(io)?;
        if ending.cause == Cause::Stopped {
            return Ok(None);
        }
        let estimate: Option<Estimate> = serde_json::from_str(ending.output.trim()).ok();
        let measured = estimate.map(|estimate| estimate.epoch_seconds());
        let epoch = measured.or_else(|| expect::epoch_seconds(cell, self.tables));
        let log = log.display();
        progress.say(&match (measured, epoch) {
            (Some(epoch), _) => format!("{cell}: {epoch:.1} s per epoch"),
            (None, Some(epoch)) => {
                format!("{cell}: its speed cannot be measured, {log} says why; assuming {epoch:.1} s per epoch")
            }
            (None, None) => format!("{cell}: its speed cannot be measured; {log} says why"),
        });
        Ok(Some(Cost { start: ending.seconds, epoch }))
    }
}

/// Gives the training cells among `cells` the number of epochs that earlier sittings chose, as far as the sweep's folder
/// `own` tells; the numbers that it gave, as text, where there are any.
///
/// # Errors
/// Where the record cannot be read.
pub fn apply_recorded(own: &Path, cells: &mut [Cell]) -> Result<Option<String>, SweepError> {
    let mut chosen = read(own)?;
    let recipes = recipes(cells);
    chosen.retain(|recipe, _| recipes.contains(recipe));
    apply(&chosen, cells);
    Ok((!chosen.is_empty()).then(|| list(chosen.values())))
}

/// Gives the cells of each recipe the number that was chosen for it.
fn apply(chosen: &BTreeMap<String, f64>, cells: &mut [Cell]) {
    for training in cells.iter_mut().filter_map(training_mut) {
        if let Some(epochs) = chosen.get(&training.settings.recipe_hash()) {
            training.set_epochs(*epochs);
        }
    }
}

/// The whole number of epochs for cells without one that fits into `left` seconds.
fn epochs(
    cells: &[Cell],
    costs: &[Cost],
    chosen: &BTreeMap<String, f64>,
    time: Time,
    shard: Shard,
) -> Result<f64, SweepError> {
    let (mut fixed, mut per_epoch) = (0.0, 0.0);
    for (cell, cost) in cells.iter().zip(costs) {
        let epoch = cost.epoch.unwrap_or(0.0);
        match training(cell).map(|training| chosen.get(&training.settings.recipe_hash())) {
            Some(None) => per_epoch += epoch,
            Some(Some(epochs)) => fixed += epochs * epoch,
            None => {}
        }
        fixed += cost.start;
    }
    if per_epoch <= 0.0 {
        let problem =
            "--budget has no cells to choose epochs for, because those without a number have their rows: leave it out";
        return Err(SweepError::Budget(problem.into()));
    }
    let left = time.budget.as_secs_f64() * (1.0 - RESERVE) - time.passed;
    let epochs = ((left * shard.count() as f64 - fixed) / per_epoch).floor();
    if epochs >= 1.0 {
        return Ok(epochs);
    }
    let needed = ((fixed + per_epoch) / shard.count() as f64 + time.passed) / (1.0 - RESERVE);
    Err(SweepError::Budget(format!(
        "--budget {} is too small for one epoch of each cell: give --budget {}, or split the grid with --shard",
        whole(time.budget.as_secs_f64()),
        whole(needed)
    )))
}

fn check(cells: &[Cell]) -> Result<(), SweepError> {
    if recipes(cells).is_empty() {
        let problem = "--budget chooses epochs, but this sweep trains nothing: leave it out";
        return Err(SweepError::Budget(problem.into()));
    }
    match cells.iter().filter_map(training).find(|training| training.settings.schedule.steps.is_some()) {
        Some(_) => {
            Err(SweepError::Budget("--budget chooses epochs, but a recipe gives steps: leave one of them out".into()))
        }
        None => Ok(()),
    }
}

fn recipes(cells: &[Cell]) -> Vec<String> {
    let mut recipes: Vec<String> =
        cells.iter().filter_map(training).map(|training| training.settings.recipe_hash()).collect();
    recipes.sort();
    recipes.dedup();
    recipes
}

fn training(cell: &Cell) -> Option<&Training> {
    if let Work::Accuracy(training) = &cell.work { Some(training) } else { None }
}

fn training_mut(cell: &mut Cell) -> Option<&mut Training> {
    if let Work::Accuracy(training) = &mut cell.work { Some(training) } else { None }
}

fn read(own: &Path) -> Result<BTreeMap<String, f64>, SweepError> {
    let rows = TableOf::<epochs::Row>::new(own).readable_rows()?;
    Ok(rows.into_iter().map(|row| (row.recipe, row.epochs)).collect())
}

fn list<'a>(epochs: impl Iterator<Item = &'a f64>) -> String {
    let mut texts: Vec<String> = epochs.map(f64::to_string).collect();
    texts.dedup();
    texts.join(" and ")
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;

    use super::*;
    use crate::{SweepFile, grid, row};
    use zoo_results::{Environment, status};
    use zoo_training::progress::Verbosity;

    const GRID: &str = "[[grid]]\nkind = 'accuracy'\nmodel = 'mobilenet-v3-small'\nwidth = [0.5, 1]\n";

    fn cells(more: &str) -> Vec<Cell> {
        let file = SweepFile::parse(Path::new("my.toml"), &format!("{GRID}{more}")).unwrap();
        grid::cells(&file, &Registry::default()).unwrap()
    }

    /// Asks in an empty folder, and answers for each cell with the next of `answers`; after the last one it is stopped, if
    /// `stopped` says so.
    fn measure(cells: &[Cell], answers: &[Option<f64>], stopped: bool) -> Result<Option<Vec<Cost>>, SweepError> {
        let folder = tempfile::tempdir().unwrap();
        let stop = AtomicBool::new(false);
        let tables = Tables::read(folder.path(), &Environment::detect("cpu")).unwrap();
        let folders = Folders { results: folder.path(), own: folder.path(), data: None };
        let question = Question { budget: None, shard: Shard::default(), folders, tables: &tables, stop: &stop };
        let mut answers = answers.iter();
        question.measure_by(cells, &mut |_| {
            let epoch = *answers.next().unwrap();
            stop.store(stopped && answers.len() == 0, Ordering::Relaxed);
            Ok(Some(Cost { start: 1.0, epoch }))
        })
    }

    #[test]
    fn a_stop_in_the_last_cell_chooses_nothing() {
        let cells = cells("");
        assert!(measure(&cells, &[Some(2.0), Some(4.0)], true).unwrap().is_none());
        let costs = measure(&cells, &[Some(2.0), Some(4.0)], false).unwrap().unwrap();
        let epochs = epochs(&cells, &costs, &BTreeMap::new(), time(63.0), Shard::default()).unwrap();
        assert_eq!(epochs, 10.0);
    }

    #[test]
    fn a_finished_cell_of_an_earlier_sitting_is_not_measured_again() {
        let folder = tempfile::tempdir().unwrap();
        let stop = AtomicBool::new(false);
        let environment = Environment::detect("cpu");
        let mut cells = cells(&format!("{GRID}[grid.settings.schedule]\nlearning_rate = 0.1\n"));
        let recipe = training(&cells[0]).unwrap().settings.recipe_hash();
        TableOf::new(folder.path()).append(&epochs::Row { recipe: recipe.clone(), epochs: 5.0 }).unwrap();
        for mut cell in cells[..2].iter().cloned() {
            training_mut(&mut cell).unwrap().set_epochs(5.0);
            row::failed(folder.path(), &cell, status::DONE, &environment).unwrap();
        }
        let tables = Tables::read(folder.path(), &environment).unwrap();
        let folders = Folders { results: folder.path(), own: folder.path(), data: None };
        let budget = Some(Duration::from_secs(100));
        let question = Question { budget, shard: Shard::default(), folders, tables: &tables, stop: &stop };
        let mut asked = Vec::new();
        let mut try_speed = |cell: &Cell, _: &mut Progress| {
            asked.push(cell.line);
            Ok(Some(Cost { start: 1.0, epoch: Some(2.0) }))
        };
        let mut progress = Progress::new(Verbosity::Quiet, 4);
        assert!(question.settle_by(&mut cells, &mut progress, &mut try_speed).unwrap());
        assert_eq!(asked, [cells[2].line; 2]);
        let epochs: Vec<f64> =
            cells.iter().filter_map(training).map(|training| training.settings.schedule.epochs).collect();
        assert_eq!(epochs, [5.0, 5.0, 23.0, 23.0]);
    }

    #[test]
    fn a_speed_that_is_not_known_is_that_of_the_curve_or_an_error() {
        let cells = cells("");
        let costs = measure(&cells, &[None, Some(4.0)], false).unwrap().unwrap();
        assert_eq!(costs.iter().map(|cost| cost.epoch).collect::<Vec<_>>(), [Some(4.0); 2]);
        let error = measure(&cells, &[None, None], false).unwrap_err().to_string();
        assert!(error.contains("the speed of accuracy mobilenet-v3-small x0.5 wide"), "{error}");
        assert!(error.contains(".speed.log says why"), "{error}");
    }

    /// With so many seconds left.
    fn time(left: f64) -> Time {
        Time { budget: Duration::from_secs_f64((left + 5.0) / (1.0 - RESERVE)), passed: 5.0 }
    }

    #[test]
    fn a_budget_that_is_too_small_is_named_and_what_would_do_does() {
        let (cells, costs) = (cells(""), [Cost { start: 1.0, epoch: Some(4.0) }; 2]);
        let choose = |seconds: u64| {
            let time = Time { budget: Duration::from_secs(seconds), passed: 2.0 };
            epochs(&cells, &costs, &BTreeMap::new(), time, Shard::default())
        };
        let error = choose(5).unwrap_err().to_string();
        assert!(
            error.starts_with("--budget 5s is too small for one epoch of each cell: give --budget 13s,"),
            "{error}"
        );
        assert_eq!(choose(13).unwrap(), 1.0);
    }

    #[test]
    fn without_a_cell_to_choose_for_there_is_no_number() {
        let cells = cells("");
        let done = [Cost { start: 0.0, epoch: Some(0.0) }; 2];
        let error = epochs(&cells, &done, &BTreeMap::new(), time(60.0), Shard::default()).unwrap_err().to_string();
        assert!(error.contains("leave it out"), "{error}");
    }
}
