//! Which run the process of a training cell goes on with.

use std::path::{Path, PathBuf};

use super::training::Training;
use zoo_training::folder::{Resume, RunFolder, find, same};

/// What the process of a cell is told with `--resume`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Going {
    /// The newest unfinished run of the same settings, if there is one.
    Auto,
    /// This one.
    On(PathBuf),
    /// A new one.
    Anew,
}

/// How the run of `training` goes on in the folder `results`. Elsewhere a run may go on with any number of threads; where
/// they are an axis, cells differ in nothing else, and each has a run of its own.
pub fn going(training: &Training, results: &Path) -> Going {
    if !training.threads_count {
        return Going::Auto;
    }
    let folders = std::fs::read_dir(results).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut own: Vec<PathBuf> = folders
        .filter(|path| {
            let settings = RunFolder::at(path.clone()).settings();
            settings.is_some_and(|found| {
                found.run.threads == training.settings.run.threads && same(&found, &training.settings)
            })
        })
        .collect();
    own.sort_by_key(|path| path.join("last.safetensors").metadata().and_then(|file| file.modified()).ok());
    let unfinished = |path: &PathBuf| {
        let found = find(results, &Resume::From(path.clone()), &training.settings);
        found.is_ok_and(|found| found.run.is_some())
    };
    own.into_iter().rev().find(unfinished).map_or(Going::Anew, Going::On)
}
