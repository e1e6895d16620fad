//! `count.csv`: one row a network, with its exact parameters and multiply-accumulates. No weights and no data are needed.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use zoo_core::{Entry, InputSize, Options, Plan, PlanError};

use super::{Change, TableError, TableOf, row, status};

/// A counted network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Variant's name.
    pub model: String,
    /// Name of its table.
    pub family: String,
    /// Width multiplier.
    pub width: f64,
    /// Depth multiplier.
    pub depth: f64,
    /// Size of the input.
    pub input_size: InputSize,
    /// Trainable parameters.
    pub params: u64,
    /// Running means and variances.
    pub buffers: u64,
    /// Multiply-accumulates of convolutions and linear layers for one image.
    pub macs: u64,
    /// Strides: `native`, or a profile for small images.
    pub profile: String,
    /// Number of classes.
    pub classes: Option<u32>,
    /// `done`; a network that cannot be counted gives no row.
    pub status: String,
    /// Git revision that the binary was built from.
    pub revision: String,
}

impl Row {
    /// Counts `entry` with `options`.
    ///
    /// # Errors
    /// Where the options give no network.
    pub fn of(entry: &Entry, options: &Options) -> Result<Row, PlanError> {
        let cost = Plan::new(entry.architecture, options)?.cost;
        let profile = entry.architecture.profile_name(options.profile);
        Ok(Row {
            model: entry.variant.name.into(),
            family: entry.architecture.family.into(),
            width: options.width,
            depth: options.depth,
            input_size: options.input(),
            params: cost.params,
            buffers: cost.buffers,
            macs: cost.macs,
            profile: profile.into(),
            classes: Some(options.classes),
            status: status::DONE.into(),
            revision: super::revision().into(),
        })
    }

    /// Which network it is about: all but the counts, which follow from that, and the revision.
    fn identity(&self) -> String {
        let Row { model, width, depth, input_size, profile, classes, .. } = self;
        format!("{model} {width} {depth} {input_size} {profile} {classes:?}")
    }
}

impl row::Row for Row {
    const FILE: &'static str = "count.csv";
    // Another build counts the same.
    const INCIDENTAL: &'static [&'static str] = &["revision"];
}

/// What [`append`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Rows added.
    pub added: usize,
    /// What was mended on the way.
    pub warnings: Vec<String>,
}

/// Appends to the table at `path` those of `rows` whose network it does not hold yet. Whoever else counts at the same time
/// adds none of them a second time.
///
/// # Errors
/// Where the table cannot be written or has another header.
pub fn append(path: &Path, rows: &[Row]) -> Result<Appended, TableError> {
    let mut added = 0;
    let warning = TableOf::at(path).update(|there| {
        let mut present: HashSet<String> = there.iter().flatten().map(Row::identity).collect();
        let append: Vec<Row> = rows.iter().filter(|row| present.insert(row.identity())).cloned().collect();
        added = append.len();
        Change { append, remove: Vec::new() }
    })?;
    Ok(Appended { added, warnings: warning.into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(width: f64) -> Result<Row, Box<dyn std::error::Error>> {
        let registry = zoo_core::Registry::default();
        let entry = registry.find("mobilenet-v1")?;
        Ok(Row::of(&entry, &Options { width, ..entry.variant.options })?)
    }

    #[test]
    fn a_row_has_the_counts_of_its_plan() -> Result<(), Box<dyn std::error::Error>> {
        let row = row(0.25)?;
        assert_eq!((row.params, row.buffers, row.macs), (470_072, 5_472, 41_030_272));
        assert_eq!((row.family.as_str(), row.profile.as_str(), row.classes), ("mobilenet-v1", "native", Some(1000)));
        Ok(())
    }

    #[test]
    fn a_network_is_counted_once() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("count.csv");
        assert_eq!(append(&path, &[row(1.0)?, row(0.5)?])?.added, 2);
        assert_eq!(append(&path, &[row(0.5)?, row(0.25)?])?.added, 1);
        let widths: Vec<f64> = TableOf::<Row>::at(&path).rows()?.iter().map(|row| row.width).collect();
        assert_eq!(widths, [1.0, 0.5, 0.25]);
        Ok(())
    }
}
