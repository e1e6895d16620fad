//! Rows as cells of text and back, by serde: the fields of a struct are the columns of its table, in their order.
//!
//! An empty cell is `None`, or an empty text. A column that a header lacks, as headers of older tables do, is empty in every
//! row, and one that the struct lacks is passed over.

mod read;
mod write;

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a row is none of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

impl serde::de::Error for Problem {
    fn custom<T: fmt::Display>(text: T) -> Problem {
        Problem(text.to_string())
    }
}

impl serde::ser::Error for Problem {
    fn custom<T: fmt::Display>(text: T) -> Problem {
        Problem(text.to_string())
    }
}

/// The columns of the table whose rows are `R`: the names of its fields.
pub fn header<R: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &[&str] = &[];
    // It ends in an error by design: names are all that is asked for.
    let _ = R::deserialize(read::Names(&mut names));
    names
}

/// The cells of a row.
///
/// # Errors
/// Where a field is neither text nor a number.
pub fn write<R: Serialize>(row: &R) -> Result<Vec<String>, Problem> {
    row.serialize(write::Cells)
}

/// The row that has these cells under this header.
///
/// # Errors
/// Where a cell cannot be what its column holds: the column is named.
pub fn read<R: DeserializeOwned, H: AsRef<str>>(header: &[H], cells: &[String]) -> Result<R, Problem> {
    let cell = |column: &str| {
        let place = header.iter().position(|name| name.as_ref().trim() == column);
        place.and_then(|place| cells.get(place)).map_or("", |text| text.trim())
    };
    R::deserialize(read::Cells { cell: &cell })
}

/// Writes a number with so many digits behind the point.
pub(crate) fn digits<S: Serializer, const DIGITS: usize>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{number:.DIGITS$}"))
}

/// The same of a cell that may be empty.
pub(crate) fn maybe_digits<S: Serializer, const DIGITS: usize>(
    number: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => digits::<S, DIGITS>(number, serializer),
        None => serializer.serialize_none(),
    }
}

/// Reads a number that may be infinite, or none at all: a loss that diverged.
pub(crate) fn any_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// The same of a cell that may be empty.
pub(crate) fn maybe_any_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse()).transpose().map_err(serde::de::Error::custom)
}

/// Numbers with a space in between.
pub(crate) mod list {
    use super::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(numbers: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" "))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        name: String,
        width: f64,
        #[serde(serialize_with = "maybe_digits::<_, 2>")]
        top1: Option<f64>,
        #[serde(serialize_with = "digits::<_, 1>", deserialize_with = "any_number")]
        loss: f64,
        flip: Option<bool>,
        #[serde(with = "list")]
        steps: Vec<u64>,
    }

    const HEADER: [&str; 6] = ["name", "width", "top1", "loss", "flip", "steps"];

    fn row() -> Row {
        Row { name: "a,b".into(), width: 1.0, top1: None, loss: 0.25, flip: Some(true), steps: vec![1, 20] }
    }

    fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
        cells.map(String::from).to_vec()
    }

    #[test]
    fn a_struct_tells_its_columns_and_a_row_its_cells() {
        assert_eq!(header::<Row>(), HEADER);
        assert_eq!(write(&row()), Ok(cells(["a,b", "1", "", "0.2", "true", "1 20"])));
        let (top1, loss) = (Some(86.0), f64::NAN);
        assert_eq!(write(&Row { top1, loss, ..row() }), Ok(cells(["a,b", "1", "86.00", "NaN", "true", "1 20"])));
        assert_eq!(write(&vec![row()]), Err(Problem("a row is no sequence".into())));
    }

    #[test]
    fn cells_are_found_by_name_and_those_of_older_headers_are_empty() {
        let header = ["steps", " loss", "more", "width", "name"];
        let found: Row = read(&header, &cells(["1 20", " 0.25", "x", "1.00", "a,b"])).unwrap();
        assert_eq!(found, Row { flip: None, ..row() });
    }

    #[test]
    fn a_cell_that_cannot_be_is_named_with_its_column() {
        let problem = |column: &str, text: &str| {
            let mut cells = write(&row()).unwrap();
            let place = HEADER.iter().position(|name| *name == column).unwrap();
            cells[place] = text.into();
            read::<Row, _>(&HEADER, &cells).unwrap_err().to_string()
        };
        assert_eq!(problem("width", "wide"), "column `width` has `wide`, which is not a valid number");
        assert_eq!(problem("width", ""), "column `width` is empty");
        assert_eq!(problem("top1", "NaN"), "column `top1` has `NaN`, which is not a valid number");
        assert_eq!(problem("steps", "1 x"), "column `steps` has `1 x`, which is not a valid number");
        assert_eq!(problem("flip", "yes"), "column `flip` has `yes`, which is neither true nor false");
    }
}
