//! The file by which a scheduler runs a sweep in parts: how many there are, how long they take, and what is to happen at
//! their end.

mod kubernetes;
mod parallel;
mod slurm;

use std::path::PathBuf;
use std::time::Duration;

use super::cell::{Cell, Work};
use super::present::{Presence, Tables};
use super::{Kind, Shard, expect};
use zoo_host::words::counted;
use zoo_results::command::quoted;
use zoo_training::progress::time;

pub use kubernetes::kubernetes;
pub use parallel::parallel;
pub use slurm::slurm;

/// The most parts unless told otherwise: Slurm has arrays of at most 1001 tasks, unless told otherwise.
const MOST: usize = 1000;
/// Threads of a training cell whose recipe gives none.
const THREADS: u32 = 2;
/// Other processors differ from those that expectations come from.
const MARGIN: f64 = 1.5;
/// Starting, waiting for tables, and the time between the signal and the end.
const SLACK: f64 = 300.0;
/// Limits are multiples of this.
const ROUNDED_TO: f64 = 300.0;

/// What is to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The sweep's name.
    pub name: String,
    /// Where it was typed.
    pub folder: PathBuf,
    /// The program.
    pub program: PathBuf,
    /// What follows it, without the part.
    pub arguments: Vec<String>,
    /// Into how many parts the grid is split.
    pub parts: usize,
    /// What the parts take.
    pub need: Need,
}

/// What the parts of a grid take of a machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Need {
    /// Cells that are to be done.
    pub cells: usize,
    /// Of them those whose time is not known.
    pub unknown: usize,
    /// Seconds that the longest part is expected to take.
    pub seconds: f64,
    /// The most threads that a cell has.
    pub threads: u32,
    /// Whether a cell trains on a GPU.
    pub gpu: bool,
    /// Whether a cell is timed, and so to be alone on its machine.
    pub timed: bool,
}

/// Whether `cell` is to be done: it has no row, or one that is to be tried again.
fn is_open(cell: &Cell, tables: &Tables, retry: bool) -> bool {
    match tables.presence(cell) {
        Presence::Missing => true,
        Presence::Failed(_) => retry,
        Presence::Done => false,
    }
}

/// The number of parts that a grid is best split into: one for each cell that is to be done and needs a process.
pub fn parts(cells: &[Cell], tables: &Tables, retry: bool) -> usize {
    let open = cells.iter().filter(|cell| cell.kind() != Kind::Count && is_open(cell, tables, retry));
    open.count().clamp(1, MOST)
}

impl Need {
    /// What `parts` parts of `cells` take, each in its wall time `budget` where there is one.
    pub fn of(cells: &[Cell], tables: &Tables, parts: usize, retry: bool, budget: Option<Duration>) -> Need {
        let weights: Vec<f64> = cells.iter().map(expect::weight).collect();
        let mut need = Need { threads: 1, ..Need::default() };
        for shard in (0..parts).filter_map(|place| Shard::at(place, parts)) {
            let open = shard.places(&weights).into_iter().map(|at| &cells[at]);
            let mut seconds = 0.0;
            for cell in open.filter(|cell| is_open(cell, tables, retry)) {
                need.add(cell);
                match expect::seconds(cell, tables) {
                    Some(expected) => seconds += expected,
                    None => need.unknown += 1,
                }
            }
            need.seconds = need.seconds.max(seconds);
        }
        Need { seconds: budget.map_or(need.seconds, |budget| budget.as_secs_f64() / MARGIN), ..need }
    }

    fn add(&mut self, cell: &Cell) {
        self.cells += 1;
        let threads = match &cell.work {
            Work::Count => 1,
            Work::Latency { timing, .. } | Work::Throughput { timing, .. } => {
                self.timed = true;
                timing.threads.unsigned_abs()
            }
            Work::Accuracy(training) => {
                let run = &training.settings.run;
                self.gpu |= run.device.starts_with("cuda");
                run.threads.map_or(THREADS, i32::unsigned_abs)
            }
        };
        self.threads = self.threads.max(threads);
    }

    /// The time that a part is given, in seconds.
    fn limit(&self) -> u64 {
        ((self.seconds * MARGIN + SLACK) / ROUNDED_TO).ceil().max(2.0) as u64 * ROUNDED_TO as u64
    }
}

impl Job {
    /// The command of a part, as a shell takes it; `shard` is `auto`, or a part.
    fn line(&self, shard: &str) -> String {
        let program = self.program.to_string_lossy().into_owned();
        let words = std::iter::once(program).chain(self.arguments.iter().cloned());
        let words = words.chain(["--shard".to_string(), shard.to_string()]);
        words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
    }

    /// The name, of letters, digits and hyphens alone.
    fn label(&self) -> String {
        let name = self.name.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        // A pod's name has its number and five letters behind it, and 63 in all.
        let name: String = format!("zoo-{name}").chars().take(48).collect();
        name.trim_end_matches('-').to_string()
    }

    /// What the file is for, and how long a part is expected to take, as a sentence.
    fn says(&self) -> String {
        let Need { cells, unknown, seconds, .. } = self.need;
        let known = format!("about {} for the longest part", time(seconds));
        let unknown = if unknown == 0 { String::new() } else { format!(", without {unknown} whose time is not known") };
        let (cells, parts) = (counted(cells as u64, "cell"), counted(self.parts as u64, "part"));
        format!("{cells} of {} in {parts}, {known}{unknown}.", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn job() -> Job {
        Job {
            name: "my Sweep".into(),
            folder: "/home/me/two words".into(),
            program: "/opt/zoo/zoo-train".into(),
            arguments: ["sweep", "my Sweep.toml", "--results", "results"].map(String::from).into(),
            parts: 4,
            need: Need { cells: 7, seconds: 3600.0, threads: 3, ..Need::default() },
        }
    }

    #[test]
    fn a_limit_has_a_margin_and_is_round() {
        let limit = |seconds: f64| Need { seconds, ..Need::default() }.limit();
        assert_eq!([0.0, 100.0, 3600.0].map(limit), [600, 600, 5700]);
    }

    #[test]
    fn names_are_those_of_every_scheduler() {
        assert_eq!(job().label(), "zoo-my-sweep");
        let long = Job { name: "a_".repeat(60), ..job() };
        assert!(long.label().len() <= 48 && long.label().ends_with('a'));
        assert_eq!(job().says(), "7 cells of my Sweep in 4 parts, about 60 min 00 s for the longest part.");
    }
}
