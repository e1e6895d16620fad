//! CSV tables that grow by whole rows.
//!
//! Owns the promise that a table has one header, that every row is flushed as it comes, and that two processes may append
//! to the same table. A row that a killed process left half written is set aside by name, never joined to the next one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zoo_core::regular_file;

use super::text::{self, Record, Tail, Text};
use zoo_host::console::say;
use zoo_host::interrupt;
use zoo_host::lock::{Lock, Owner};

/// Time after which it is said what is waited for.
const SILENCE: Duration = Duration::from_secs(1);
/// Time that a process which was asked to stop still waits.
const LAST: Duration = Duration::from_secs(1);
/// The largest table, in bytes.
const LIMIT: u64 = 1 << 30;

/// Why a table could not be read or appended to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file system refused.
    #[error("cannot write {}: {source}; {}choose another folder with --results", path.display(), room(source))]
    Io {
        /// The table.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {source}; make it readable, or choose another folder with --results", path.display())]
    Unreadable {
        /// The table.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file has other columns.
    #[error(
        "{} has another header (`{found}`); move it away, or choose another folder with --results",
        path.display()
    )]
    Header {
        /// The table.
        path: PathBuf,
        /// The first line found.
        found: String,
    },
    /// Another process has the file, and the command was stopped meanwhile.
    #[error("another process writes to {}, and the command was stopped while it waited: nothing was added", path.display())]
    Stopped {
        /// The table.
        path: PathBuf,
    },
    /// A row that has something in a cell that cannot stand there.
    #[error("{} line {line}: {problem}; correct or remove that line", path.display())]
    Cell {
        /// The table.
        path: PathBuf,
        /// Line of the row, counted from 1.
        line: u64,
        /// What is wrong with it; the column is named.
        problem: String,
    },
    /// A row that is none of the table.
    #[error(
        "{} line {line}: expected {expected} fields, as in the header, but found {found}; correct or remove that line",
        path.display()
    )]
    Row {
        /// The table.
        path: PathBuf,
        /// Line of the row, counted from 1.
        line: u64,
        /// Fields of the row.
        found: usize,
        /// Columns of the table.
        expected: usize,
    },
}

/// A CSV file with a fixed header.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    header: Vec<String>,
    /// Columns that the header had at first; tables from then on are read, and grow when a row comes.
    oldest: usize,
}

/// What is done to a table at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change<R = Vec<String>> {
    /// Rows that go, by their place.
    pub remove: Vec<usize>,
    /// Rows that are added.
    pub append: Vec<R>,
}

impl Table {
    /// The table at `path`, which need not exist yet.
    pub fn new<S: AsRef<str>>(path: &Path, header: &[S]) -> Table {
        let header: Vec<String> = header.iter().map(|column| column.as_ref().to_string()).collect();
        Table { path: path.to_path_buf(), oldest: header.len(), header }
    }

    /// The same, where the header began with so many columns, and the others came later: in older rows those are empty.
    pub fn grown_from(self, columns: usize) -> Table {
        Table { oldest: columns, ..self }
    }

    /// Appends one row, whole or not at all, and returns a warning where an earlier row was torn.
    ///
    /// # Errors
    /// Where the file cannot be written or has another header; nothing is changed then.
    pub fn append<S: AsRef<str>>(&self, row: &[S]) -> Result<Option<String>, TableError> {
        self.append_all(&[row])
    }

    /// Appends `rows`, one behind the other with none of another process between them.
    ///
    /// # Errors
    /// As [`Table::append`].
    pub fn append_all<S: AsRef<str>>(&self, rows: &[&[S]]) -> Result<Option<String>, TableError> {
        let append = rows.iter().map(|row| row.iter().map(|cell| cell.as_ref().to_string()).collect()).collect();
        self.change_locked(|_| Ok(Change { append, remove: Vec::new() })).map_err(|failure| self.error(failure))
    }

    /// Changes the table as `decide` says of its rows. No other process writes to it in between, so that what is found
    /// missing still is when it is added.
    ///
    /// # Errors
    /// As [`Table::append`], and where a row has another number of fields.
    pub fn update(&self, decide: impl FnOnce(&[Vec<String>]) -> Change) -> Result<Option<String>, TableError> {
        self.try_update(|rows| Ok(decide(rows)))
    }

