//! The sweep itself: cell after cell, each in a process of its own, until all are done or it is asked to stop.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::cell::{Cell, Work};
use super::claim::{Claim, Claimed};
use super::command::{self, Folders};
use super::present::{Presence, Tables, superseded_among};
use super::progress::Progress;
use super::verdict::Verdict;
use super::{Kind, SweepError, child, expect, row};
use zoo_results::{Change, Environment, TableOf, status};
use zoo_training::progress::time;

/// Networks that are counted between two looks at whether to stop.
const COUNTED_AT_ONCE: usize = 2000;

/// How a sweep is done.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where things are.
    pub folders: Folders<'a>,
    /// Wall time after which a cell is given up, where its grid says nothing.
    pub timeout: Option<Duration>,
    /// Whether cells that failed earlier are tried again.
    pub retry: bool,
    /// This machine.
    pub environment: &'a Environment,
    /// Set where all is to end.
    pub stop: &'a AtomicBool,
}

/// What a sweep came to, in cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Done now.
    pub done: usize,
    /// Done earlier.
    pub present: usize,
    /// Failed now, with their status.
    pub failed: Vec<(String, String)>,
    /// Failed earlier, and were left so.
    pub failed_earlier: usize,
    /// Of those that failed, now or earlier, how many would fail again however often they were tried.
    pub permanent: usize,
    /// In the hands of another process.
    pub elsewhere: usize,
    /// Whether it was stopped before the last one.
    pub stopped: bool,
}

impl Summary {
    /// Whether every cell has a row with figures, or is in the hands of another process.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.failed_earlier == 0 && !self.stopped
    }
}

/// The folder of a sweep named `name`: what its cells said, and what they were told.
pub fn own_folder(results: &Path, name: &str) -> PathBuf {
    results.join("sweeps").join(name)
}

