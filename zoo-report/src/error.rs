//! Why there is no report.

use std::path::PathBuf;

/// What went wrong between the tables and the page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A table or a folder cannot be read.
    #[error("cannot read {}: {source}; name the tables to report on, or run a sweep first", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The columns are those of no table of results.
    #[error(
        "{} has an unknown header (`{found}`); expected one that begins with {expected}",
        path.display()
    )]
    Header {
        /// The table.
        path: PathBuf,
        /// Its first line.
        found: String,
        /// The headers that are known, with the names of their tables.
        expected: String,
    },
    /// A row cannot be read as one of its table.
    #[error("{} line {line}: {problem}; correct or remove the row", path.display())]
    Row {
        /// The table.
        path: PathBuf,
        /// Line number, the header being 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// No row can be drawn.
    #[error("there is nothing to report: {problem}; run a sweep first, or name other tables")]
    Nothing {
        /// What was looked at.
        problem: String,
    },
    /// A figure cannot be drawn or turned into pixels.
    #[error("figure {figure} cannot be drawn: {problem}")]
    Figure {
        /// Its name.
        figure: String,
        /// What the drawing code said.
        problem: String,
    },
    /// The report cannot be written.
    #[error("cannot write {}: {source}; choose another folder with --output", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
