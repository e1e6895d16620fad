//! Which sweep a training run is a cell of: by the hash of its settings, as a sweep itself knows its rows.

use std::path::{Path, PathBuf};

use toml::Table;
use zoo_core::Registry;

use super::rows::Run;
use crate::sweep::cell::Work;
use crate::sweep::training::Training;
use crate::sweep::{SweepFile, grid};
use crate::train::Settings;

/// Where the sweeps that come with the project are, seen from its root.
const SHIPPED: &str = "configs/sweeps";

/// Training cells, each with the command of its sweep.
#[derive(Debug)]
pub struct Sweeps(Vec<(String, Training)>);

impl Sweeps {
    /// Those of the files in `configs/sweeps`, and those that sweeps left in `results` of what their cells were told.
    pub fn read(results: &Path) -> Sweeps {
        let registry = Registry::default();
        let mut all = Vec::new();
        for path in list(Path::new(SHIPPED)) {
            // A file that is being written is none yet.
            let cells = SweepFile::read(&path).and_then(|file| grid::cells(&file, &registry)).unwrap_or_default();
            let command = format!("zoo-train sweep {}", path.display());
            all.extend(cells.into_iter().filter_map(|cell| match cell.work {
                Work::Accuracy(training) => Some((command.clone(), *training)),
                _ => None,
            }));
        }
        for folder in list(&results.join("sweeps")) {
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let told = list(&folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
            all.extend(told.filter_map(|path| Some((format!("zoo-train sweep {name}.toml"), told_by(&path)?))));
        }
        Sweeps(all)
    }

    /// The command of the sweep that `run` is a cell of, if there is one.
    pub fn command(&self, run: &Run) -> Option<String> {
        let is_cell = |training: &Training| {
            Some(training.settings.seed) == run.seed && training.has_hash(&run.config_hash, run.epochs, run.steps)
        };
        self.0.iter().find(|(_, training)| is_cell(training)).map(|(command, _)| command.clone())
    }
}

/// What a cell was told by the file at `path`.
fn told_by(path: &Path) -> Option<Training> {
    let text = std::fs::read_to_string(path).ok()?;
    let (settings, _) = Settings::layered(Some((path, &text)), Table::new()).ok()?;
    Some(Training { given: Table::new(), settings, threads_count: false })
}

/// The paths in a folder, in order.
fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
