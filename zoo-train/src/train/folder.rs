//! The folder of a run: where it is, what is in it, and which run `--resume auto` means.

use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, State};
use super::{Settings, TrainError};

/// A folder `results/<run>`.
#[derive(Clone, Debug)]
pub struct RunFolder {
    /// Its path.
    pub path: PathBuf,
}

/// What `--resume` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Start anew.
    No,
    /// The newest unfinished run of the same settings, if there is one.
    Auto,
    /// This run's folder or checkpoint.
    From(PathBuf),
}

impl RunFolder {
    /// Makes a new folder in `results`, named by model, profile, size and seed, and a number where that is taken.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn create(results: &Path, settings: &Settings) -> Result<RunFolder, TrainError> {
        let failed = |path: &Path, source| TrainError::File { what: "make the folder", path: path.into(), source };
        std::fs::create_dir_all(results).map_err(|source| failed(results, source))?;
        let Settings { model, profile, input_size, seed, .. } = settings;
        let base = format!("{model}-{profile}-{input_size}px-seed{seed}");
        for number in 1u32.. {
            let path = results.join(if number == 1 { base.clone() } else { format!("{base}-{number}") });
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(RunFolder { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(failed(&path, source)),
            }
        }
        unreachable!("the loop ends only by returning")
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The resolved settings.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// One row an epoch.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// The newest checkpoint.
    pub fn last(&self) -> PathBuf {
        self.path.join("last.safetensors")
    }

    /// The checkpoint of the best evaluation.
    pub fn best(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    /// Writes the resolved settings, whole or not at all.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_config(&self, settings: &Settings) -> Result<(), TrainError> {
        let (path, partial) = (self.config(), self.path.join("config.partial"));
        let written = std::fs::write(&partial, settings.to_toml()).and_then(|()| std::fs::rename(&partial, &path));
        written.map_err(|source| TrainError::File { what: "write", path, source })
    }
}

/// The checkpoint meant by the path of a run's folder or of a file.
pub fn checkpoint_at(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("last.safetensors") } else { path.to_path_buf() }
}

/// The run to go on with, if any.
///
/// # Errors
/// Where a checkpoint that was named cannot be used. With [`Resume::Auto`] unreadable ones are passed over.
pub fn find(results: &Path, resume: &Resume, wanted: &Settings) -> Result<Option<(RunFolder, Checkpoint)>, TrainError> {
    match resume {
        Resume::No => Ok(None),
        Resume::From(path) => {
            let file = checkpoint_at(path);
            let checkpoint = Checkpoint::read(&file)?;
            let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
            Ok(Some((RunFolder { path: folder }, checkpoint)))
        }
        Resume::Auto => {
            let mut candidates: Vec<_> = std::fs::read_dir(results)
                .into_iter()
                .flatten()
                .filter_map(|entry| {
                    let file = entry.ok()?.path().join("last.safetensors");
                    Some((file.metadata().ok()?.modified().ok()?, file))
                })
                .collect();
            candidates.sort();
            let unfinished = candidates.into_iter().rev().find_map(|(_, file)| {
                let checkpoint = Checkpoint::read(&file).ok().filter(|found| goes_on(&found.state, wanted))?;
                Some((RunFolder { path: file.parent()?.to_path_buf() }, checkpoint))
            });
            Ok(unfinished)
        }
    }
}

/// Whether a run stopped early and had these settings, steps aside: a budget may have chosen those.
fn goes_on(state: &State, wanted: &Settings) -> bool {
    let fixed = |settings: &Settings| Settings { steps: None, ..settings.clone() }.hash();
    let unfinished = Some(state.step) < state.settings.steps || state.running.steps > 0;
    let same_steps = wanted.steps.is_none_or(|steps| Some(steps) == state.settings.steps);
    same_steps && fixed(&state.settings) == fixed(wanted) && unfinished
}
