//! Who does a cell: one process at a time, whichever sweep it is of.

use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use super::SweepError;
use super::cell::{Cell, Work};
use super::run::own_folder;
use zoo_host::lock::{Attempt, Lock};
use zoo_results::Environment;

/// The folder of claims beside those of sweeps, which are named as their files and so begin with no dot.
const FOLDER: &str = ".claims";

/// A cell that this process does; others leave it alone while this lives.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    lock: Lock,
}

/// Who has a cell.
#[derive(Debug)]
pub enum Claimed {
    /// This process.
    Here(Claim),
    /// Another one; which, and what to do where that has ended, as far as it is known.
    Elsewhere(Option<String>),
}

impl Claim {
    /// Claims `cell` in the folder `results`.
    ///
    /// # Errors
    /// Where a lock cannot be had at all.
    pub fn of(cell: &Cell, results: &Path, environment: &Environment) -> Result<Claimed, SweepError> {
        let folder = own_folder(results, FOLDER);
        let path = folder.join(format!("{}.claim", name(cell, environment)));
        let io = |source| SweepError::Io { what: "lock", path: path.clone(), source };
        std::fs::create_dir_all(&folder).map_err(io)?;
        loop {
            match Lock::attempt(&path).map_err(io)? {
                Attempt::Held(owner) => return Ok(Claimed::Elsewhere(owner.map(|owner| owner.of(&path)))),
                // Whoever had it removes it.
                Attempt::Taken(lock) if lock.is_of(&path) => return Ok(Claimed::Here(Claim { path, lock })),
                Attempt::Taken(_) => {}
            }
        }
    }

    /// What there is to say of locks of the folder, once.
    pub fn note(&self) -> Option<String> {
        self.lock.note()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // One that stays is free, as its lock is.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The cell's name; times of another machine are another cell.
fn name(cell: &Cell, environment: &Environment) -> String {
    match &cell.work {
        Work::Count | Work::Accuracy(_) => cell.file_name(),
        Work::Latency { .. } | Work::Throughput { .. } => {
            let machine = Md5::digest(format!("{} {}", environment.device, environment.cpu));
            let digits: String = machine.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            format!("{}-{digits}", cell.file_name())
        }
    }
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;

    use super::*;
    use crate::{SweepFile, grid};

    #[test]
    fn a_cell_is_claimed_once_and_again_when_its_process_is_through() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::detect("cpu");
        let text = "[[grid]]\nkind = 'latency'\nmodel = 'mobilenet-v3-small'\nengine = ['libtorch', 'zoo']\n";
        // Of sweeps of other names, too.
        let cells = |name: &str| {
            let file = SweepFile::parse(Path::new(name), text).unwrap();
            grid::cells(&file, &Registry::default()).unwrap()
        };
        let (one, other) = (cells("one.toml"), cells("other.toml"));
        let claim = |cell: &Cell, environment: &Environment| {
            let claimed = Claim::of(cell, folder.path(), environment).unwrap();
            if let Claimed::Here(claim) = claimed { Some(claim) } else { None }
        };
        let first = claim(&one[0], &environment);
        assert!(first.is_some());
        assert!(claim(&other[0], &environment).is_none());
        assert!(claim(&other[1], &environment).is_some());
        assert!(claim(&other[0], &Environment { cpu: "another".into(), ..environment.clone() }).is_some());
        drop(first);
        assert!(claim(&other[0], &environment).is_some());
        assert_eq!(std::fs::read_dir(folder.path().join("sweeps/.claims")).unwrap().count(), 0);
    }
}
