//! Which files a data set consists of, and the proof that they are the official ones.
//!
//! A [`Manifest`] is a value, so that tests can describe tiny files of their own; the one for CIFAR-10 is
//! [`cifar10::OFFICIAL`](super::cifar10::OFFICIAL).

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use zoo_core::regular_file;

use super::DataError;

/// A file with its length and MD5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSum<'a> {
    /// The data set that it belongs to, as `data get` takes it.
    pub set: &'a str,
    /// Its name within the folder.
    pub name: &'a str,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its MD5, 32 lower-case hexadecimal digits.
    pub md5: &'a str,
}

/// The files of a data set, and the archive that holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest<'a> {
    /// Where the archive is found, without its name.
    pub base_url: &'a str,
    /// The archive's name.
    pub archive: &'a str,
    /// The archive's MD5.
    pub archive_md5: &'a str,
    /// The folder that the files lie in, inside the archive and inside the data directory.
    pub folder: &'a str,
    /// The training files, in order.
    pub train: &'a [FileSum<'a>],
    /// The test files, in order.
    pub test: &'a [FileSum<'a>],
}

impl<'a> Manifest<'a> {
    /// All files, training files first.
    pub fn files(&self) -> impl Iterator<Item = &'a FileSum<'a>> + use<'a> {
        self.train.iter().chain(self.test)
    }

    /// The file called `name`.
    pub fn file(&self, name: &str) -> Option<&'a FileSum<'a>> {
        self.files().find(|file| file.name == name)
    }

    /// Where the files lie for the data directory `data_dir`: in the folder of their name, or, for those who named
    /// that folder itself, in `data_dir`.
    pub fn folder_in(&self, data_dir: &Path) -> PathBuf {
        let folder = data_dir.join(self.folder);
        let named_itself = !folder.exists() && self.files().any(|file| data_dir.join(file.name).is_file());
        if named_itself { data_dir.to_path_buf() } else { folder }
    }

    /// Checks every file below `data_dir` and returns their folder; the first that is missing, cut short or altered is
    /// the error.
    pub fn verify(&self, data_dir: &Path) -> Result<PathBuf, DataError> {
        let folder = self.folder_in(data_dir);
        for file in self.files() {
            file.read(&folder)?;
        }
        Ok(folder)
    }
}

impl FileSum<'_> {
    /// Reads the file from `folder` and returns its bytes only if they are the official ones.
    pub fn read(&self, folder: &Path) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::with_capacity(self.bytes as usize);
        self.read_pieces(folder, 1 << 20, |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }

    /// Reads the file from `folder` in pieces of `size` bytes, the last one shorter, and hands each to `take`. What was
    /// taken is official only if no error follows.
    pub fn read_pieces(&self, folder: &Path, size: usize, mut take: impl FnMut(&[u8])) -> Result<(), DataError> {
        let path = folder.join(self.name);
        let (mut file, actual) = regular_file::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => DataError::Missing { path: path.clone(), set: self.set.to_string() },
            _ => DataError::io("read", &path)(source),
        })?;
        if actual != self.bytes {
            return Err(DataError::Size { path, actual, expected: self.bytes, set: self.set.to_string() });
        }
        let (mut piece, mut hash, mut left) = (vec![0; size.max(1)], Md5::new(), self.bytes as usize);
        while left > 0 {
            let now = left.min(piece.len());
            file.read_exact(&mut piece[..now]).map_err(DataError::io("read", &path))?;
            hash.update(&piece[..now]);
            take(&piece[..now]);
            left -= now;
        }
        self.compare(&path, hex(&hash.finalize()))
    }

    /// Checks `bytes`, which were or will be at `path`.
    pub fn check(&self, path: &Path, bytes: &[u8]) -> Result<(), DataError> {
        if bytes.len() as u64 != self.bytes {
            let (path, actual) = (path.to_path_buf(), bytes.len() as u64);
            return Err(DataError::Size { path, actual, expected: self.bytes, set: self.set.to_string() });
        }
        self.compare(path, md5_hex(bytes))
    }

    fn compare(&self, path: &Path, actual: String) -> Result<(), DataError> {
        match actual == self.md5 {
            true => Ok(()),
            false => {
                let (path, expected, set) = (path.to_path_buf(), self.md5.to_string(), self.set.to_string());
                Err(DataError::Altered { path, actual, expected, set })
            }
        }
    }

    /// Checks `bytes` and writes them to `folder`, whole or not at all.
    pub fn store(&self, folder: &Path, bytes: &[u8]) -> Result<(), DataError> {
        let path = folder.join(self.name);
        self.check(&path, bytes)?;
        fs::create_dir_all(folder).map_err(DataError::io("create", folder))?;
        let part = folder.join(format!("{}.part", self.name));
        let mut file = fs::File::create(&part).map_err(DataError::io("write", &part))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(DataError::io("write", &part))?;
        fs::rename(&part, &path).map_err(DataError::io("write", &path))?;
        Ok(())
    }
}

/// The MD5 of `bytes` in hexadecimal.
pub fn md5_hex(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// The MD5 of the file at `path` in hexadecimal, without holding it in memory.
pub fn md5_of_file(path: &Path) -> Result<String, DataError> {
    let (mut file, _) = regular_file::open(path).map_err(DataError::io("read", path))?;
    let mut hash = Md5::new();
    io::copy(&mut file, &mut hash).map_err(DataError::io("read", path))?;
    Ok(hex(&hash.finalize()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: FileSum = FileSum { set: "letters", name: "abc.bin", bytes: 3, md5: "900150983cd24fb0d6963f7d28e17f72" };
    const LETTERS: Manifest =
        Manifest { base_url: "", archive: "", archive_md5: "", folder: "letters", train: &[ABC], test: &[] };

    #[test]
    fn what_was_stored_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("letters");
        ABC.store(&folder, b"abc").unwrap();
        assert_eq!(ABC.read(&folder).unwrap(), b"abc");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no part file is left");
        assert_eq!(md5_of_file(&folder.join("abc.bin")).unwrap(), ABC.md5);
        assert_eq!(LETTERS.verify(dir.path()).unwrap(), folder);
    }

    #[test]
    fn the_folder_itself_may_be_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(LETTERS.folder_in(dir.path()), dir.path().join("letters"));
        ABC.store(dir.path(), b"abc").unwrap();
        assert_eq!(LETTERS.verify(dir.path()).unwrap(), dir.path());
    }

    #[test]
    fn each_fault_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc.bin");
        assert!(matches!(ABC.read(dir.path()), Err(DataError::Missing { .. })));
        fs::write(&path, b"ab").unwrap();
        assert!(matches!(ABC.read(dir.path()), Err(DataError::Size { actual: 2, expected: 3, .. })));
        fs::write(&path, b"abd").unwrap();
        assert!(matches!(ABC.read(dir.path()), Err(DataError::Altered { .. })));
        assert!(ABC.store(dir.path(), b"abd").is_err());
    }
}
