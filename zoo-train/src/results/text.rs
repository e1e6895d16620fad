//! The text of a table: its records, and whether it ends where another may follow.

use std::io;

/// What the text of a table comes to.
#[derive(Clone, Debug)]
pub struct Text {
    /// Its rows, whole ones only; those that repeat the header are left out.
    pub records: Vec<Record>,
    /// How it ends.
    pub tail: Tail,
}

/// A row with its place.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its line, counted from 1.
    pub line: u64,
    /// Its cells.
    pub fields: Vec<String>,
}

/// How a table ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// In a newline.
    Whole,
    /// Within its header, or before it.
    NoHeader,
    /// In a row that has all its fields and lacks its newline.
    NoNewline,
    /// In half a row.
    Torn {
        /// Where that begins, in bytes.
        from: usize,
    },
}

/// What a spreadsheet puts in front of a file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads a table with this header; none where the text has another one.
pub fn read(bytes: &[u8], header: &[String]) -> Option<Text> {
    let body = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let skipped = bytes.len() - body.len();
    if !body.contains(&b'\n') && line(header).is_ok_and(|whole| whole.starts_with(body.trim_ascii_end())) {
        return Some(Text { records: Vec::new(), tail: Tail::NoHeader });
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let mut records: Vec<Record> = Vec::new();
    let mut begins = 0;
    let mut record = csv::ByteRecord::new();
    // Reading from memory cannot fail.
    while reader.read_byte_record(&mut record).unwrap_or(false) {
        let place = record.position();
        begins = place.map_or(0, |place| place.byte() as usize);
        let fields = record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        records.push(Record { line: place.map_or(0, csv::Position::line), fields });
    }
    if records.first().is_none_or(|first| first.fields != header) {
        return None;
    }
    let last = &body[begins..];
    let quotes_open = last.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
    let complete = records.last().is_some_and(|last| is_complete(last, header));
    let tail = match (body.ends_with(b"\n"), quotes_open) {
        (true, false) => Tail::Whole,
        (false, false) if complete => Tail::NoNewline,
        _ => {
            records.pop();
            Tail::Torn { from: skipped + begins }
        }
    };
    records.retain(|record| record.fields != header);
    Some(Text { records, tail })
}

/// Whether all fields of a last row are there; an empty one at its end may have been cut off.
fn is_complete(record: &Record, header: &[String]) -> bool {
    record.fields.len() == header.len() && record.fields.last().is_some_and(|field| !field.is_empty())
}

/// The first line, for a message.
pub fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).trim_start_matches('\u{feff}').trim_end().to_string()
}

/// A row as it is written, with its newline.
///
/// # Errors
/// Where memory is short.
pub fn line<S: AsRef<[u8]>>(fields: &[S]) -> io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(fields)?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
