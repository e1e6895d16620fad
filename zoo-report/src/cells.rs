//! The cells of one row by the names of their columns.

use std::str::FromStr;

/// A row with its header.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    /// Names of the columns.
    pub header: &'a [String],
    /// The row.
    pub record: &'a [String],
}

/// A number that a cell may hold.
pub trait Number: FromStr {
    /// Whether it can be drawn and computed with.
    fn is_usable(&self) -> bool {
        true
    }
}

impl Number for u32 {}
impl Number for u64 {}
impl Number for zoo_core::InputSize {}
impl Number for f64 {
    fn is_usable(&self) -> bool {
        self.is_finite()
    }
}

impl Cells<'_> {
    /// The text of a column; empty where there is no such column.
    pub fn text(&self, column: &str) -> String {
        let at = self.header.iter().position(|name| name == column);
        at.and_then(|at| self.record.get(at)).map_or("", |text| text.trim()).to_string()
    }

    /// The number in a column, if its cell is not empty.
    ///
    /// # Errors
    /// Where there is something else.
    pub fn number<T: Number>(&self, column: &str) -> Result<Option<T>, String> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse::<T>().ok().filter(Number::is_usable);
        number.map(Some).ok_or_else(|| format!("column `{column}` has `{text}`, which is no such number"))
    }

    /// The number in a column that must have one.
    ///
    /// # Errors
    /// Where there is none.
    pub fn need<T: Number>(&self, column: &str) -> Result<T, String> {
        self.number(column)?.ok_or_else(|| format!("column `{column}` is empty"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_name_and_what_is_no_number_is_said() {
        let header = ["b", "a", "empty", "nan"].map(String::from);
        let record = ["x", " 1.5", "", "NaN"].map(String::from);
        let cells = Cells { header: &header, record: &record };
        assert_eq!(
            (cells.need("a"), cells.number::<f64>("empty"), cells.number::<f64>("missing")),
            (Ok(1.5), Ok(None), Ok(None))
        );
        assert_eq!(cells.number::<f64>("b"), Err("column `b` has `x`, which is no such number".into()));
        assert!(cells.number::<f64>("nan").is_err() && cells.need::<u32>("empty").is_err());
    }
}
