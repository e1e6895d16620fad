//! The sweep file, whose crate runs networks: a link leads to its folder.

use std::path::PathBuf;

pub use file::SweepFile;
pub use kind::Kind;

#[allow(dead_code)]
mod file;
mod kind;

/// What is wrong with a sweep file.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum SweepError {
    #[error("{}:{line}: {problem}", path.display())]
    File { path: PathBuf, line: usize, problem: String },
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
}
