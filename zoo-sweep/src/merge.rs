//! The parts of a sweep that ran in folders of their own, put together.
//!
//! Rows go into the tables of one folder, and what a report needs of a sweep into its folder there. Runs stay where they are:
//! their names may come again in another part, and they are large.

use std::path::{Path, PathBuf};

use super::SweepError;
use super::run::own_folder;
use zoo_results::{Merged, Row, TableOf, accuracy, count, deployed, epochs, latency, stages, throughput};
use zoo_training::folder::RunFolder;

/// What came of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The table's file.
    pub table: String,
    /// Its rows.
    pub merged: Merged,
}

/// The parts, read: nothing is written before all of them could be.
#[derive(Debug)]
pub struct Parts<'a> {
    folders: &'a [PathBuf],
    count: Vec<Vec<count::Row>>,
    stages: Vec<Vec<stages::Row>>,
    latency: Vec<Vec<latency::Row>>,
    throughput: Vec<Vec<throughput::Row>>,
    accuracy: Vec<Vec<accuracy::Row>>,
    deployed: Vec<Vec<deployed::Row>>,
}

impl Parts<'_> {
    /// Reads the tables of `folders`.
    ///
    /// # Errors
    /// Where one is no folder of results, or a table in it cannot be read.
    pub fn read(folders: &[PathBuf]) -> Result<Parts<'_>, SweepError> {
        folders.iter().try_for_each(|folder| check(folder))?;
        Ok(Parts {
            folders,
            count: all(folders)?,
            stages: all(folders)?,
            latency: all(folders)?,
            throughput: all(folders)?,
            accuracy: all(folders)?,
            deployed: all(folders)?,
        })
    }

    /// Puts them together in the folder `results`; what came of each table that a part has.
    ///
    /// # Errors
    /// Where a table or a file cannot be written. The same call does what is left.
    pub fn into(self, results: &Path) -> Result<Vec<Outcome>, SweepError> {
        std::fs::create_dir_all(results).map_err(|source| SweepError::Io {
            what: "make the folder",
            path: results.into(),
            source,
        })?;
        let mut outcomes = Vec::new();
        outcomes.extend(put(self.count, results)?);
        // A row of latency.csv says that its stages are there.
        outcomes.extend(put(self.stages, results)?);
        outcomes.extend(put(self.latency, results)?);
        outcomes.extend(put(self.throughput, results)?);
        outcomes.extend(put(self.accuracy, results)?);
        outcomes.extend(put(self.deployed, results)?);
        self.folders.iter().try_for_each(|folder| sweeps(folder, results))?;
        Ok(outcomes)
    }
}

/// Runs in `folder`, as far as they have a checkpoint or settings.
pub fn runs(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| RunFolder::at(entry.path()).settings().is_some()).count()
}

/// Whether something was put into `folder` by a run or a sweep.
fn check(folder: &Path) -> Result<(), SweepError> {
    let files = [
        count::Row::FILE,
        stages::Row::FILE,
        latency::Row::FILE,
        throughput::Row::FILE,
        accuracy::Row::FILE,
        deployed::Row::FILE,
    ];
    let problem = if !folder.is_dir() {
        "there is no such folder"
    } else if !files.iter().any(|file| folder.join(file).is_file()) {
        "it has none of the tables of a sweep"
    } else {
        return Ok(());
    };
    let problem = format!("{problem}; give the folders that the parts had as --results");
    Err(SweepError::Merge { path: folder.into(), problem })
}

fn all<R: Row>(folders: &[PathBuf]) -> Result<Vec<Vec<R>>, SweepError> {
    Ok(folders.iter().map(|folder| TableOf::<R>::new(folder).rows()).collect::<Result<_, _>>()?)
}

fn put<R: Row + Clone>(sources: Vec<Vec<R>>, results: &Path) -> Result<Option<Outcome>, SweepError> {
    if sources.iter().all(Vec::is_empty) {
        return Ok(None);
    }
    let merged = TableOf::<R>::new(results).merge(sources)?;
    Ok(Some(Outcome { table: R::FILE.into(), merged }))
}

/// What the sweeps of `folder` told their cells, and what those said: a report finds by it which sweep a row is of. Files that
/// are there already stay as they are.
fn sweeps(folder: &Path, results: &Path) -> Result<(), SweepError> {
    for (name, from) in entries(&own_folder(folder, "")).filter(|(name, from)| !name.starts_with('.') && from.is_dir())
    {
        let to = own_folder(results, &name);
        std::fs::create_dir_all(&to).map_err(|source| SweepError::Io {
            what: "make the folder",
            path: to.clone(),
            source,
        })?;
        put::<epochs::Row>(vec![TableOf::new(&from).rows()?], &to)?;
        let files = entries(&from).filter(|(name, path)| path.is_file() && name != epochs::Row::FILE);
        for (name, path) in files.filter(|(name, _)| name.ends_with(".toml") || name.ends_with(".log")) {
            let target = to.join(name);
            if !target.exists() {
                std::fs::copy(&path, &target).map_err(|source| SweepError::Io {
                    what: "copy",
                    path: path.clone(),
                    source,
                })?;
            }
        }
    }
    Ok(())
}

/// What is in a folder, by name, in the order of names.
fn entries(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<(String, PathBuf)> =
        entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect();
    all.sort();
    all.into_iter()
}
