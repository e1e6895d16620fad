//! CSV tables that grow by whole rows.
//!
//! Owns the promise that a table has one header, that every row is flushed as it comes, and that two processes may append
//! to the same table. A row that a killed process left half written is set aside by name, never joined to the next one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Why a table could not be appended to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file system refused.
    #[error("cannot write {}: {source}; free some space or choose another folder with --results", path.display())]
    Io {
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
}

/// A CSV file with a fixed header.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    header: Vec<String>,
}

impl Table {
    /// The table at `path`, which need not exist yet.
    pub fn new<S: AsRef<str>>(path: &Path, header: &[S]) -> Table {
        Table { path: path.to_path_buf(), header: header.iter().map(|column| column.as_ref().to_string()).collect() }
    }

    /// Appends one row, whole or not at all, and returns a warning where an earlier row was torn.
    ///
    /// # Errors
    /// Where the file cannot be written or has another header; nothing is changed then.
    pub fn append<S: AsRef<[u8]>>(&self, row: &[S]) -> Result<Option<String>, TableError> {
        self.append_locked(row).map_err(|error| match error {
            Failure::Io(source) => TableError::Io { path: self.path.clone(), source },
            Failure::Header(found) => TableError::Header { path: self.path.clone(), found },
        })
    }

    /// The whole rows of the table; none where it does not exist yet. A torn last row is left where it is, and left out.
    ///
    /// # Errors
    /// Where the file cannot be read, has another header, or a row of another number of fields.
    pub fn rows(&self) -> Result<Vec<Vec<String>>, TableError> {
        let fail = |source| TableError::Io { path: self.path.clone(), source };
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fail(error)),
        };
        let whole = &text[..whole_lines(&text)];
        if !whole.is_empty() && !whole.starts_with(&record(&self.header).map_err(fail)?) {
            return Err(TableError::Header { path: self.path.clone(), found: first_line(whole) });
        }
        let mut reader = csv::Reader::from_reader(whole);
        let rows = reader.records().map(|row| row.map(|row| row.iter().map(String::from).collect()));
        rows.collect::<Result<_, _>>().map_err(|error| fail(io::Error::other(error)))
    }

    fn append_locked<S: AsRef<[u8]>>(&self, row: &[S]) -> Result<Option<String>, Failure> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        file.lock()?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let header = record(&self.header)?;
        let warning = self.check(&mut file, &text, &header)?;
        let mut line = if text.is_empty() { header } else { Vec::new() };
        line.extend(record(row)?);
        file.write_all(&line)?;
        file.sync_data()?;
        Ok(warning)
    }

    /// Refuses another header, and cuts off a torn last row into a file beside the table.
    fn check(&self, file: &mut File, text: &[u8], header: &[u8]) -> Result<Option<String>, Failure> {
        if text.is_empty() {
            return Ok(None);
        }
        let end = whole_lines(text);
        if !text.starts_with(header) {
            return Err(Failure::Header(first_line(text)));
        }
        if end == text.len() {
            return Ok(None);
        }
        let aside = self.path.with_extension("torn.csv");
        let mut torn = OpenOptions::new().append(true).create(true).open(&aside)?;
        torn.write_all(&text[end..])?;
        torn.write_all(b"\n")?;
        file.set_len(end as u64)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Some(format!("{} ended in a half-written row; it is now in {}", self.path.display(), aside.display())))
    }
}

enum Failure {
    Io(io::Error),
    Header(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

/// Length of the part of `text` that ends with a newline.
fn whole_lines(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1)
}

fn first_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text.split(|byte| *byte == b'\n').next().unwrap_or_default()).trim_end().to_string()
}

fn record<S: AsRef<[u8]>>(fields: &[S]) -> io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(fields)?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &Path) -> Vec<String> {
        std::fs::read_to_string(path).unwrap_or_default().lines().map(String::from).collect()
    }

    #[test]
    fn rows_follow_one_header() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("deep/table.csv");
        let table = Table::new(&path, &["a", "b"]);
        table.append(&["1", "two, three"])?;
        table.append(&["4", "5"])?;
        assert_eq!(lines(&path), ["a,b", "1,\"two, three\"", "4,5"]);
        Ok(())
    }

    #[test]
    fn another_header_is_refused_and_nothing_changes() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        std::fs::write(&path, "a,c\n1,2\n")?;
        let error = Table::new(&path, &["a", "b"]).append(&["1", "2"]).unwrap_err().to_string();
        assert!(error.contains("another header (`a,c`)"), "{error}");
        assert_eq!(lines(&path), ["a,c", "1,2"]);
        Ok(())
    }

    #[test]
    fn a_torn_row_is_set_aside() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        std::fs::write(&path, "a,b\n1,2\n3,")?;
        let warning = Table::new(&path, &["a", "b"]).append(&["5", "6"])?;
        assert!(warning.is_some_and(|text| text.contains("half-written")));
        assert_eq!(lines(&path), ["a,b", "1,2", "5,6"]);
        assert_eq!(lines(&folder.path().join("table.torn.csv")), ["3,"]);
        Ok(())
    }
}
