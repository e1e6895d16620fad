//! Which run `--resume` means, and the checkpoint that it goes on from.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Resume, RunFolder};
use crate::TrainError;
use crate::checkpoint::{Checkpoint, State};
use zoo_results::accuracy;
use zoo_settings::Settings;

/// The checkpoint that a run goes on from.
#[derive(Debug)]
pub struct Resumed {
    /// Its file.
    pub file: PathBuf,
    /// What is in it.
    pub checkpoint: Checkpoint,
    /// Whether it stands in for the newest one, which is not there or cannot be read.
    pub stands_in: bool,
    /// Why the newest one cannot be read.
    pub note: Option<String>,
}

impl Resumed {
    /// The checkpoint meant by the path of a file or of a run's folder: of a folder the newest one, or else the best one,
    /// which alone is there where a run was killed between its first two names.
    ///
    /// # Errors
    /// Where the file, or the newest one of the folder and the best one, cannot be used.
    pub fn read(path: &Path) -> Result<Resumed, TrainError> {
        if !path.is_dir() {
            let checkpoint = Checkpoint::read(path)?;
            return Ok(Resumed { file: path.into(), checkpoint, stands_in: false, note: None });
        }
        let folder = RunFolder::at(path.into());
        let (file, best) = (folder.last(), folder.best());
        match Checkpoint::read(&file) {
            Ok(checkpoint) => Ok(Resumed { file, checkpoint, stands_in: false, note: None }),
            Err(error) => {
                let checkpoint = Checkpoint::read(&best).ok();
                let Some(checkpoint) = checkpoint else { return Err(error) };
                // One that was never written is not missed.
                let note = file.exists().then(|| format!("note: {error}; continuing from {}", best.display()));
                Ok(Resumed { file: best, checkpoint, stands_in: true, note })
            }
        }
    }
}

/// The run to go on with, if any, and a note for each checkpoint of the same settings that cannot be read.
///
/// # Errors
/// Where a checkpoint that was named cannot be used. With [`Resume::Auto`] unreadable ones are passed over.
pub fn find(results: &Path, resume: &Resume, wanted: &Settings) -> Result<Found, TrainError> {
    match resume {
        Resume::No => Ok(Found::default()),
        Resume::From(path) => {
            let mut folder = if path.is_dir() {
                RunFolder::at(path.clone())
            } else {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).map(Path::to_path_buf);
                // Of a bare file name it is the folder that one is in.
                RunFolder::at(parent.or_else(|| std::env::current_dir().ok()).unwrap_or_default())
            };
            if let Err(holder) = folder.take()? {
                return Err(TrainError::InUse { path: folder.path, holder });
            }
            let resumed = Resumed::read(path)?;
            let (has_ended, state) = (has_ended(results, &folder, &resumed)?, &resumed.checkpoint.state);
            let extends = state.is_extended_by(wanted);
            if extends && state.is_trained() && !has_ended {
                return Err(TrainError::Setting(format!(
                    "{} belongs to a run that has no row yet: first give --resume without --epochs and --steps, which \
                     writes the row, then extend the run",
                    resumed.file.display()
                )));
            }
            if has_ended && !extends {
                let best = folder.best();
                let weights = if best.exists() { best } else { resumed.file.clone() };
                return Err(TrainError::Ended { path: resumed.file, steps: resumed.checkpoint.state.step, weights });
            }
            Ok(Found { run: Some((folder, resumed)), notes: Vec::new() })
        }
        Resume::Auto => newest(results, wanted),
    }
}

/// What a run of the settings `wanted` came to that has ended, with its row, if there is one.
///
/// # Errors
/// Where the table of accuracies cannot be read.
pub fn ended(results: &Path, wanted: &Settings) -> Result<Option<State>, TrainError> {
    for (_, path) in candidates(results) {
        let folder = RunFolder::at(path);
        // Far cheaper than to read all checkpoints.
        if !folder.settings().is_some_and(|settings| same(&settings, wanted)) {
            continue;
        }
        // What stands in for the end has other scores.
        if let Ok(resumed) = Resumed::read(&folder.path)
            && !resumed.stands_in
            && has_ended(results, &folder, &resumed)?
        {
            return Ok(Some(resumed.checkpoint.state));
        }
    }
    Ok(None)
}

/// What `--resume` found.
#[derive(Debug, Default)]
pub struct Found {
    /// The run to go on with.
    pub run: Option<(RunFolder, Resumed)>,
    /// What was passed over, one sentence each.
    pub notes: Vec<String>,
}