/// The same, made where it is not there.
///
/// # Errors
/// Where it cannot be made.
pub fn make_own_folder(results: &Path, name: &str) -> Result<PathBuf, SweepError> {
    let path = own_folder(results, name);
    std::fs::create_dir_all(&path).map_err(|source| SweepError::Io {
        what: "make the folder",
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

impl Request<'_> {
    /// Does those of `cells` that are missing, in their order.
    ///
    /// # Errors
    /// Where a table or a log cannot be written. What a cell's process does wrong is in its row.
    pub fn run(&self, cells: &[Cell], progress: &mut Progress) -> Result<Summary, SweepError> {
        let mut summary = Summary::default();
        let mut todo: Vec<(&Cell, f64)> = Vec::new();
        let tables = self.tables()?;
        for cell in cells {
            match tables.presence(cell) {
                Presence::Done => summary.present += 1,
                Presence::Failed(status) if !self.retry => {
                    summary.failed_earlier += 1;
                    summary.permanent += usize::from(status::is_permanent(&status));
                }
                _ => todo.push((cell, expect::seconds(cell, &tables).unwrap_or(0.0))),
            }
        }
        progress.set_cells(todo.len());
        let mut pace = Pace::default();
        self.leave_out_superseded(cells, &tables, progress)?;
        let mut left: f64 = todo.iter().map(|(_, expected)| expected).sum();
        let mut place = 0;
        while place < todo.len() && !summary.stopped {
            if self.stop.load(Ordering::Relaxed) {
                summary.stopped = true;
                break;
            }
            let (cell, expected) = todo[place];
            if cell.kind() == Kind::Count {
                place += self.count(&todo, place, &mut summary, progress)?;
                continue;
            }
            let head = format!("[{}/{}] {cell}", place + 1, todo.len());
            let took = self.process(cell, &head, expected, &mut summary, progress)?;
            pace.add(took, expected);
            left -= expected;
            progress.end(pace.of(left));
            place += 1;
        }
        Ok(summary)
    }

    /// Counts the cells from `place` on, as no process is needed for that; how many those are.
    fn count(
        &self,
        todo: &[(&Cell, f64)],
        place: usize,
        summary: &mut Summary,
        progress: &Progress,
    ) -> Result<usize, SweepError> {
        let counts = todo[place..].iter().map(|(cell, _)| *cell).take_while(|cell| cell.kind() == Kind::Count);
        let cells: Vec<&Cell> = counts.take(COUNTED_AT_ONCE).collect();
        row::count(self.folders.results, &cells)?.iter().for_each(|warning| progress.say(warning));
        for (at, cell) in cells.iter().enumerate() {
            let macs = zoo_core::summary::grouped(cell.cost.macs);
            progress.say(&format!("[{}/{}] {cell}: {macs} MACs", place + at + 1, todo.len()));
            progress.end(0.0);
        }
        summary.done += cells.len();
        Ok(cells.len())
    }

    /// Takes the rows of interrupted runs out of the table that have ended since: they are of the same run.
    fn leave_out_superseded(&self, cells: &[Cell], tables: &Tables, progress: &Progress) -> Result<(), SweepError> {
        if cells.iter().all(|cell| tables.superseded(cell).is_empty()) {
            return Ok(());
        }
        let warning = TableOf::new(self.folders.results)
            .update(|rows| Change { remove: superseded_among(rows, cells), append: Vec::new() })?;
        warning.iter().for_each(|warning| progress.say(warning));
        Ok(())
    }

    fn tables(&self) -> Result<Tables, SweepError> {
        Tables::read(self.folders.results, self.environment)
    }

    /// Runs the process of a cell, and sees to it that it has a row; the seconds that it took.
    fn process(
        &self,
        cell: &Cell,
        head: &str,
        expected: f64,
        summary: &mut Summary,
        progress: &mut Progress,
    ) -> Result<f64, SweepError> {
        let path = self.folders.own.join(format!("{}.log", cell.file_name()));
        let io = |source| SweepError::Io { what: "write", path: path.clone(), source };
        let claim = match Claim::of(cell, self.folders.results, self.environment)? {
            Claimed::Here(claim) => claim,
            Claimed::Elsewhere(who) => {
                let who = who.map(|who| format!(": {who}")).unwrap_or_default();
                progress.say(&format!("{head}: another process is working on it{who}"));
                summary.elsewhere += 1;
                return Ok(0.0);
            }
        };
        claim.note().iter().for_each(|note| progress.say(note));
        let before = self.tables()?;
        if before.presence(cell) == Presence::Done {
            summary.present += 1;
            return Ok(0.0);
        }
        let Some(command) = command::of(cell, self.folders)? else { return Ok(0.0) };
        let log = File::create(&path).map_err(io)?;
        progress.say(head);
        progress.begin(cell, Some(expected));
        let timeout = cell.timeout.or(self.timeout);
        let ending = child::run(command, log, timeout, self.stop, &mut |line| progress.hear(line)).map_err(io)?;
        let verdict = self.written(cell, ended(&before, cell).len(), Verdict::of(&ending), progress)?;
        match verdict {
            Verdict::Done => {
                progress.say(&format!("{head}: {} in {}", self.figure(cell)?, time(ending.seconds)));
                summary.done += 1;
            }
            Verdict::Stopped => {
                progress.say(&format!("{head}: stopped; the same command continues"));
                summary.stopped = true;
            }
            Verdict::Failed(status) => {
                progress.say(&format!("{head}: {status}; its output is in {}", path.display()));
                summary.permanent += usize::from(status::is_permanent(&status));
                summary.failed.push((cell.to_string(), status));
            }
        }
        Ok(ending.seconds)
    }

    /// The verdict once there is a row for it, where so many of the cell had [`ended`] `before`. What the tables say is what
    /// counts: a process may fail, or be stopped, with its row written.
    fn written(
        &self,
        cell: &Cell,
        before: usize,
        verdict: Verdict,
        progress: &Progress,
    ) -> Result<Verdict, SweepError> {
        let tables = self.tables()?;
        if tables.presence(cell) == Presence::Done {
            self.leave_out_superseded(std::slice::from_ref(cell), &tables, progress)?;
            if let Some(how) = verdict.unless_done() {
                progress.say(&format!("note: {cell}: its row was written, but its process then ended with: {how}"));
            }
            return Ok(Verdict::Done);
        }
        let own: Vec<String> = ended(&tables, cell).into_iter().skip(before).collect();
        let status = match verdict {
            Verdict::Stopped => return Ok(verdict),
            Verdict::Done => "no row: the process ended well and left none".to_string(),
            Verdict::Failed(status) => {
                // A row of its own says it better.
                if let Some(own) = own.iter().rev().find(|own| !status::is_done(own)) {
                    return Ok(Verdict::Failed(own.clone()));
                }
                status
            }
        };
        let warning = row::failed(self.folders.results, cell, &status, self.environment)?;
        warning.iter().for_each(|warning| progress.say(warning));
        Ok(Verdict::Failed(status))
    }

    /// What the row of a cell that is done says, in a word.
    fn figure(&self, cell: &Cell) -> Result<String, SweepError> {
        let tables = self.tables()?;
        let figure = tables.figure(cell).unwrap_or(f64::NAN);
        Ok(match cell.work {
            Work::Count => format!("{} MACs", zoo_core::summary::grouped(cell.cost.macs)),
            Work::Latency { .. } => format!("{figure:.3} ms"),
            Work::Throughput { .. } => format!("{figure:.1} img/s"),
            Work::Accuracy(_) => format!("{figure:.2} % top-1"),
        })
    }
}

/// The statuses of the rows about `cell` but for those that say that it was stopped, whose place others take.
fn ended(tables: &Tables, cell: &Cell) -> Vec<String> {
    tables.statuses(cell).into_iter().filter(|status| status != status::INTERRUPTED).collect()
}

/// How much longer cells take than expected.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    took: f64,
    expected: f64,
}

impl Pace {
    fn add(&mut self, took: f64, expected: f64) {
        self.took += took;
        self.expected += expected;
    }

    fn of(&self, expected: f64) -> f64 {
        if self.expected > 0.0 { expected * self.took / self.expected } else { expected }
    }
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;

    use super::*;
    use crate::{SweepFile, grid};
    use zoo_training::progress::Verbosity;

    const GRID: &str = "[[grid]]\nkind = 'latency'\nmodel = 'mobilenet-v3-small'\nengine = 'libtorch'\n";

    #[test]
    fn a_row_that_was_written_counts_however_its_process_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = SweepFile::parse(Path::new("my.toml"), GRID).unwrap();
        let cell = grid::cells(&file, &Registry::default()).unwrap().remove(0);
        let environment = Environment::detect("cpu");
        let stop = AtomicBool::new(false);
        let folders = Folders { results: folder.path(), own: folder.path(), data: None };
        let request = Request { folders, timeout: None, retry: false, environment: &environment, stop: &stop };
        let progress = Progress::new(Verbosity::Quiet, 1);
        let crashed = || Verdict::Failed("crashed (SIGSEGV)".into());
        let statuses = || request.tables().unwrap().statuses(&cell);

        assert_eq!(request.written(&cell, 0, crashed(), &progress).unwrap(), crashed());
        assert_eq!(statuses(), ["crashed (SIGSEGV)"]);
        // As the process of a cell writes it.
        row::failed(folder.path(), &cell, status::DONE, &environment).unwrap();
        for verdict in [crashed(), Verdict::Stopped, Verdict::Done] {
            assert_eq!(request.written(&cell, 1, verdict, &progress).unwrap(), Verdict::Done);
        }
        assert_eq!(statuses(), ["crashed (SIGSEGV)", "done"]);
    }
}
