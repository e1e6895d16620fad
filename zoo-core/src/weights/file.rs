//! A file of named tensors, whatever its format.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use tch::{Kind, Tensor};

use super::choose::{is_of_loss, is_unread};
use super::error::{Problem, WeightsError, damaged, quoted};
use super::kind;
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
    /// Everything that was read.
    sets: Vec<Set>,
    /// The network's weights, averages of them, and what fits it as well.
    plain: Option<Part>,
    averages: Option<Part>,
    also: Vec<Part>,
    averages_taken: bool,
    /// Those that were taken, by the names that they have without the prefix.
    tensors: Vec<(String, View)>,
    index: HashMap<String, usize>,
    bytes: Vec<u8>,
}

/// Some of the tensors: those of a set whose names begin with a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub set: usize,
    pub prefix: String,
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
    /// Of a `.pth` file the tensors of one dictionary are taken: that under `state_dict`, `model`, `model_state`,
    /// `model_state_dict`, `state_dict_ema` or `model_ema` (the first of these that is there), else the top-level one, else
    /// the first one that has any. Prefixes that all names share because the network was wrapped (`module.`,
    /// `_orig_mod.`) are taken off. Once the network is known, [`choose_for`](TensorFile::choose_for) takes what fits it.
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
    pub(super) fn parse(path: &Path, mut bytes: Vec<u8>) -> Result<TensorFile, Problem> {
        let format = format(&bytes)?;
        let contents = match format {
            Format::Safetensors => safetensors::read(&bytes)?,
            Format::TorchZip => torch_zip::read(&mut bytes)?,
            Format::TorchLegacy => torch_legacy::read(&bytes)?,
        };
        let all = contents.sets.iter().flat_map(|set| &set.tensors);
        if let Some((name, _)) = all.into_iter().find(|(_, view)| !view.is_valid(&bytes)) {
            return damaged(format!("`{}` is boolean, but has values other than 0 and 1", quoted(name)));
        }
        let Contents { sets, metadata, said } = contents;
        let prefix = wrapper(&sets[0].tensors).to_string();
        let averages = format!("{prefix}{AVERAGE_PREFIX}");
        let has_averages = sets[0].tensors.iter().any(|(name, _)| name.starts_with(&averages));
        let mut file = TensorFile {
            path: path.into(),
            format,
            metadata,
            said,
            container: None,
            sets,
            plain: None,
            averages: has_averages.then_some(Part { set: 0, prefix: averages }),
            also: Vec::new(),
            averages_taken: false,
            tensors: Vec::new(),
            index: HashMap::new(),
            bytes,
        };
        file.take(&Part { set: 0, prefix }, &[]);
        Ok(file)
    }

    /// All tensors, in sets.
    pub(super) fn sets(&self) -> &[Set] {
        &self.sets
    }

    /// Takes the network's weights, once it is known where they and averages of them are.
    pub(super) fn choose(&mut self, plain: Option<Part>, averages: Option<Part>, also: Vec<Part>) {
        self.averages_taken = plain.is_none() && averages.is_some();
        (self.plain, self.averages, self.also) = (plain, averages, also);
        let (taken, other) = match self.averages_taken {
            true => (self.averages.clone(), None),
            false => (self.plain.clone(), self.averages.clone()),
        };
        if let Some(taken) = taken {
            let others: Vec<Part> = other.into_iter().chain(self.also.clone()).collect();
            self.take(&taken, &others);
        }
    }

    fn take(&mut self, part: &Part, others: &[Part]) {
        let set = &self.sets[part.set];
        // Averages or another network may stand among the weights, behind a longer prefix.
        let longer = |other: &&Part| other.set == part.set && other.prefix.len() > part.prefix.len();
        let prefixes: Vec<&str> = others.iter().filter(longer).map(|other| other.prefix.as_str()).collect();
        let is_other = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
        let named = set.tensors.iter().filter(|(name, _)| !is_other(name));
        let taken = named.filter_map(|(name, view)| Some((name.strip_prefix(&part.prefix)?.to_string(), view.clone())));
        self.tensors = taken.collect();
        self.index = self.tensors.iter().enumerate().map(|(index, (name, _))| (name.clone(), index)).collect();
        self.container = Some(set.path.clone()).filter(|path| !path.is_empty());
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

    /// The kind of a tensor's elements.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.view(name).map(View::kind)
    }

    /// A copy of a tensor of weights, statistics or an optimizer's state as f32, once it was looked at: its kind is one of
    /// numbers with fractions, every number is finite as f32, and none is negative where it is a running variance.
    ///
    /// # Errors
    /// As [`tensor`](TensorFile::tensor), and where one of these does not hold: the tensor is named.
    pub fn weights(&self, name: &str) -> Result<Tensor, WeightsError> {
        let (path, name) = (self.path.clone(), name.to_string());
        let tensor = self.tensor(&name)?;
        let kind = tensor.f_kind()?;
        if !matches!(kind, Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16) {
            return Err(WeightsError::NoWeights { path, name, kind: kind::name(kind) });
        }
        let tensor = tensor.f_to_kind(Kind::Float)?;
        if tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? != 1 {
            return Err(WeightsError::NonFinite { path, name });
        }
        let is_variance = name.ends_with(".running_var") && tensor.numel() > 0;
        if is_variance && tensor.f_min()?.f_double_value(&[])? < 0.0 {
            return Err(WeightsError::NegativeVariance { path, name });
        }
        Ok(tensor)
    }

    /// Whether averages of the weights are in it. Those of files of others are known once the network is
    /// ([`choose_for`](TensorFile::choose_for)).
    pub fn has_averages(&self) -> bool {
        self.averages.is_some()
    }

    /// Whether the weights themselves are in it, or averages alone.
    pub fn has_weights(&self) -> bool {
        self.plain.is_some() || self.averages.is_none()
    }

    /// Puts averages in the place of the weights that they are averages of, where there are any.
    pub fn prefer_averages(&mut self) {
        if let Some(averages) = self.averages.clone() {
            self.averages_taken = true;
            self.take(&averages, &[]);
        }
    }

    /// Where the tensors stand that were taken, and what was left where: a sentence, where there is anything to say.
    pub fn account(&self) -> Option<String> {
        let (taken, other) = match self.averages_taken {
            true => (self.averages.as_ref()?, self.plain.as_ref()),
            false => (self.plain.as_ref()?, self.averages.as_ref()),
        };
        let what = if self.averages_taken { "averaged weights" } else { "weights" };
        let mut said = vec![format!("{what} from {}", self.place(taken))];
        said.extend(other.map(|other| match self.averages_taken {
            true => format!("the weights themselves are in {}", self.place(other)),
            false => format!("averaged weights are in {}", self.place(other)),
        }));
        let left = self.left_out(taken, other);
        said.extend((!left.is_empty()).then(|| format!("left out: {}", left.join(", "))));
        let is_alone = !self.averages_taken && other.is_none() && left.is_empty();
        let is_usual = self.sets[taken.set].path.is_empty() && is_wrapper(&taken.prefix);
        (!(is_alone && is_usual)).then(|| said.join("; "))
    }

    fn place(&self, part: &Part) -> String {
        let path = match self.sets[part.set].path.as_str() {
            "" => "the top level".to_string(),
            path => format!("`{}`", quoted(path)),
        };
        if part.prefix.is_empty() { path } else { format!("{path} behind `{}`", quoted(&part.prefix)) }
    }

    /// Other places where the network's names are, and tensors beside those that were taken.
    fn left_out(&self, taken: &Part, other: Option<&Part>) -> Vec<String> {
        const SHOWN: usize = 3;
        let mut left: Vec<String> = self.also.iter().take(SHOWN).map(|part| self.place(part)).collect();
        let known = [Some(taken), other].into_iter().flatten().chain(&self.also).filter(|part| part.set == taken.set);
        let known: Vec<&str> = known.map(|part| part.prefix.as_str()).collect();
        let is_known = |name: &str| {
            let taken_too = known.iter().any(|prefix| name.strip_prefix(prefix).is_some_and(|name| !is_of_loss(name)));
            taken_too || is_unread(name)
        };
        let strays: Vec<&str> =
            self.sets[taken.set].tensors.iter().map(|(name, _)| name.as_str()).filter(|name| !is_known(name)).collect();
        left.extend(strays.iter().take(SHOWN).map(|name| format!("`{}`", quoted(name))));
        if strays.len() > SHOWN {
            left.push(format!("{} more tensors", strays.len() - SHOWN));
        }
        left
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
        (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
        (0, b"<!", "a web page"),
        (0, b"<html", "a web page"),
    ];
    let at = |start: usize| bytes.get(start..).unwrap_or_default();
    let known = STRANGERS.iter().find(|(start, magic, _)| at(*start).starts_with(magic));
    match known {
        Some((.., what)) => what,
        None if bytes.is_empty() => "an empty file",
        None => "a file of an unknown format",
    }
}

/// What wrappers put before all names.
fn wrapper(tensors: &[(String, View)]) -> &str {
    let Some((first, _)) = tensors.first() else { return "" };
    let mut end = 0;
    while let Some(prefix) = WRAPPERS.iter().find(|prefix| first[end..].starts_with(**prefix)) {
        let is_everywhere = |(name, _): &(String, View)| {
            name.len() > end + prefix.len() && name.starts_with(&first[..end + prefix.len()])
        };
        if !tensors.iter().all(is_everywhere) {
            break;
        }
        end += prefix.len();
    }
    &first[..end]
}

fn is_wrapper(prefix: &str) -> bool {
    WRAPPERS.iter().fold(prefix.to_string(), |rest, wrapper| rest.replace(wrapper, "")).is_empty()
}
