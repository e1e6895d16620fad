//! The directory of a zip archive whose entries are stored as they are.
//!
//! The crate `zip` unpacks what is not needed here, and trusts more: it reserves memory by the declared number of
//! entries, tries one directory after another, and of two entries of one name keeps the last.

use std::collections::HashMap;
use std::ops::Range;

use super::bytes::{Cursor, size};
use super::error::{Problem, damaged, quoted};

const END: u32 = 0x0605_4b50;
const END_LENGTH: usize = 22;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const LOCATOR_64_LENGTH: usize = 20;
const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
/// A field of 32 bits with this value stands in the extra field of 64 bits instead.
const IN_EXTRA: u64 = u32::MAX as u64;
const EXTRA_64: u16 = 1;
const ENCRYPTED: u16 = 1;

/// An entry as the directory describes it.
struct Central<'a> {
    name: &'a str,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    unpacked: u64,
    local: u64,
}

/// Where the data of each entry is, by its name. Every entry is whole: its CRC-32 was compared.
pub(super) fn entries(bytes: &[u8]) -> Result<HashMap<&str, Range<usize>>, Problem> {
    let (count, directory) = directory(bytes)?;
    let mut cursor = Cursor::new(bytes, directory);
    let (mut entries, mut sums) = (HashMap::new(), Vec::new());
    for _ in 0..count {
        let central = central(&mut cursor)?;
        let data = data(bytes, &central)?;
        sums.push((central.name, data.clone(), central.crc));
        if entries.insert(central.name, data).is_some() {
            return damaged(format!("it has two zip entries `{}`", quoted(central.name)));
        }
    }
    // Before the sums: a thousand entries over the same bytes would take a thousand times as long.
    disjoint(&entries)?;
    match sums.into_iter().find(|(_, data, crc)| crc32fast::hash(&bytes[data.clone()]) != *crc) {
        Some((name, ..)) => damaged(format!("the CRC-32 of its zip entry `{}` is wrong", quoted(name))),
        None => Ok(entries),
    }
}

/// Number of entries and where the first one's description begins.
fn directory(bytes: &[u8]) -> Result<(u64, usize), Problem> {
    let Some(end) = end(bytes) else {
        return damaged("it begins as a zip archive and has no directory at its end");
    };
    if let Some(locator) = end.checked_sub(LOCATOR_64_LENGTH) {
        let mut cursor = Cursor::new(bytes, locator);
        if cursor.u32()? == LOCATOR_64 {
            cursor.take(4)?;
            return directory_64(bytes, size(cursor.u64()?));
        }
    }
    let mut cursor = Cursor::new(bytes, end + 10);
    let count = cursor.u16()?;
    cursor.take(4)?;
    Ok((u64::from(count), cursor.u32()? as usize))
}

fn directory_64(bytes: &[u8], end: usize) -> Result<(u64, usize), Problem> {
    let mut cursor = Cursor::new(bytes, end);
    if cursor.u32()? != END_64 {
        return damaged("its zip directory has no end");
    }
    cursor.take(28)?;
    let count = cursor.u64()?;
    cursor.take(8)?;
    Ok((count, size(cursor.u64()?)))
}

/// Where the record is that ends the archive, its comment included.
fn end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_LENGTH)?;
    (last.saturating_sub(usize::from(u16::MAX))..=last).rev().find(|at| {
        let comment = [bytes[at + 20], bytes[at + 21]];
        bytes[*at..].starts_with(&END.to_le_bytes()) && last - at == usize::from(u16::from_le_bytes(comment))
    })
}

fn central<'a>(cursor: &mut Cursor<'a>) -> Result<Central<'a>, Problem> {
    if cursor.u32()? != CENTRAL {
        return damaged("its zip directory is broken");
    }
    cursor.take(4)?;
    let (flags, method) = (cursor.u16()?, cursor.u16()?);
    cursor.take(4)?;
    let crc = cursor.u32()?;
    let (mut packed, mut unpacked) = (u64::from(cursor.u32()?), u64::from(cursor.u32()?));
    let (name, extra, comment) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
    cursor.take(8)?;
    let mut local = u64::from(cursor.u32()?);
    let name = checked_name(cursor.take(name.into())?)?;
    let mut wide = extra_64(cursor.take(extra.into())?);
    cursor.take(comment.into())?;
    for field in [&mut unpacked, &mut packed, &mut local] {
        if *field == IN_EXTRA {
            *field = wide.u64()?;
        }
    }
    Ok(Central { name, flags, method, crc, packed, unpacked, local })
}

/// The part of an extra field that has the numbers of 64 bits.
fn extra_64(extra: &[u8]) -> Cursor<'_> {
    let mut cursor = Cursor::new(extra, 0);
    while let (Ok(id), Ok(length)) = (cursor.u16(), cursor.u16())
        && let Ok(field) = cursor.take(length.into())
    {
        if id == EXTRA_64 {
            return Cursor::new(field, 0);
        }
    }
    Cursor::new(&[], 0)
}

/// Nothing is ever unpacked to disk, yet no honest archive has names that would lead out of its folder.
fn checked_name(name: &[u8]) -> Result<&str, Problem> {
    match std::str::from_utf8(name) {
        Ok(name)
            if name.starts_with('/') || name.contains(['\\', '\0']) || name.split('/').any(|part| part == "..") =>
        {
            damaged(format!("its zip entry `{}` leads out of the archive", quoted(name)))
        }
        Ok(name) => Ok(name),
        Err(_) => damaged("the name of a zip entry is not UTF-8"),
    }
}

fn data(bytes: &[u8], central: &Central) -> Result<Range<usize>, Problem> {
    let name = quoted(central.name);
    if central.method != 0 || central.flags & ENCRYPTED != 0 {
        let problem = format!(
            "is a zip archive with a compressed or encrypted entry `{name}`, which TorchScript writes and torch.save does not"
        );
        return Err(Problem::Unsupported(problem));
    }
    let mut cursor = Cursor::new(bytes, size(central.local));
    if central.packed != central.unpacked || cursor.u32()? != LOCAL {
        return damaged(format!("its zip entry `{name}` is not where or what the directory says"));
    }
    cursor.take(22)?;
    let (length, extra) = (cursor.u16()?, cursor.u16()?);
    if cursor.take(length.into())? != central.name.as_bytes() {
        return damaged(format!("its zip entry `{name}` is called otherwise where it begins"));
    }
    cursor.take(extra.into())?;
    cursor.range(size(central.unpacked))
}

fn disjoint(entries: &HashMap<&str, Range<usize>>) -> Result<(), Problem> {
    let mut ranges: Vec<&Range<usize>> = entries.values().filter(|range| !range.is_empty()).collect();
    ranges.sort_by_key(|range| range.start);
    match ranges.windows(2).any(|pair| pair[0].end > pair[1].start) {
        true => damaged("two entries of the zip archive overlap"),
        false => Ok(()),
    }
}
