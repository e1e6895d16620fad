//! Reading numbers and stretches of bytes in order; past the end is an error, never a panic.

use std::ops::Range;

use super::error::{Problem, damaged};

/// A position among the bytes of a file.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Stands at `at`, which may be past the end.
    pub fn new(bytes: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { bytes, at }
    }

    /// Where it stands.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Problem> {
        let range = self.range(count)?;
        Ok(&self.bytes[range])
    }

    /// Where the next `count` bytes are.
    pub fn range(&mut self, count: usize) -> Result<Range<usize>, Problem> {
        match self.at.checked_add(count).filter(|end| *end <= self.bytes.len()) {
            Some(end) => Ok(std::mem::replace(&mut self.at, end)..end),
            None => damaged(format!("it ends before the {count} bytes that should begin at byte {}", self.at)),
        }
    }

    /// The bytes up to the next line feed, which is passed over.
    pub fn line(&mut self) -> Result<&'a [u8], Problem> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(length) => self.take(length + 1).map(|line| &line[..length]),
            None => damaged("a line of its pickle has no newline"),
        }
    }

    pub fn u8(&mut self) -> Result<u8, Problem> {
        self.array().map(u8::from_le_bytes)
    }

    pub fn u16(&mut self) -> Result<u16, Problem> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Problem> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Problem> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }
}

/// A length or offset of the file as one of memory; too large a one becomes one that no file reaches.
pub(super) fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
