//! A file of named tensors, whatever its format.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use tch::Tensor;

use super::error::{Problem, WeightsError, damaged, quoted};
use super::pickle::{Pickle, Storage};
use super::said::Said;
use super::view::View;
use super::{safetensors, state_dict, torch_legacy, torch_zip};
use crate::regular_file;

/// What wrappers of a network put before the name of every tensor: PyTorch's data parallelism and its compiler.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// What stands before the names of averaged weights in our own checkpoints.
pub const AVERAGE_PREFIX: &str = "ema.";

/// The format of a file of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// safetensors.
    Safetensors,
    /// What `torch.save` writes since PyTorch 1.6: a zip archive.
    TorchZip,
    /// What `torch.save` wrote before: pickles, then the storages.
    TorchLegacy,
}

/// A file of named tensors, read whole into memory and checked.
pub struct TensorFile {
    /// The file.
    pub path: PathBuf,
    /// Its format, told by its contents.
    pub format: Format,
    /// Words about the tensors; only safetensors has any.
    pub metadata: BTreeMap<String, String>,
    /// What else it says of the network in it.
    pub said: Said,
    /// The entry of a `.pth` file that the tensors were taken from, such as `state_dict`; `None` at the top level.
    pub container: Option<String>,
    tensors: Vec<(String, View)>,
    index: HashMap<String, usize>,
    bytes: Vec<u8>,
}

/// What a reader finds in a file.
#[derive(Debug)]
pub(super) struct Contents {
    /// Tensors in sets that may each be a network, the most likely one first; there is one at least.
    pub sets: Vec<Set>,
    pub metadata: BTreeMap<String, String>,
    pub said: Said,
}

/// Tensors that stand together.
#[derive(Debug)]
pub(super) struct Set {
    /// The entries that lead to them, with dots between; empty at the top level.
    pub path: String,
    pub tensors: Vec<(String, View)>,
}

impl Contents {
    /// What is in a pickle from a file of `file_size` bytes; `storage` finds where one of its storages lies, for the tensor of
    /// that name.
    pub fn of_pickle<'a>(
        pickle: &Pickle<'a>,
        file_size: usize,
        storage: impl Fn(&str, &Storage<'a>) -> Result<Range<usize>, Problem>,
    ) -> Result<Contents, Problem> {
        let sets = state_dict::find(pickle)?.into_iter().map(|found| {
            let tensors = found.tensors.into_iter().map(|(name, stored)| {
                let view = View::new(storage(&name, &stored.storage)?, &stored.layout, file_size)?;
                Ok((name, view))
            });
            Ok(Set { path: found.path, tensors: tensors.collect::<Result<_, Problem>>()? })
        });
        let sets = sets.collect::<Result<_, Problem>>()?;
        Ok(Contents { sets, metadata: BTreeMap::new(), said: Said::of_pickle(pickle) })
    }
}

impl TensorFile {
    /// Reads the file at `path`.
    ///
    /// Of a `.pth` file the tensors of the top-level dictionary are taken, or of the one under `state_dict`, `model`,
    /// `model_state`, `model_state_dict`, `state_dict_ema` or `model_ema` (the first of these that is there); what else
    /// is in it is passed over. Prefixes that all names share because the network was wrapped (`module.`,
    /// `_orig_mod.`) are taken off.
    ///
    /// Nothing in the file is ever run, and memory stays within a small multiple of its size.
    ///
    /// # Errors
    /// Where the file cannot be read, is damaged, is of no known format, or holds something other than tensors and
    /// plain containers.
    pub fn read(path: &Path) -> Result<TensorFile, WeightsError> {
        let bytes = regular_file::read(path, u64::MAX).map_err(|source| WeightsError::File {
            what: "read",
            path: path.into(),
            source,
        })?;
        TensorFile::parse(path, bytes).map_err(|problem| WeightsError::Contents { path: path.into(), problem })
    }

