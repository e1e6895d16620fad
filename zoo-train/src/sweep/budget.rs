//! Wall time turned into epochs: the same number for all cells of a curve, as equal time would starve the large ones.
//!
//! A curve is the cells that share a recipe. Its number of epochs is chosen once, by the speed of each cell, and kept in a
//! small table beside the sweep's logs, so that another sitting or another part of the grid goes on with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::SweepError;
use super::cell::{Cell, Work};
use super::child;
use super::command::{self, Folders};
use super::expect;
use super::present::{Presence, Tables};
use super::progress::Progress;
use super::shard::Shard;
use super::training::Training;
use crate::results::Table;
use crate::train::estimate::Estimate;

/// Share of the budget that is left for what is not measured.
const RESERVE: f64 = 0.03;
const HEADER: [&str; 2] = ["recipe", "epochs"];

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

/// What a cell costs: seconds to start, and seconds an epoch.
type Cost = (f64, f64);

impl Question<'_> {
    /// Gives the training cells among `cells` their number of epochs. False where it was stopped meanwhile.
    ///
    /// # Errors
    /// Where the budget is too small for one epoch, a recipe counts in steps, or a file cannot be written.
    pub fn settle(&self, cells: &mut [Cell], progress: &mut Progress) -> Result<bool, SweepError> {
        let begun = Instant::now();
        let mut chosen = read(self.folders.own)?;
        let Some(budget) = self.budget else {
            self.say_unused(&chosen, cells, progress);
            return Ok(true);
        };
        check(cells)?;
        // Whoever comes second waits, and then finds the number.
        let _lock = lock(&self.folders.own.join("epochs.lock"))?;
        chosen.extend(read(self.folders.own)?);
        for cell in cells.iter() {
            let Work::Accuracy(training) = &cell.work else { continue };
            let recipe = training.recipe_hash();
            if let (false, Some(epochs)) = (chosen.contains_key(&recipe), self.tables.epochs_of(cell)) {
                self.choose(&recipe, epochs, &mut chosen)?;
            }
        }
        let open: Vec<String> = recipes(cells).into_iter().filter(|recipe| !chosen.contains_key(recipe)).collect();
        if open.is_empty() {
            progress.say(&format!(
                "{} epochs, as the curve was begun with; another --results folder starts a new one",
                list(chosen.values())
            ));
        } else {
            let Some(costs) = self.measure(cells, progress)? else { return Ok(false) };
            let left =
                (budget.as_secs_f64() * (1.0 - RESERVE) - begun.elapsed().as_secs_f64()) * self.shard.count() as f64;
            let epochs = self.epochs(cells, &costs, &chosen, left)?;
            progress.say(&format!("{epochs} epochs for each cell, by their speed"));
            for recipe in &open {
                self.choose(recipe, epochs, &mut chosen)?;
            }
        }
        for training in cells.iter_mut().filter_map(training_mut) {
            if let Some(epochs) = chosen.get(&training.recipe_hash()) {
                training.set_epochs(*epochs);
            }
        }
        Ok(true)
    }

    fn say_unused(&self, chosen: &BTreeMap<String, f64>, cells: &[Cell], progress: &mut Progress) {
        let differs = |training: &Training| {
            let chosen = chosen.get(&training.recipe_hash()).filter(|epochs| **epochs != training.settings.epochs)?;
            Some((*chosen, training.settings.epochs))
        };
        if let Some((chosen, own)) = cells.iter().filter_map(training).find_map(differs) {
            progress.say(&format!(
                "note: an earlier sitting with --budget chose {chosen} epochs; without it each cell has the recipe's {own}"
            ));
        }
    }

    fn choose(&self, recipe: &str, epochs: f64, chosen: &mut BTreeMap<String, f64>) -> Result<(), SweepError> {
        Table::new(&self.folders.own.join("epochs.csv"), &HEADER).append(&[recipe, &epochs.to_string()])?;
        chosen.insert(recipe.into(), epochs);
        Ok(())
    }

    /// The whole number of epochs for cells without one that fits into `left` seconds.
    fn epochs(
        &self,
        cells: &[Cell],
        costs: &[Cost],
        chosen: &BTreeMap<String, f64>,
        left: f64,
    ) -> Result<f64, SweepError> {
        let (mut fixed, mut per_epoch) = (0.0, 0.0);
        for (cell, (start, epoch)) in cells.iter().zip(costs) {
            match training(cell).map(|training| chosen.get(&training.recipe_hash())) {
                Some(None) => per_epoch += epoch,
                Some(Some(epochs)) => fixed += epochs * epoch,
                None => {}
            }
            fixed += start;
        }
        let epochs = ((left - fixed) / per_epoch.max(f64::MIN_POSITIVE)).floor().min(1e6);
        if epochs >= 1.0 {
            return Ok(epochs);
        }
        let needed = (fixed + per_epoch) / self.shard.count() as f64 / (1.0 - RESERVE);
        Err(SweepError::Budget(format!(
            "--budget is too small for one epoch of each cell, which takes about {}: give more, or split the grid with \
             --shard",
            crate::train::progress::time(needed)
        )))
    }

    /// What each cell costs that is still to be done; nothing where it was stopped meanwhile.
    fn measure(&self, cells: &[Cell], progress: &mut Progress) -> Result<Option<Vec<Cost>>, SweepError> {
        let mut costs = Vec::new();
        for cell in cells {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            costs.push(match (self.tables.presence(cell), training(cell)) {
                (Presence::Done, _) => (0.0, 0.0),
                (_, None) => (expect::seconds(cell, self.tables).unwrap_or(0.0), 0.0),
                (_, Some(_)) => self.try_speed(cell, progress)?,
            });
        }
        Ok(Some(costs))
    }

    fn try_speed(&self, cell: &Cell, progress: &mut Progress) -> Result<Cost, SweepError> {
        let log = self.folders.own.join(format!("{}.speed.log", cell.file_name()));
        let io = |source| SweepError::Io { what: "write", path: log.clone(), source };
        let file = File::create(&log).map_err(io)?;
        let command = command::estimate(cell, self.folders)?;
        progress.begin(cell, None);
        let ending = child::run(command, file, cell.timeout, self.stop, &mut |line| progress.hear(line)).map_err(io)?;
        let estimate: Option<Estimate> = serde_json::from_str(ending.output.trim()).ok();
        // One that cannot be built costs little, and says so when its turn comes.
        let epoch = estimate.map_or(0.0, |estimate| estimate.epoch_seconds());
        progress.say(&match estimate {
            Some(_) => format!("{cell}: {epoch:.1} s an epoch"),
            None => format!("{cell}: its speed cannot be measured; {} says why", log.display()),
        });
        Ok((ending.seconds, epoch))
    }
}