/// Folders of runs with a checkpoint, the newest first.
fn candidates(results: &Path) -> Vec<(SystemTime, PathBuf)> {
    let entries = std::fs::read_dir(results).into_iter().flatten().flatten();
    let mut candidates: Vec<_> = entries
        .filter_map(|entry| {
            let folder = RunFolder::at(entry.path());
            let newest = folder.last().metadata().or_else(|_| folder.best().metadata());
            Some((newest.ok()?.modified().ok()?, folder.path))
        })
        .collect();
    candidates.sort();
    candidates.reverse();
    candidates
}

/// The newest run of the settings `wanted` that has not ended.
fn newest(results: &Path, wanted: &Settings) -> Result<Found, TrainError> {
    let mut found = Found::default();
    let mut nearest = Nearest::None;
    for (_, path) in candidates(results) {
        let mut folder = RunFolder::at(path);
        let goes_on = |folder: &RunFolder, resumed: &Resumed| -> Result<bool, TrainError> {
            Ok(same(&resumed.checkpoint.state.settings, wanted) && !has_ended(results, folder, resumed)?)
        };
        match Resumed::read(&folder.path) {
            Ok(resumed) if goes_on(&folder, &resumed)? => {
                if let Err(holder) = folder.take()? {
                    let path = folder.path.display();
                    found.notes.push(format!("note: {path} is being trained by another process{holder}"));
                    continue;
                }
                // Who had it until now may have gone on since it was read.
                if let Ok(resumed) = Resumed::read(&folder.path)
                    && goes_on(&folder, &resumed)?
                {
                    found.run = Some((folder, resumed));
                    break;
                }
            }
            Ok(resumed) => nearest.see(&folder, &resumed, wanted),
            Err(error) if folder.settings().is_some_and(|settings| same(&settings, wanted)) => {
                found.notes.push(format!("note: {error}; that run is skipped and left as it is"));
            }
            Err(_) => {}
        }
    }
    if found.run.is_none() {
        found.notes.push(format!("--resume auto: {}; a new run is started", nearest.reason(results)));
    }
    Ok(found)
}

/// Of the runs that are not gone on with, the one that comes closest.
enum Nearest {
    None,
    /// It has the wanted settings, and has ended.
    Ended(PathBuf),
    /// It has others.
    Other(PathBuf, Vec<String>),
}

impl Nearest {
    fn see(&mut self, folder: &RunFolder, resumed: &Resumed, wanted: &Settings) {
        let settings = &resumed.checkpoint.state.settings;
        let seen = if same(settings, wanted) {
            Nearest::Ended(folder.path.clone())
        } else {
            let mut alike = settings.clone();
            alike.schedule.steps = wanted.schedule.steps.and(settings.schedule.steps);
            alike.schedule.micro_batch = wanted.schedule.micro_batch;
            let differences = alike.differences(wanted);
            Nearest::Other(folder.path.clone(), differences)
        };
        if seen.distance() < self.distance() {
            *self = seen;
        }
    }

    fn distance(&self) -> usize {
        match self {
            Nearest::None => usize::MAX,
            Nearest::Ended(_) => 0,
            Nearest::Other(_, differences) => differences.len(),
        }
    }

    fn reason(&self, results: &Path) -> String {
        match self {
            Nearest::None => format!("there is no run in {} yet", results.display()),
            Nearest::Ended(path) => format!("{} has these settings, but has ended", path.display()),
            Nearest::Other(path, differences) => {
                let first = differences.first().map_or("other settings", String::as_str);
                let more = match differences.len().saturating_sub(1) {
                    0 => String::new(),
                    1 => " and another difference".to_string(),
                    more => format!(" and {more} other differences"),
                };
                format!("no unfinished run has these settings; the closest, {}, has {first}{more}", path.display())
            }
        }
    }
}

/// Whether every step is done and evaluated, and the row written: one that was killed, or had no room, before that goes on,
/// and writes it. Of a run with a row whose last checkpoint somebody removed, nothing is to be done either.
fn has_ended(results: &Path, folder: &RunFolder, resumed: &Resumed) -> Result<bool, TrainError> {
    let state = &resumed.checkpoint.state;
    let may_have_ended = state.is_trained() || resumed.stands_in;
    Ok(may_have_ended && accuracy::has_ended(results, &folder.name(), &state.settings.hash())?)
}

/// Whether a run of `settings` is one that `wanted` asks for; no result depends on the number of threads and workers.
pub fn same(settings: &Settings, wanted: &Settings) -> bool {
    // A lack of memory may have chosen the micro-batch.
    let fixed = |settings: &Settings| {
        let mut settings = settings.with_absolute_paths();
        settings.schedule.steps = None;
        settings.schedule.micro_batch = None;
        settings.hash()
    };
    wanted.schedule.steps.is_none_or(|steps| Some(steps) == settings.schedule.steps) && fixed(settings) == fixed(wanted)
}
