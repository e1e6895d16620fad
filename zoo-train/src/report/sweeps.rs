//! Which sweep a training run is a cell of: by the hash of its settings, as a sweep itself knows its rows.

use std::path::{Path, PathBuf};

use zoo_core::Registry;

use super::rows::Run;
use crate::sweep::cell::Work;
use crate::sweep::training::{Recipe, Training};
use crate::sweep::{Kind, SweepError, SweepFile, grid};

/// Where the sweeps that come with the project are, seen from its root.
const SHIPPED: &str = "configs/sweeps";

/// Training cells, each with the command of its sweep.
#[derive(Debug)]
pub struct Sweeps(Vec<(String, Training)>);

impl Sweeps {
    /// Those of the files in `configs/sweeps`, and those that sweeps left in `results` of what their cells were told. Cells
    /// that start from weights are not among them: a report fetches none.
    pub fn read(results: &Path, registry: &Registry) -> Sweeps {
        let mut all = Vec::new();
        for path in list(Path::new(SHIPPED)) {
            // A file that is being written is none yet.
            let trainings = trainings(&path, registry).unwrap_or_default();
            let command = format!("zoo-train sweep {}", path.display());
            all.extend(trainings.into_iter().map(|training| (command.clone(), training)));
        }
        for folder in list(&results.join("sweeps")) {
            let file = format!("{}.toml", folder.file_name().unwrap_or_default().to_string_lossy());
            let shipped = Path::new(SHIPPED).join(&file);
            let file = if shipped.is_file() { shipped } else { file.into() };
            let told = list(&folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
            let command = format!("zoo-train sweep {}", file.display());
            all.extend(told.filter_map(|path| Some((command.clone(), Training::told(&path, registry)?))));
        }
        Sweeps(all)
    }

    /// The command of the sweep that `run` is a cell of, if there is one.
    pub fn command(&self, run: &Run) -> Option<String> {
        let is_cell = |training: &Training| {
            let threads = training.settings.threads.filter(|_| training.threads_count);
            Some(training.settings.seed) == run.seed
                && threads.is_none_or(|threads| threads.to_string() == run.environment.threads)
                && training.has_hash(&run.config_hash, run.epochs, run.steps)
        };
        self.0.iter().find(|(_, training)| is_cell(training)).map(|(command, _)| command.clone())
    }
}

/// The training cells of the sweep at `path`.
fn trainings(path: &Path, registry: &Registry) -> Result<Vec<Training>, SweepError> {
    let whole = SweepFile::read(path)?;
    let mut file = SweepFile { grids: Vec::new(), ..whole.clone() };
    for grid in &whole.grids {
        if grid.kinds.contains(&Kind::Accuracy) && !Recipe::read(&whole, grid)?.has_weights() {
            file.grids.push(grid.clone());
        }
    }
    let cells = grid::cells(&file, registry)?;
    Ok(cells
        .into_iter()
        .filter_map(|cell| if let Work::Accuracy(training) = cell.work { Some(*training) } else { None })
        .collect())
}

/// The paths in a folder, in order.
fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
