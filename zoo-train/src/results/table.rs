//! CSV tables that grow by whole rows.
//!
//! Owns the promise that a table has one header, that every row is flushed as it comes, and that two processes may append
//! to the same table. A row that a killed process left half written is set aside by name, never joined to the next one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant};

use zoo_core::regular_file;

use super::text::{self, Record, Tail, Text};
use crate::console::say;
use crate::interrupt;
use crate::lock::{Lock, Owner};

/// Whether it was said that the file system has no locks; it has none for any table.
static NOTED: Once = Once::new();
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
    /// Another process has the file, and the command was stopped meanwhile.
    #[error("another process writes to {}, and the command was stopped while it waited: nothing was added", path.display())]
    Stopped {
        /// The table.
        path: PathBuf,
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
    /// Columns that the header had at first; tables from then on are read, and grow when a row comes.
    oldest: usize,
}

/// What is done to a table at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Rows that go, by their place.
    pub remove: Vec<usize>,
    /// Rows that are added.
    pub append: Vec<Vec<String>>,
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
        let changed = self.change_locked(|text| Ok(decide(&self.whole_rows(text.records.clone())?)));
        changed.map_err(|failure| self.error(failure))
    }

    /// The rows of the table; none where it does not exist yet. A torn last row is left where it is, and left out; one that
    /// only lacks its newline is there. Where tables were put together with their headers, those are passed over.
    ///
    /// # Errors
    /// Where the file cannot be read, has another header, or a row of another number of fields.
    pub fn rows(&self) -> Result<Vec<Vec<String>>, TableError> {
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
    fn whole_rows(&self, records: Vec<Record>) -> Result<Vec<Vec<String>>, Failure> {
        let whole = |Record { line, mut fields }: Record| match fields.len() {
            found if (self.oldest..=self.header.len()).contains(&found) => {
                fields.resize(self.header.len(), String::new());
                Ok(fields)
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
        (&mut file).take(LIMIT).read_to_end(&mut bytes)?;
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
            return Err(io::Error::other("it is no regular file").into());
        }
        loop {
            let mut patience = Patience::new(&self.path);
            let lock =
                Lock::wait(&self.path, |owner, waited| patience.lasts(owner, waited))?.ok_or(Failure::Stopped)?;
            let file = OpenOptions::new().read(true).append(true).custom_flags(libc::O_NONBLOCK).open(&self.path)?;
            // Whoever had it until now may have put another file in its place.
            if lock.is_of(&self.path) {
                lock.note().iter().for_each(|note| NOTED.call_once(|| say!("{note}")));
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
        // A word that others have with more behind it.
        std::fs::write(&path, "a,split\n1,test\n2,val\n3,tes")?;
        assert_eq!(Table::new(&path, &["a", "split"]).rows()?.len(), 2);
        // Words are of any length.
        std::fs::write(&path, "a,hash\n1,long\n2,longer\n3,word")?;
        assert_eq!(table.rows()?.len(), 3);
        Ok(())
    }

    #[test]
    fn a_table_of_older_columns_is_read_and_grows_when_a_row_comes() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        let table = Table::new(&path, &["a", "b", "c"]).grown_from(2);
        std::fs::write(&path, "a,b\n1,2\n3,4\n5,")?;
        assert_eq!(table.rows()?, [["1", "2", ""], ["3", "4", ""]]);
        assert_eq!(lines(&path)[0], "a,b");
        assert!(table.append(&["6", "7", "8"])?.is_some_and(|text| text.contains("half-written")));
        assert_eq!(lines(&path), ["a,b,c", "1,2,", "3,4,", "6,7,8"]);
        assert_eq!(lines(&folder.path().join("table.torn.csv")), ["5,"]);
        // Put together with an older one.
        std::fs::write(&path, "a,b,c\n1,2,3\na,b\n3,4\n")?;
        assert_eq!(table.rows()?, [["1", "2", "3"], ["3", "4", ""]]);
        for other in ["a\n1\n", "a,c\n1,2\n"] {
            std::fs::write(&path, other)?;
            assert!(matches!(table.rows(), Err(TableError::Header { .. })), "{other}");
        }
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 2, "something was left beside the table");
        Ok(())
    }

    #[test]
    fn rows_go_and_others_come_at_once() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let (path, link) = (folder.path().join("table.csv"), folder.path().join("link.csv"));
        std::os::unix::fs::symlink(&path, &link)?;
        let table = Table::new(&link, &["a", "b"]);
        table.append_all(&[&["1", "2"], &["3", "4"], &["5", "6"]])?;
        let new = vec!["7".to_string(), "8".to_string()];
        table.update(|rows| Change {
            remove: (0..rows.len()).filter(|place| rows[*place][0] == "3").collect(),
            append: vec![new],
        })?;
        assert_eq!(lines(&path), ["a,b", "1,2", "5,6", "7,8"]);
        assert!(link.symlink_metadata()?.is_symlink());
        Ok(())
    }

    /// Each finds its row missing before any other wrote it, unless finding and writing are one.
    #[test]
    fn what_is_found_missing_still_is_when_it_is_added() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        let table = Table::new(&path, &["a", "b"]);
        (0..5).try_for_each(|_| table.append(&["gone", "x"]).map(|_| ()))?;
        let add = |number: usize| {
            table.update(|rows| {
                let row = vec![number.to_string(), "x".into()];
                std::thread::sleep(std::time::Duration::from_millis(1));
                // Half of them put another file in the place of the table.
                let gone = rows.iter().position(|row| row[0] == "gone").filter(|_| number.is_multiple_of(2));
                match rows.contains(&row) {
                    true => Change::default(),
                    false => Change { append: vec![row], remove: gone.into_iter().collect() },
                }
            })
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..10).try_for_each(|n| add(n).map(|_| ())))).collect();
            all.into_iter().try_for_each(|one| one.join().unwrap())
        })?;
        let mut found: Vec<usize> = table.rows()?.iter().map(|row| row[0].parse()).collect::<Result<_, _>>()?;
        found.sort_unstable();
        assert_eq!(found, (0..10).collect::<Vec<_>>());
        Ok(())
    }

    #[test]
    fn what_is_no_file_is_no_table() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("table.csv");
        assert!(std::process::Command::new("mkfifo").arg(&path).status()?.success());
        let table = Table::new(&path, &["a", "b"]);
        for error in [table.rows().unwrap_err(), table.append(&["1", "2"]).unwrap_err()] {
            assert!(error.to_string().contains("it is no regular file"), "{error}");
        }
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