fn check(cells: &[Cell]) -> Result<(), SweepError> {
    if recipes(cells).is_empty() {
        let problem = "--budget chooses epochs, and this sweep trains nothing: leave it out";
        return Err(SweepError::Budget(problem.into()));
    }
    match cells.iter().filter_map(training).find(|training| training.settings.steps.is_some()) {
        Some(_) => {
            Err(SweepError::Budget("--budget chooses epochs, and a recipe gives steps: leave one of them out".into()))
        }
        None => Ok(()),
    }
}

fn recipes(cells: &[Cell]) -> Vec<String> {
    let mut recipes: Vec<String> = cells.iter().filter_map(training).map(Training::recipe_hash).collect();
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
    let rows = Table::new(&own.join("epochs.csv"), &HEADER).rows()?;
    Ok(rows.into_iter().filter_map(|row| Some((row.first()?.clone(), row.get(1)?.parse().ok()?))).collect())
}

fn lock(path: &Path) -> Result<File, SweepError> {
    let locked = File::create(path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|source| SweepError::Io { what: "lock", path: path.into(), source })
}

fn list<'a>(epochs: impl Iterator<Item = &'a f64>) -> String {
    let mut texts: Vec<String> = epochs.map(f64::to_string).collect();
    texts.dedup();
    texts.join(" and ")
}