    /// The same where the change may fail.
    pub(crate) fn try_update(
        &self,
        decide: impl FnOnce(&[Vec<String>]) -> io::Result<Change>,
    ) -> Result<Option<String>, TableError> {
        let changed = self.change_locked(|text| {
            let rows: Vec<Vec<String>> =
                self.whole_rows(text.records.clone())?.into_iter().map(|record| record.fields).collect();
            Ok(decide(&rows)?)
        });
        changed.map_err(|failure| self.error(failure))
    }

    /// The rows of the table; none where it does not exist yet. A torn last row is left where it is, and left out; one that
    /// only lacks its newline is there. Where tables were put together with their headers, those are passed over.
    ///
    /// # Errors
    /// Where the file cannot be read, has another header, or a row of another number of fields.
    pub fn rows(&self) -> Result<Vec<Vec<String>>, TableError> {
        Ok(self.records()?.into_iter().map(|record| record.fields).collect())
    }

    /// The same with their lines.
    pub(crate) fn records(&self) -> Result<Vec<Record>, TableError> {
        let bytes = match regular_file::read(&self.path, LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(TableError::Unreadable { path: self.path.clone(), source }),
        };
        let rows = self.text(&bytes).and_then(|text| self.whole_rows(text.records));
        rows.map_err(|failure| self.error(failure))
    }

    fn text(&self, bytes: &[u8]) -> Result<Text, Failure> {
        text::read(bytes, &self.header, self.oldest).ok_or_else(|| Failure::Header(text::first_line(bytes)))
    }

    /// The rows with all columns; what older ones lack is empty.
    fn whole_rows(&self, records: Vec<Record>) -> Result<Vec<Record>, Failure> {
        let whole = |Record { line, mut fields }: Record| match fields.len() {
            found if (self.oldest..=self.header.len()).contains(&found) => {
                fields.resize(self.header.len(), String::new());
                Ok(Record { line, fields })
            }
            found => Err(Failure::Row { line, found }),
        };
        records.into_iter().map(whole).collect()
    }

    fn error(&self, failure: Failure) -> TableError {
        let path = self.path.clone();
        match failure {
            Failure::Io(source) => TableError::Io { path, source },
            Failure::Header(found) => TableError::Header { path, found },
            Failure::Stopped => TableError::Stopped { path },
            Failure::Row { line, found } => TableError::Row { path, line, found, expected: self.header.len() },
        }
    }

