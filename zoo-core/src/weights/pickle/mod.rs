//! A pickle as data: a machine that builds tensors' descriptions and plain containers, and can build nothing else.
//!
//! Python's pickle is a program that may call anything. This machine knows the instructions that Python writes for
//! protocols 2 to 5 and the few names of PyTorch that [`global`] lists. Whatever else a pickle makes (numbers of numpy, paths,
//! dates, classes of the script that wrote it) becomes an [`Instance`]: a note that something was made there, and of what;
//! it is never made, and names that only an attack has are refused. Values live in one
//! list and refer to each other by index, so that lists that contain themselves and nesting without end need neither
//! recursion nor reference counts. Work and memory are bounded by [`MOST_WORK`].
//!
//! Why not a crate: serde-pickle knows no persistent ids, on which PyTorch's tensors rest, and makes nested values, and
//! candle's reader, part of a framework, knows zip archives only and builds whatever name it meets as a nested value.

mod call;
mod global;
mod machine;
mod opcode;

use std::ops::Range;

use tch::Kind;

use self::global::Global;
use super::bytes::size;
use super::error::{Problem, damaged, quoted};
use super::view::Layout;

/// Instructions, and values copied by them, that a pickle may have: an entry of a state dict takes about 40, so this is
/// enough for 12,000 tensors.
const MOST_WORK: usize = 500_000;

/// A value, or where it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of up to 64 bits.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A longer integer, as its bytes in little-endian two's complement.
    Long(&'a [u8]),
    /// A string.
    Text(&'a str),
    /// A class or function.
    Global(Global),
    /// One of [`Pickle::objects`].
    Object(usize),
    /// Something that is of no interest here, such as a string of bytes.
    Inert,
}

/// A value that has others in it.
#[derive(Debug)]
pub(super) enum Object<'a> {
    List(Vec<Value<'a>>),
    Tuple(Vec<Value<'a>>),
    Dict(Vec<(Value<'a>, Value<'a>)>),
    Storage(Storage<'a>),
    Tensor(Box<Stored<'a>>),
    Instance(Instance<'a>),
}

/// What stands in for an object of any other class: never the object itself, only what the pickle would have put into it.
#[derive(Debug, Default)]
pub(super) struct Instance<'a> {
    /// Its entries, where its class is a kind of dictionary.
    pub items: Vec<(Value<'a>, Value<'a>)>,
    /// Its attributes, a dictionary.
    pub attributes: Option<Value<'a>>,
}

/// Elements that lie outside the pickle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage<'a> {
    /// Names it among the storages of the file.
    pub key: &'a str,
    /// Of its elements.
    pub kind: Kind,
    /// First of its elements among those of the file's storage.
    pub offset: u64,
    /// Number of elements.
    pub length: u64,
}

/// A tensor.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    pub storage: Storage<'a>,
    pub layout: Layout,
}

impl Storage<'_> {
    /// Its bytes, where `data` are those of the whole storage of that key.
    pub fn within(&self, data: Range<usize>) -> Result<Range<usize>, Problem> {
        let element = self.kind.elt_size_in_bytes();
        let byte = |index: u64| size(index).checked_mul(element)?.checked_add(data.start);
        let range = byte(self.offset).zip(self.offset.checked_add(self.length).and_then(byte));
        match range.filter(|(_, end)| *end <= data.end) {
            Some((start, end)) => Ok(start..end),
            None => {
                let (key, found, declared) = (quoted(self.key), data.len(), self.length);
                damaged(format!(
                    "its storage `{key}` has {found} bytes, but should have {declared} elements of {element}"
                ))
            }
        }
    }
}

/// What a pickle describes.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    /// The outermost value.
    pub root: Value<'a>,
    /// What values refer to.
    pub objects: Vec<Object<'a>>,
    /// Where the bytes after it begin.
    pub end: usize,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle that begins at byte `start`.
    pub fn read(bytes: &'a [u8], start: usize) -> Result<Pickle<'a>, Problem> {
        machine::run(bytes, start)
    }

    /// The object behind a value, where it is one.
    pub fn object(&self, value: Value<'a>) -> Option<&Object<'a>> {
        match value {
            Value::Object(index) => self.objects.get(index),
            _ => None,
        }
    }

    /// The entries of a dictionary, or of an object with entries or attributes; empty for any other value.
    pub fn entries(&self, value: Value<'a>) -> &[(Value<'a>, Value<'a>)] {
        match self.object(value) {
            Some(Object::Dict(dict)) => dict,
            Some(Object::Instance(Instance { items, .. })) if !items.is_empty() => items,
            Some(Object::Instance(Instance { attributes: Some(attributes), .. })) => match self.object(*attributes) {
                Some(Object::Dict(dict)) => dict,
                _ => &[],
            },
            _ => &[],
        }
    }

    /// Every storage that was referred to, those of tensors that nobody asks for included.
    pub fn storages(&self) -> impl Iterator<Item = &Storage<'a>> {
        self.objects.iter().filter_map(|object| match object {
            Object::Storage(storage) => Some(storage),
            _ => None,
        })
    }
}
