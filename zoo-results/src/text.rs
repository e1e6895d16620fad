//! The text of a table: its records, and whether it ends where another may follow.

use std::io;

/// What the text of a table comes to.
#[derive(Clone, Debug)]
pub struct Text {
    /// Its first line.
    pub header: Vec<String>,
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
    /// Within its header, before it, or right behind it.
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

/// Reads a table with this header, or an older one of at least its first `oldest` columns; none where the text has another
/// one.
pub fn read(bytes: &[u8], header: &[String], oldest: usize) -> Option<Text> {
    if ends_within(bytes, header) {
        return Some(Text { header: header.to_vec(), records: Vec::new(), tail: Tail::NoHeader });
    }
    let is_header = |fields: &[String]| fields.len() >= oldest && header.starts_with(&todays(fields));
    let mut text = Some(split(bytes)).filter(|text| is_header(&text.header))?;
    text.records.retain(|record| !is_header(&record.fields));
    Some(text)
}

/// Whether the text is the beginning of a table with this header, or of one whose header begins so, and ends within it.
pub fn ends_within<S: AsRef<[u8]>>(bytes: &[u8], header: &[S]) -> bool {
    let body = body(bytes);
    !body.contains(&b'\n') && line(header).is_ok_and(|whole| whole.starts_with(body.trim_ascii_end()))
}

/// The header of a table and its rows, whatever they are.
pub fn split(bytes: &[u8]) -> Text {
    let body = body(bytes);
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
    let Some((first, rows)) = records.split_first() else {
        return Text { header: Vec::new(), records, tail: Tail::NoHeader };
    };
    let header = first.fields.clone();
    let mut records = rows.to_vec();
    let tail = match (body.ends_with(b"\n"), is_open(&body[begins..])) {
        (true, false) => Tail::Whole,
        _ if records.is_empty() => Tail::NoHeader,
        (false, false) if ends_in_a_whole_row(&records, &header) => Tail::NoNewline,
        _ => {
            records.pop();
            Tail::Torn { from: bytes.len() - body.len() + begins }
        }
    };
    records.retain(|record| record.fields != header);
    Text { header: todays(&header), records, tail }
}

/// A header with the names that its columns have today.
fn todays(header: &[String]) -> Vec<String> {
    let name = |column: &String| if column.trim() == "mode" { "engine".into() } else { column.clone() };
    header.iter().map(name).collect()
}

/// Whether a row ends within quotes, so that another one behind it would be a part of it. To count quotes is not enough:
/// within a field without them they are letters.
fn is_open(row: &[u8]) -> bool {
    let followed = [row, b"\nanother"].concat();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&followed[..]);
    reader.byte_records().count() < 2
}

fn body(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// Whether a last row without its newline is all there: it has all its fields, and the last one is not cut off. An empty one
/// may be, so may one that another row has with more behind it, and where those of the other rows are of one length, as hashes
/// and revisions are, one that is shorter. Otherwise, and in a table's first row, a cut within the last field cannot be told.
fn ends_in_a_whole_row(records: &[Record], header: &[String]) -> bool {
    let Some((last, before)) = records.split_last() else { return false };
    let field = last.fields.last().map_or("", String::as_str);
    let others = before.iter().filter(|record| record.fields != header).filter_map(|record| record.fields.last());
    let others: Vec<&str> = others.map(String::as_str).filter(|other| !other.is_empty()).collect();
    let first = others.first().map_or(0, |other| other.len());
    let is_shorter = field.len() < first && others.iter().all(|other| other.len() == first);
    let is_part = !others.contains(&field) && others.iter().any(|other| other.starts_with(field));
    last.fields.len() == header.len() && !field.is_empty() && !is_shorter && !is_part
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
