//! What is wrong with a sweep, each as one sentence with the way out.

use std::path::PathBuf;

use zoo_results::TableError;
use zoo_settings::SettingsError;
use zoo_training::TrainError;

/// Why a sweep did not start, or ended before its last cell.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// A sweep file that says something that cannot be.
    #[error("{}:{line}: {problem}", path.display())]
    File {
        /// The sweep file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, with the way out.
        problem: String,
    },
    /// A file or folder that the system refuses.
    #[error("cannot {what} {}: {source}{}", path.display(), way_out(source))]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A table that cannot be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A recipe that cannot be.
    #[error(transparent)]
    Recipe(#[from] TrainError),
    /// A part of the grid that nothing tells.
    #[error("--shard auto: {0}")]
    Part(String),
    /// Folders that cannot be put together.
    #[error("--merge {}: {problem}", path.display())]
    Merge {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it, with the way out.
        problem: String,
    },
    /// A budget that cannot be kept.
    #[error("{0}")]
    Budget(String),
}

impl From<SettingsError> for SweepError {
    fn from(error: SettingsError) -> SweepError {
        SweepError::Recipe(error.into())
    }
}

fn way_out(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{
        AlreadyExists, NotADirectory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    match error.kind() {
        StorageFull | QuotaExceeded => "; free some space and run the command again",
        PermissionDenied | ReadOnlyFilesystem => "; choose a folder you may write to with --results",
        NotADirectory | AlreadyExists => "; a file is in the way, choose another folder with --results",
        _ => "",
    }
}
