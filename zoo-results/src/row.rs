//! A table whose rows have a type: read, appended to and changed as that.

use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cells;
use super::table::{Change, Table, TableError};

/// The rows of one table of `results/`. The fields are its columns in their order, and `results/README.md` documents each with
/// its unit. What older rows lack, or rows without figures leave empty, is an `Option`, or an empty text.
pub trait Row: Serialize + DeserializeOwned {
    /// Name of the table's file.
    const FILE: &'static str;
    /// The last column of the oldest header that is read, where the table grew behind it.
    const OLDEST: Option<&'static str> = None;

    /// Columns that do not tell two rows apart which are otherwise the same.
    const INCIDENTAL: &'static [&'static str] = &[];

    /// Rows that were written as one, which stay together: each by itself, unless the table has others.
    fn together(rows: Vec<Self>) -> Vec<Vec<Self>>
    where
        Self: Sized,
    {
        rows.into_iter().map(|row| vec![row]).collect()
    }

    /// Whether this row says that something was interrupted that `newer` is about, too: that one then takes its place.
    fn is_superseded_by(&self, newer: &Self) -> bool {
        let _ = newer;
        false
    }
}

/// The table whose rows are `R`.
#[derive(Debug)]
pub struct TableOf<R> {
    path: PathBuf,
    pub(crate) table: Table,
    rows: PhantomData<R>,
}

impl<R: Row> TableOf<R> {
    /// The one in the folder `results`; it need not exist yet.
    pub fn new(results: &Path) -> TableOf<R> {
        TableOf::at(&results.join(R::FILE))
    }

    /// The one in the file `path`; it need not exist yet.
    pub fn at(path: &Path) -> TableOf<R> {
        let header = cells::header::<R>();
        let oldest = R::OLDEST.and_then(|last| header.iter().position(|column| *column == last));
        let table = Table::new(path, header).grown_from(oldest.map_or(header.len(), |last| last + 1));
        TableOf { path: path.into(), table, rows: PhantomData }
    }

    /// Whether rows can be appended, as far as that is known before there are any.
    ///
    /// # Errors
    /// Where the table cannot be read or has another header.
    pub fn check(&self) -> Result<(), TableError> {
        self.table.rows().map(|_| ())
    }

    /// Its rows; none where it does not exist yet.
    ///
    /// # Errors
    /// As [`TableOf::check`], and where a cell has what its column cannot.
    pub fn rows(&self) -> Result<Vec<R>, TableError> {
        let records = self.table.records()?.into_iter();
        let rows = records.map(|record| {
            let problem = |problem: cells::Problem| TableError::Cell {
                path: self.path.clone(),
                line: record.line,
                problem: problem.to_string(),
            };
            cells::read(cells::header::<R>(), &record.fields).map_err(problem)
        });
        rows.collect()
    }

    /// Those of its rows that can be read.
    ///
    /// # Errors
    /// As [`TableOf::check`].
    pub fn readable_rows(&self) -> Result<Vec<R>, TableError> {
        Ok(readable(&self.table.rows()?).into_iter().flatten().collect())
    }

    /// Appends `row`, in place of those that it supersedes; returns a warning where an earlier row was torn.
    ///
    /// # Errors
    /// Where the table cannot be written or has another header.
    pub fn append(&self, row: &R) -> Result<Option<String>, TableError> {
        self.table.try_update(|there| {
            let there = readable::<R>(there).into_iter().enumerate();
            let superseded = there.filter(|(_, found)| found.as_ref().is_some_and(|found| found.is_superseded_by(row)));
            Ok(Change { remove: superseded.map(|(place, _)| place).collect(), append: vec![line(row)?] })
        })
    }

    /// Appends `rows`, one behind the other; they supersede none.
    ///
    /// # Errors
    /// As [`TableOf::append`].
    pub fn append_all(&self, rows: &[R]) -> Result<Option<String>, TableError> {
        let lines: io::Result<Vec<Vec<String>>> = rows.iter().map(line).collect();
        let lines = lines.map_err(|source| TableError::Io { path: self.path.clone(), source })?;
        self.table.append_all(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// Changes the table as `decide` says of its rows, of which it is not told those that cannot be read. No other process
    /// writes to it in between.
    ///
    /// # Errors
    /// As [`TableOf::append`].
    pub fn update(&self, decide: impl FnOnce(&[Option<R>]) -> Change<R>) -> Result<Option<String>, TableError> {
        self.table.try_update(|there| {
            let Change { remove, append } = decide(&readable(there));
            Ok(Change { remove, append: append.iter().map(line).collect::<io::Result<_>>()? })
        })
    }
}

pub(crate) fn line<R: Row>(row: &R) -> io::Result<Vec<String>> {
    cells::write(row).map_err(io::Error::other)
}

/// Rows whose cells are what their columns hold, each in its place.
pub(crate) fn readable<R: Row>(rows: &[Vec<String>]) -> Vec<Option<R>> {
    rows.iter().map(|cells| cells::read(cells::header::<R>(), cells).ok()).collect()
}
