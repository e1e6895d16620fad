//! The folder of a run: where it is and what is in it. Which run `--resume` means is in `find`.

mod find;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use find::{Found, Resumed, ended, find, same};
use zoo_core::Entry;
use zoo_core::regular_file::read_text;

use super::TrainError;
use super::checkpoint::State;
use zoo_host::console::say;
use zoo_host::lock::{Lock, Owner};
use zoo_settings::Settings;
use zoo_settings::recorded::settings_of_config;
use zoo_settings::{EXTENDED, RESOLVED};

/// A process that was asked to end still has its folder while it ends its step and saves.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time after which waiting for it is said.
const SILENCE: Duration = Duration::from_secs(1);

/// A folder `results/<run>`.
#[derive(Debug)]
pub struct RunFolder {
    /// Its path.
    pub path: PathBuf,
    /// Tells other processes that this one writes to it, for as long as it lives.
    lock: Option<Lock>,
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
    /// Makes a new folder in `results`, named by model, width and depth where they are not those of `entry`, profile, size and
    /// seed, and a number where that is taken.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn create(results: &Path, entry: &Entry, settings: &Settings) -> Result<RunFolder, TrainError> {
        make_results(results)?;
        let (model, profile, seed) = (&settings.network.model, &settings.network.profile, settings.run.seed);
        let input_size = settings.input();
        let usual = entry.variant.options;
        let other = |name: &str, value: Option<f64>, usual: f64| {
            value.filter(|value| *value != usual).map(|value| format!("-{name}{value}")).unwrap_or_default()
        };
        let width = other("width", settings.network.width, usual.width);
        let depth = other("depth", settings.network.depth, usual.depth);
        let base = format!("{model}{width}{depth}-{profile}-{input_size}px-seed{seed}");
        let mut number = 1u32;
        loop {
            let path = results.join(if number == 1 { base.clone() } else { format!("{base}-{number}") });
            match std::fs::create_dir(&path) {
                Ok(()) => {
                    let mut folder = RunFolder::at(path);
                    // Nobody else can know of it yet.
                    folder.take()?.map_err(|holder| TrainError::InUse { path: folder.path.clone(), holder })?;
                    return Ok(folder);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(TrainError::File { what: "make the folder", path, source }),
            }
        }
    }

    /// The folder at `path`, to read from.
    pub fn at(path: PathBuf) -> RunFolder {
        RunFolder { path, lock: None }
    }

    /// Takes the folder to write to and keeps it. Where another process has it for longer than it takes to save, who that is
    /// and what to do.
    fn take(&mut self) -> Result<Result<(), String>, TrainError> {
        let (path, mut holder, mut is_said) = (self.path.clone(), String::new(), false);
        let taken = Lock::wait(&path, |owner: Option<&Owner>, waited| {
            holder = owner.map(|owner| format!(" ({})", owner.of(&path))).unwrap_or_default();
            if waited >= SILENCE && !is_said {
                say!("waiting for another process to end its work in {}", path.display());
                is_said = true;
            }
            waited <= PATIENCE
        });
        let taken = taken.map_err(|source| TrainError::File { what: "lock", path: self.path.clone(), source })?;
        self.lock = taken;
        Ok(if self.lock.is_some() { Ok(()) } else { Err(holder) })
    }

    /// What there is to say of how other processes are kept away from it.
    pub fn lock_note(&self) -> Option<String> {
        self.lock.as_ref().and_then(Lock::note)
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The resolved settings.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The resolved settings, where the file holds some.
    pub fn settings(&self) -> Option<Settings> {
        settings_of_config(&read_text(&self.config()).ok()?)
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

    /// Makes the best checkpoint, which is the newest one too, the newest one.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn best_is_last(&self) -> Result<(), TrainError> {
        same_file(&self.best(), &self.last())
    }

    /// Keeps the checkpoint of the last evaluation if it is among the best ones that are to be kept, and removes the one
    /// that it drives out.
    ///
    /// # Errors
    /// Where files cannot be written or removed.
    pub fn keep_top(&self, state: &State) -> Result<(), TrainError> {
        let Some(keep) = state.settings.run.keep else { return Ok(()) };
        let name = |step: u64| format!("step-{step:08}.safetensors");
        let mut best: Vec<_> = state.epochs.iter().collect();
        best.sort_by(|a, b| b.better_top1().total_cmp(&a.better_top1()));
        let kept: Vec<String> = best.iter().take(keep).map(|epoch| name(epoch.step)).collect();
        let newest = name(state.step);
        if kept.contains(&newest) {
            same_file(&self.last(), &self.path.join(&newest))?;
        }
        let failed = |source| TrainError::File { what: "tidy up", path: self.path.clone(), source };
        for entry in std::fs::read_dir(&self.path).map_err(failed)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("step-") && name.ends_with(".safetensors") && !kept.contains(&name) {
                std::fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Writes the resolved settings, whole or not at all.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_config(&self, settings: &Settings) -> Result<(), TrainError> {
        let (path, partial) = (self.config(), self.path.join("config.partial"));
        let heading = if settings.schedule.extended_from.is_empty() { RESOLVED } else { EXTENDED };
        let written = std::fs::write(&partial, format!("{heading}{}", settings.with_absolute_paths().to_toml()))
            .and_then(|()| std::fs::rename(&partial, &path));
        if written.is_err() {
            // Half a file where there is no room takes some of it.
            let _ = std::fs::remove_file(&partial);
        }
        written.map_err(|source| TrainError::File { what: "write", path, source })
    }
}

/// Makes `to` another name of the file `from`, or a copy where links are not to be had.
fn same_file(from: &Path, to: &Path) -> Result<(), TrainError> {
    let partial = to.with_extension("partial");
    let _ = std::fs::remove_file(&partial);
    let linked = std::fs::hard_link(from, &partial).or_else(|_| std::fs::copy(from, &partial).map(|_| ()));
    let landed = linked.and_then(|()| std::fs::rename(&partial, to));
    // Of two names of one file rename(2) changes nothing, and says that all went well.
    let _ = std::fs::remove_file(&partial);
    landed.map_err(|source| TrainError::File { what: "write checkpoint", path: to.into(), source })
}

/// Makes the folder of all runs. Called before time is spent on a run that could not leave anything.
///
/// # Errors
/// Where the folder cannot be made.
pub fn make_results(results: &Path) -> Result<(), TrainError> {
    std::fs::create_dir_all(results).map_err(|source| TrainError::File {
        what: "make the folder",
        path: results.into(),
        source,
    })
}
