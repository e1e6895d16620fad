//! The directory of a zip archive whose entries are stored without compression, as torch.save writes them, or
//! deflated, as other tools do when they repack an archive.
//!
//! The crate `zip` trusts more: it reserves memory by the declared number of
//! entries, tries one directory after another, and of two entries of one name keeps the last.

use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;

use flate2::bufread::DeflateDecoder;

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
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// How much longer all deflated entries together may become than the archive; weights become some tenths longer, and their
/// pickle tenfold.
const MOST_RATIO: usize = 32;
const ALWAYS_GRANTED: usize = 1 << 20;

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

/// Where the data of each entry is among `bytes`, by its name; deflated ones are put behind the archive. Every entry is
/// whole: its CRC-32 was compared.
pub(super) fn entries(bytes: &mut Vec<u8>) -> Result<HashMap<String, Range<usize>>, Problem> {
    let (mut places, unpacked) = unpack(bytes)?;
    for (name, range) in unpacked.ranges {
        places.insert(name, bytes.len() + range.start..bytes.len() + range.end);
    }
    bytes.extend(unpacked.bytes);
    Ok(places)
}

/// What deflated entries became.
#[derive(Default)]
struct Unpacked {
    bytes: Vec<u8>,
    ranges: Vec<(String, Range<usize>)>,
}

/// Where each entry is as it stands, and what the deflated ones are.
fn unpack(bytes: &[u8]) -> Result<(HashMap<String, Range<usize>>, Unpacked), Problem> {
    let (count, directory) = directory(bytes)?;
    let mut cursor = Cursor::new(bytes, directory);
    let (mut places, mut found) = (HashMap::new(), Vec::new());
    for _ in 0..count {
        let central = central(&mut cursor)?;
        let data = data(bytes, &central)?;
        if places.insert(central.name.to_string(), data.clone()).is_some() {
            return damaged(format!("it has two zip entries `{}`", quoted(central.name)));
        }
        found.push((central, data));
    }
    // Before the sums: a thousand entries over the same bytes would take a thousand times as long.
    disjoint(&places)?;
    let mut unpacked = Unpacked::default();
    for (central, data) in found {
        let packed = &bytes[data];
        let sum = match central.method {
            DEFLATED => {
                let start = unpacked.bytes.len();
                inflate(packed, &central, MOST_RATIO * bytes.len() + ALWAYS_GRANTED, &mut unpacked.bytes)?;
                unpacked.ranges.push((central.name.to_string(), start..unpacked.bytes.len()));
                crc32fast::hash(&unpacked.bytes[start..])
            }
            _ => crc32fast::hash(packed),
        };
        if sum != central.crc {
            return damaged(format!("the CRC-32 of its zip entry `{}` is wrong", quoted(central.name)));
        }
    }
    Ok((places, unpacked))
}

/// Appends what `packed` becomes, which is as long as the directory says; all entries together are no longer than `most`.
fn inflate(packed: &[u8], central: &Central<'_>, most: usize, into: &mut Vec<u8>) -> Result<(), Problem> {
    let name = quoted(central.name);
    let (start, length) = (into.len(), size(central.unpacked));
    if start.checked_add(length).is_none_or(|end| end > most) {
        return Err(Problem::Unsupported(format!(
            "is a zip archive whose entry `{name}` would unpack to over {MOST_RATIO} times the size of the file"
        )));
    }
    // One more than there may be, so that a longer one is seen.
    let mut unpacked = DeflateDecoder::new(packed).take(central.unpacked.saturating_add(1));
    match unpacked.read_to_end(into) {
        Ok(_) if into.len() - start == length => Ok(()),
        Ok(_) => damaged(format!("its zip entry `{name}` is not as long as the directory says")),
        Err(_) => damaged(format!("its zip entry `{name}` cannot be unpacked")),
    }
}

/// Number of entries and where the first one's description begins.
fn directory(bytes: &[u8]) -> Result<(u64, usize), Problem> {
    let Some(end) = end(bytes) else {
        return damaged("it begins as a zip archive but has no directory at its end");
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
            damaged(format!("its zip entry `{}` has a path outside the archive", quoted(name)))
        }
        Ok(name) => Ok(name),
        Err(_) => damaged("the name of a zip entry is not UTF-8"),
    }
}

fn data(bytes: &[u8], central: &Central) -> Result<Range<usize>, Problem> {
    let name = quoted(central.name);
    if !matches!(central.method, STORED | DEFLATED) || central.flags & ENCRYPTED != 0 {
        let problem =
            format!("is a zip archive with an entry `{name}` that is encrypted or packed by an unknown method");
        return Err(Problem::Unsupported(problem));
    }
    let mut cursor = Cursor::new(bytes, size(central.local));
    let fits = central.method == DEFLATED || central.packed == central.unpacked;
    if !fits || cursor.u32()? != LOCAL {
        return damaged(format!("its zip entry `{name}` does not match the directory"));
    }
    cursor.take(22)?;
    let (length, extra) = (cursor.u16()?, cursor.u16()?);
    if cursor.take(length.into())? != central.name.as_bytes() {
        return damaged(format!("its zip entry `{name}` has another name in its own header"));
    }
    cursor.take(extra.into())?;
    cursor.range(size(central.packed))
}

fn disjoint(entries: &HashMap<String, Range<usize>>) -> Result<(), Problem> {
    let mut ranges: Vec<&Range<usize>> = entries.values().filter(|range| !range.is_empty()).collect();
    ranges.sort_by_key(|range| range.start);
    match ranges.windows(2).any(|pair| pair[0].end > pair[1].start) {
        true => damaged("two entries of the zip archive overlap"),
        false => Ok(()),
    }
}
