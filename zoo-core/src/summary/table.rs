//! A plain text table: columns as wide as their widest cell, words to the left and figures to the right.

/// Which edge of its column a cell stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// Rows of cells below a heading.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
enum Row {
    Cells(Vec<String>),
    Rule,
}

impl Table {
    /// A table without rows, below the headings of its columns.
    pub fn new(columns: &[(&str, Align)]) -> Table {
        let columns = columns.iter().map(|&(heading, align)| (heading.into(), align)).collect();
        Table { columns, rows: vec![Row::Rule] }
    }

    /// Adds a row; cells that are not given stay empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(Row::Cells(cells.into_iter().collect()));
    }

    /// Adds a line across the table.
    pub fn rule(&mut self) {
        self.rows.push(Row::Rule);
    }

    /// The table as lines, without spaces at their ends.
    pub fn render(&self) -> String {
        let heading: Vec<String> = self.columns.iter().map(|(word, _)| word.clone()).collect();
        let mut widths: Vec<usize> = heading.iter().map(|word| word.chars().count()).collect();
        for row in &self.rows {
            if let Row::Cells(cells) = row {
                for (width, cell) in widths.iter_mut().zip(cells) {
                    *width = (*width).max(cell.chars().count());
                }
            }
        }
        let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        let mut out = self.line(&heading, &widths);
        for row in &self.rows {
            out += &match row {
                Row::Cells(cells) => self.line(cells, &widths),
                Row::Rule => "-".repeat(total) + "\n",
            };
        }
        out
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (index, (cell, &width)) in cells.iter().zip(widths).enumerate() {
            if index > 0 {
                line += "  ";
            }
            line += &match self.columns[index].1 {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            };
        }
        line.truncate(line.trim_end().len());
        line + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_without_spaces() {
        let mut table = Table::new(&[("Layer", Align::Left), ("Parameters", Align::Right), ("Note", Align::Left)]);
        table.row(["stem".into(), "928".into(), String::new()]);
        let text = table.render();
        assert_eq!(text, "Layer  Parameters  Note\n-----------------------\nstem          928\n");
    }
}
