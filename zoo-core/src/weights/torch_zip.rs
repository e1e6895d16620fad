//! The zip form of `.pth`: `data.pkl` in a folder of any name, and beside it a file for each storage.

use std::collections::HashMap;
use std::ops::Range;

use super::error::{Problem, damaged, quoted};
use super::file::Contents;
use super::pickle::{Pickle, Storage};
use super::zip;

/// The tensors of an archive.
pub(super) fn read(bytes: &mut Vec<u8>) -> Result<Contents, Problem> {
    let entries = zip::entries(bytes)?;
    let archive = Archive::open(bytes, &entries)?;
    let pickle = Pickle::read(&bytes[archive.entry("data.pkl")?], 0)?;
    Contents::of_pickle(&pickle, bytes.len(), |_, storage| archive.storage(storage))
}

/// The entries below the only folder, or at the top.
struct Archive<'a> {
    entries: HashMap<&'a str, Range<usize>>,
}

impl<'a> Archive<'a> {
    /// `all` are the entries of the archive `bytes`. Whoever packed it again may have left the folder out.
    fn open(bytes: &[u8], all: &'a HashMap<String, Range<usize>>) -> Result<Archive<'a>, Problem> {
        let is_bare = |name: &str| name.is_empty() || name.ends_with('/');
        let mut folders = all.keys().filter_map(|name| name.strip_suffix("data.pkl")).filter(|folder| is_bare(folder));
        let (folder, other) = (folders.next(), folders.next());
        let (Some(folder), None) = (folder, other) else {
            return Err(Problem::Foreign("another zip archive: it has no data.pkl, or several"));
        };
        let entries = all.iter().filter_map(|(name, data)| Some((name.strip_prefix(folder)?, data.clone()))).collect();
        let archive = Archive { entries };
        if archive.entries.contains_key("constants.pkl") {
            return Err(Problem::Foreign("a TorchScript program"));
        }
        match archive.entry("byteorder") {
            Ok(order) if &bytes[order.clone()] != b"little" => {
                Err(Problem::Unsupported("was written on a big-endian machine".into()))
            }
            _ => Ok(archive),
        }
    }

    fn entry(&self, name: &str) -> Result<Range<usize>, Problem> {
        match self.entries.get(name) {
            Some(data) => Ok(data.clone()),
            None => damaged(format!("it has no zip entry `{}`", quoted(name))),
        }
    }

    /// Where a storage is.
    fn storage(&self, storage: &Storage) -> Result<Range<usize>, Problem> {
        storage.within(self.entry(&format!("data/{}", storage.key))?)
    }
}
