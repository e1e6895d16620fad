//! CSV tables that grow by whole rows.
//!
//! Owns the promise that a table has one header, that every row is flushed as it comes, and that two processes may append
//! to the same table. A row that a killed process left half written is set aside by name, never joined to the next one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::text::{self, Tail, Text};

/// Why a table could not be read or appended to.
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
    /// The file cannot be read.
    #[error("cannot read {}: {source}; let it be read, or choose another folder with --results", path.display())]
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
    /// A row that is none of the table.
    #[error(
        "{} line {line} has {found} fields and its header has {expected}; mend or remove that line",
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
        self.append_all(&[row])
    }

    /// Appends `rows`, one behind the other with none of another process between them.
    ///
    /// # Errors
    /// As [`Table::append`].
    pub fn append_all<S: AsRef<[u8]>>(&self, rows: &[&[S]]) -> Result<Option<String>, TableError> {
        self.append_locked(rows).map_err(|error| match error {
            Failure::Io(source) => TableError::Io { path: self.path.clone(), source },
            Failure::Header(found) => TableError::Header { path: self.path.clone(), found },
        })
    }

    /// The rows of the table; none where it does not exist yet. A torn last row is left where it is, and left out; one that
    /// only lacks its newline is there. Where tables were put together with their headers, those are passed over.
    ///
    /// # Errors
    /// Where the file cannot be read, has another header, or a row of another number of fields.
    pub fn rows(&self) -> Result<Vec<Vec<String>>, TableError> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(TableError::Unreadable { path: self.path.clone(), source }),
        };
        let text = text::read(&bytes, &self.header)
            .ok_or_else(|| TableError::Header { path: self.path.clone(), found: text::first_line(&bytes) })?;
        let expected = self.header.len();
        for record in &text.records {
            if record.fields.len() != expected {
                let (line, found) = (record.line, record.fields.len());
                return Err(TableError::Row { path: self.path.clone(), line, found, expected });
            }
        }
        Ok(text.records.into_iter().map(|record| record.fields).collect())
    }

    fn append_locked<S: AsRef<[u8]>>(&self, rows: &[&[S]]) -> Result<Option<String>, Failure> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        file.lock()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = text::read(&bytes, &self.header).ok_or_else(|| Failure::Header(text::first_line(&bytes)))?;
        let mut lines = Vec::new();
        let warning = self.mend(&mut file, &bytes, &text, &mut lines)?;
        for row in rows {
            lines.extend(text::line(row)?);
        }
        file.write_all(&lines)?;
        file.sync_data()?;
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
                let aside = self.path.with_extension("torn.csv");
                let mut torn = OpenOptions::new().append(true).create(true).open(&aside)?;
                torn.write_all(&bytes[from..])?;
                torn.write_all(b"\n")?;
                file.set_len(from as u64)?;
                file.seek(SeekFrom::End(0))?;
                Ok(Some(format!("{path} ended in a half-written row; it is now in {}", aside.display())))
            }
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn a_last_row_that_lacks_its_newline_is_kept() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        std::fs::write(&path, "a,b\n1,2\n3,4")?;
        let table = Table::new(&path, &["a", "b"]);
        assert_eq!(table.rows()?, [["1", "2"], ["3", "4"]]);
        let warning = table.append(&["5", "6"])?;
        assert!(warning.is_some_and(|text| text.contains("did not end in a newline")));
        assert_eq!(lines(&path), ["a,b", "1,2", "3,4", "5,6"]);
        assert!(!folder.path().join("table.torn.csv").exists());
        Ok(())
    }

    #[test]
    fn a_last_row_that_was_cut_off_within_its_hash_is_set_aside() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        let table = Table::new(&path, &["a", "hash"]);
        // Older rows have none.
        let whole = "a,hash\n1,\n2,0123\n3,4567\n";
        std::fs::write(&path, format!("{whole}4,89"))?;
        assert_eq!(table.rows()?.len(), 3);
        assert!(table.append(&["5", "cdef"])?.is_some_and(|text| text.contains("half-written")));
        assert_eq!(std::fs::read_to_string(&path)?, format!("{whole}5,cdef\n"));
        // Words are of any length.
        std::fs::write(&path, "a,hash\n1,long\n2,longer\n3,word")?;
        assert_eq!(table.rows()?.len(), 3);
        Ok(())
    }

    #[test]
    fn a_torn_header_is_an_empty_table_and_other_text_is_none() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        let table = Table::new(&path, &["first", "second"]);
        for torn in ["", "fir", "first,second"] {
            std::fs::write(&path, torn)?;
            assert_eq!(table.rows()?, Vec::<Vec<String>>::new());
            table.append(&["1", "2"])?;
            assert_eq!(lines(&path), ["first,second", "1,2"], "{torn}");
        }
        for other in ["something else", "first\n", "1,2\n", "first,second,third"] {
            std::fs::write(&path, other)?;
            assert!(matches!(table.rows(), Err(TableError::Header { .. })), "{other}");
            assert!(matches!(table.append(&["1", "2"]), Err(TableError::Header { .. })), "{other}");
        }
        Ok(())
    }

    #[test]
    fn what_a_spreadsheet_makes_of_line_ends_does_no_harm() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        let table = Table::new(&path, &["a", "b"]);
        std::fs::write(&path, "\u{feff}a,b\r\n1,2\r\n")?;
        assert_eq!(table.append(&["3", "4"])?, None);
        assert_eq!(table.rows()?, [["1", "2"], ["3", "4"]]);
        Ok(())
    }

    #[test]
    fn tables_that_were_put_together_are_one_and_a_wrong_row_has_a_line() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        let table = Table::new(&path, &["a", "b"]);
        std::fs::write(&path, "a,b\n1,2\na,b\n3,4\n")?;
        assert_eq!(table.rows()?, [["1", "2"], ["3", "4"]]);
        std::fs::write(&path, "a,b\n1,2\n3\n5,6\n")?;
        let error = table.rows().unwrap_err().to_string();
        assert!(
            error.ends_with("table.csv line 3 has 1 fields and its header has 2; mend or remove that line"),
            "{error}"
        );
        Ok(())
    }

    proptest! {
        /// Wherever a write is cut off, the rows before it stay and the next one follows.
        #[test]
        fn a_table_that_was_cut_off_loses_no_whole_row(
            rows in prop::collection::vec(("[a-c,\"\n]{0,4}", "[x\"\n]{1,3}"), 1..5),
            share in 0.0..1.0f64,
        ) {
            let folder = tempfile::tempdir()?;
            let path = folder.path().join("table.csv");
            let table = Table::new(&path, &["a", "b", "end"]);
            let mut ends = Vec::new();
            let mut all: Vec<Vec<String>> = Vec::new();
            for (one, other) in rows {
                all.push(vec![one, other, "z".into()]);
                prop_assert_eq!(table.append(&all[all.len() - 1])?, None);
                ends.push(std::fs::metadata(&path)?.len());
            }
            prop_assert_eq!(&table.rows()?, &all);
            let cut = (share * ends[ends.len() - 1] as f64) as u64;
            OpenOptions::new().write(true).open(&path)?.set_len(cut)?;
            // The newline alone may be missing.
            let mut left = all[..ends.iter().filter(|end| **end <= cut + 1).count()].to_vec();
            prop_assert_eq!(&table.rows()?, &left);
            let next = ["1", "2", "3"].map(String::from).to_vec();
            table.append(&next)?;
            left.push(next);
            prop_assert_eq!(table.rows()?, left);
        }
    }
}
