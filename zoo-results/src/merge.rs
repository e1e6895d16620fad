//! Tables put together: what several have is there once, and no row of any is lost.

use std::collections::HashMap;
use std::io;

use super::cells;
use super::row::{Row, TableOf, line, readable};
use super::table::{Change, TableError};

/// What putting tables together came to, in rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Added.
    pub added: usize,
    /// There already.
    pub doubles: usize,
    /// Left out or taken away, as they say that something was interrupted of which another row tells the end.
    pub superseded: usize,
    /// What was mended on the way.
    pub warning: Option<String>,
}

impl<R: Row + Clone> TableOf<R> {
    /// Adds the rows of `sources`, each the rows of a table. A row that several tables have is there once; one that a table has
    /// twice, as two measurements may come to the same, is there twice.
    ///
    /// # Errors
    /// As [`TableOf::append`]; nothing is changed then.
    pub fn merge(&self, sources: Vec<Vec<R>>) -> Result<Merged, TableError> {
        let mut merged = Merged::default();
        merged.warning = self.table.try_update(|there| {
            let there = readable::<R>(there);
            let mut have: HashMap<Vec<String>, usize> = HashMap::new();
            for group in R::together(there.iter().flatten().cloned().collect()) {
                *have.entry(identity(&group)?).or_default() += 1;
            }
            let mut new: Vec<R> = Vec::new();
            for source in sources {
                let mut seen: HashMap<Vec<String>, usize> = HashMap::new();
                for group in R::together(source) {
                    let identity = identity(&group)?;
                    let seen = seen.entry(identity.clone()).or_default();
                    *seen += 1;
                    let have = have.entry(identity).or_default();
                    if *seen <= *have {
                        merged.doubles += group.len();
                    } else {
                        *have = *seen;
                        new.extend(group);
                    }
                }
            }
            let all: Vec<&R> = there.iter().flatten().chain(&new).collect();
            let is_past = |row: &R| all.iter().any(|other| is_ended_by(row, other));
            let remove: Vec<usize> = there
                .iter()
                .enumerate()
                .filter_map(|(place, row)| row.as_ref().is_some_and(is_past).then_some(place))
                .collect();
            let stay: Vec<&R> = new.iter().filter(|row| !is_past(row)).collect();
            merged.added = stay.len();
            merged.superseded = remove.len() + new.len() - stay.len();
            Ok(Change { remove, append: stay.into_iter().map(line).collect::<io::Result<_>>()? })
        })?;
        Ok(merged)
    }
}

/// Whether `row` is of something interrupted whose end `other` tells. Of two that were interrupted, in tables whose order is
/// not known, neither is the later one.
fn is_ended_by<R: Row>(row: &R, other: &R) -> bool {
    row.is_superseded_by(row) && row.is_superseded_by(other) && !other.is_superseded_by(row)
}

/// What rows that were written as one are told by: their cells.
fn identity<R: Row>(group: &[R]) -> io::Result<Vec<String>> {
    let header = cells::header::<R>();
    let mut all = Vec::new();
    for row in group {
        let cells = line(row)?.into_iter().zip(header);
        all.extend(cells.map(|(cell, column)| if R::INCIDENTAL.contains(column) { String::new() } else { cell }));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Run {
        name: String,
        figure: Option<f64>,
        status: String,
        revision: String,
    }

    impl Row for Run {
        const FILE: &'static str = "runs.csv";
        const INCIDENTAL: &'static [&'static str] = &["revision"];

        fn is_superseded_by(&self, newer: &Run) -> bool {
            self.status == "interrupted" && self.name == newer.name
        }
    }

    fn row(name: &str, figure: f64, status: &str) -> Run {
        Run { name: name.into(), figure: Some(figure), status: status.into(), revision: "a".into() }
    }

    fn names(table: &TableOf<Run>) -> Vec<String> {
        table.rows().unwrap().iter().map(|row| format!("{} {}", row.name, row.status)).collect()
    }

    #[test]
    fn what_several_tables_have_is_there_once_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let table = TableOf::<Run>::new(folder.path());
        table.append(&row("a", 1.0, "done")).unwrap();
        let other = Run { revision: "b".into(), ..row("a", 1.0, "done") };
        // Two measurements that came to the same, and one of another figure.
        let twice = vec![other, row("b", 2.0, "done"), row("b", 2.0, "done"), row("a", 1.5, "done")];
        let merged = table.merge(vec![twice.clone(), vec![row("b", 2.0, "done"), row("c", 3.0, "done")]]).unwrap();
        assert_eq!((merged.added, merged.doubles, merged.superseded), (4, 2, 0));
        assert_eq!(names(&table), ["a done", "b done", "b done", "a done", "c done"]);
        let again = table.merge(vec![twice]).unwrap();
        assert_eq!((again.added, again.doubles), (0, 4));
    }

    #[test]
    fn the_end_of_what_was_interrupted_takes_its_place_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let table = TableOf::<Run>::new(folder.path());
        table.append(&row("a", 0.5, "interrupted")).unwrap();
        let (ended, stopped) = (row("a", 1.0, "done"), row("b", 0.2, "interrupted"));
        let merged = table.merge(vec![vec![ended, stopped], vec![row("a", 0.7, "interrupted")]]).unwrap();
        assert_eq!((merged.added, merged.superseded), (2, 2));
        assert_eq!(names(&table), ["a done", "b interrupted"]);
        table.merge(vec![vec![row("b", 0.3, "interrupted")]]).unwrap();
        assert_eq!(names(&table), ["a done", "b interrupted", "b interrupted"]);
    }
}