    fn change_locked(&self, decide: impl FnOnce(&Text) -> Result<Change, Failure>) -> Result<Option<String>, Failure> {
        let (mut file, _lock) = self.open_locked()?;
        let mut bytes = Vec::new();
        (&mut file).take(LIMIT + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LIMIT {
            // What was not read would be taken for a row that was cut off.
            return Err(io::Error::other(format!("it is longer than {LIMIT} bytes")).into());
        }
        let text = self.text(&bytes)?;
        let change = decide(&text)?;
        if change == Change::default() {
            return Ok(None);
        }
        let is_older = text.header.len() < self.header.len();
        if is_older || !change.remove.is_empty() {
            return self.rewrite(&file, &bytes, text, &change);
        }
        let mut lines = Vec::new();
        let warning = self.mend(&mut file, &bytes, &text, &mut lines)?;
        for row in &change.append {
            lines.extend(text::line(row)?);
        }
        file.write_all(&lines)?;
        file.sync_data()?;
        Ok(warning)
    }

    /// The file, which is this process's alone as long as the lock lives.
    fn open_locked(&self) -> Result<(File, Lock), Failure> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if std::fs::metadata(&self.path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::other("it is not a regular file").into());
        }
        loop {
            let mut patience = Patience::new(&self.path);
            let lock =
                Lock::wait(&self.path, |owner, waited| patience.lasts(owner, waited))?.ok_or(Failure::Stopped)?;
            let file = OpenOptions::new().read(true).append(true).custom_flags(libc::O_NONBLOCK).open(&self.path)?;
            // Whoever had it until now may have put another file in its place.
            if lock.is_of(&self.path) {
                lock.note().iter().for_each(|note| say!("{note}"));
                return Ok((file, lock));
            }
        }
    }

    /// Puts a table with the header of today, and without what goes, in place of `file`: whole or not at all.
    fn rewrite(&self, file: &File, bytes: &[u8], text: Text, change: &Change) -> Result<Option<String>, Failure> {
        let warning = match text.tail {
            Tail::Torn { from } => Some(self.set_aside(&bytes[from..])?),
            Tail::Whole | Tail::NoNewline | Tail::NoHeader => None,
        };
        let stay = text.records.into_iter().enumerate().filter(|(place, _)| !change.remove.contains(place));
        let mut rows: Vec<Vec<String>> = stay.map(|(_, record)| record.fields).collect();
        for row in &mut rows {
            row.resize(row.len().max(self.header.len()), String::new());
        }
        let mut lines = text::line(&self.header)?;
        for row in rows.iter().chain(&change.append) {
            lines.extend(text::line(row)?);
        }
        // A link to a table stays one.
        let path = std::fs::canonicalize(&self.path)?;
        let partial = path.with_extension("csv.partial");
        let written = File::create(&partial).and_then(|mut partial| {
            partial.set_permissions(file.metadata()?.permissions())?;
            partial.write_all(&lines)?;
            partial.sync_data()
        });
        let landed = written.and_then(|()| std::fs::rename(&partial, &path));
        if landed.is_err() {
            let _ = std::fs::remove_file(&partial);
        }
        landed?;
        Ok(warning)
    }

    /// Makes `file` end where a row may follow, what is missing for that in `lines`: a header, or a newline. A torn last row
    /// goes into a file beside the table.
    fn mend(&self, file: &mut File, bytes: &[u8], text: &Text, lines: &mut Vec<u8>) -> io::Result<Option<String>> {
        let path = self.path.display();
        match text.tail {
            Tail::Whole => Ok(None),
            Tail::NoHeader => {
                file.set_len(0)?;
                lines.extend(text::line(&self.header)?);
                Ok(None)
            }
            Tail::NoNewline => {
                lines.push(b'\n');
                Ok(Some(format!("{path} did not end in a newline; its last row has all its fields and was kept")))
            }
            Tail::Torn { from } => {
                let warning = self.set_aside(&bytes[from..])?;
                file.set_len(from as u64)?;
                file.seek(SeekFrom::End(0))?;
                Ok(Some(warning))
            }
        }
    }

    /// Keeps half a row in a file beside the table.
    fn set_aside(&self, half: &[u8]) -> io::Result<String> {
        let aside = self.path.with_extension("torn.csv");
        let mut torn = OpenOptions::new().append(true).create(true).open(&aside)?;
        torn.write_all(half)?;
        torn.write_all(b"\n")?;
        Ok(format!("{} ended in a half-written row; it is now in {}", self.path.display(), aside.display()))
    }
}

/// How long a table is waited for that another process has.
struct Patience<'a> {
    path: &'a Path,
    is_said: bool,
    stopped: Option<Instant>,
}

impl Patience<'_> {
    fn new(path: &Path) -> Patience<'_> {
        Patience { path, is_said: false, stopped: None }
    }

    /// Whether to go on waiting; says what for.
    fn lasts(&mut self, owner: Option<&Owner>, waited: Duration) -> bool {
        if waited > SILENCE && !self.is_said {
            self.is_said = true;
            let who = owner.map(|owner| format!(": {}", owner.of(self.path))).unwrap_or_default();
            say!("waiting for {}, to which another process writes{who}", self.path.display());
        }
        if interrupt::is_asked() {
            // A row that was made is worth a moment: the other process may be done with its own.
            return self.stopped.get_or_insert_with(Instant::now).elapsed() < LAST;
        }
        true
    }
}

/// What helps first where there is no room.
fn room(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space or ",
        _ => "",
    }
}

enum Failure {
    Io(io::Error),
    Header(String),
    Row { line: u64, found: usize },
    Stopped,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

#[cfg(test)]
mod tests;