    /// Reads the bytes of a file; `path` is for messages.
    pub(super) fn parse(path: &Path, bytes: Vec<u8>) -> Result<TensorFile, Problem> {
        let format = format(&bytes)?;
        let mut contents = match format {
            Format::Safetensors => safetensors::read(&bytes)?,
            Format::TorchZip => torch_zip::read(&bytes)?,
            Format::TorchLegacy => torch_legacy::read(&bytes)?,
        };
        let all = contents.sets.iter().flat_map(|set| &set.tensors);
        if let Some((name, _)) = all.into_iter().find(|(_, view)| !view.is_valid(&bytes)) {
            return damaged(format!("`{}` is to be true or false, and is neither", quoted(name)));
        }
        let Set { path: entry, mut tensors } = contents.sets.swap_remove(0);
        unwrap_names(&mut tensors);
        let index = tensors.iter().enumerate().map(|(index, (name, _))| (name.clone(), index)).collect();
        let Contents { metadata, said, .. } = contents;
        let container = Some(entry).filter(|entry| !entry.is_empty());
        Ok(TensorFile { path: path.into(), format, metadata, said, container, tensors, index, bytes })
    }

    /// The names of its tensors, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    /// The shape of a tensor; empty for a scalar.
    pub fn shape(&self, name: &str) -> Option<&[i64]> {
        self.view(name).map(View::shape)
    }

    /// A copy of a tensor: contiguous, on the CPU, with the kind of elements that the file has.
    ///
    /// # Errors
    /// Where there is no tensor of that name, or libtorch has no memory for it.
    pub fn tensor(&self, name: &str) -> Result<Tensor, WeightsError> {
        let absent = || WeightsError::Contents { path: self.path.clone(), problem: Problem::NoTensor(name.into()) };
        self.view(name).ok_or_else(absent)?.copy(&self.bytes)
    }

    /// Whether averages of the weights are in it, beside the weights.
    pub fn has_averages(&self) -> bool {
        self.names().any(|name| name.starts_with(AVERAGE_PREFIX))
    }

    /// Puts averages in the place of the weights that they are averages of, where there are any.
    pub fn prefer_averages(&mut self) {
        for (place, (name, _)) in self.tensors.iter().enumerate() {
            if let Some(slot) = name.strip_prefix(AVERAGE_PREFIX).and_then(|name| self.index.get_mut(name)) {
                *slot = place;
            }
        }
    }

    fn view(&self, name: &str) -> Option<&View> {
        self.index.get(name).map(|index| &self.tensors[*index].1)
    }
}

impl fmt::Debug for TensorFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TensorFile { path, format, tensors, .. } = self;
        let mut shown = formatter.debug_struct("TensorFile");
        shown.field("path", path).field("format", format).field("tensors", &tensors.len()).finish_non_exhaustive()
    }
}

fn format(bytes: &[u8]) -> Result<Format, Problem> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        Ok(Format::TorchZip)
    } else if bytes.first() == Some(&0x80) && bytes.get(8) != Some(&b'{') {
        Ok(Format::TorchLegacy)
    } else if bytes.get(8) == Some(&b'{') {
        Ok(Format::Safetensors)
    } else {
        Err(Problem::Foreign(stranger(bytes)))
    }
}

/// What is often found where weights were expected.
fn stranger(bytes: &[u8]) -> &'static str {
    const STRANGERS: [(usize, &[u8], &str); 5] = [
        (0, b"\x89HDF\r\n", "HDF5, as Keras writes it"),
        (257, b"ustar", "the tar archive of a very old PyTorch"),
        (0, b"version https://git-lfs", "a pointer of Git LFS, in place of the file itself"),
        (0, b"<!", "a web page"),
        (0, b"<html", "a web page"),
    ];
    let at = |start: usize| bytes.get(start..).unwrap_or_default();
    let known = STRANGERS.iter().find(|(start, magic, _)| at(*start).starts_with(magic));
    match known {
        Some((.., what)) => what,
        None if bytes.is_empty() => "an empty file",
        None => "something of an unknown format",
    }
}

fn unwrap_names(tensors: &mut [(String, View)]) {
    let mut end = 0;
    let wraps_all = |prefix: &str, start: usize| {
        let rests = tensors.iter().map(|(name, _)| name[start..].strip_prefix(prefix));
        rests.into_iter().all(|rest| rest.is_some_and(|rest| !rest.is_empty()))
    };
    while let Some(prefix) = WRAPPERS.iter().find(|prefix| !tensors.is_empty() && wraps_all(prefix, end)) {
        end += prefix.len();
    }
    for (name, _) in tensors {
        name.drain(..end);
    }
}
