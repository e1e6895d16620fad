//! `count.csv`: one row a network, with its exact parameters and multiply-accumulates. No weights and no data are needed.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use zoo_core::{Entry, InputSize, Options, Plan, PlanError};

use super::{Change, Table, TableError, canonical};

/// The columns, in order; `results/README.md` documents each with its unit.
pub const HEADER: [&str; 12] = [
    "model",
    "family",
    "width",
    "depth",
    "input_size",
    "params",
    "buffers",
    "macs",
    "profile",
    "classes",
    "status",
    "revision",
];

/// A counted network; the order of the fields is the order of the columns.
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
    /// Outputs of the classifier.
    pub classes: u32,
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
            classes: options.classes,
            status: "done".into(),
            revision: super::revision().into(),
        })
    }

    /// The cells, in the order of [`HEADER`].
    pub fn fields(&self) -> [String; HEADER.len()] {
        [
            self.model.clone(),
            self.family.clone(),
            self.width.to_string(),
            self.depth.to_string(),
            self.input_size.to_string(),
            self.params.to_string(),
            self.buffers.to_string(),
            self.macs.to_string(),
            self.profile.clone(),
            self.classes.to_string(),
            self.status.clone(),
            self.revision.clone(),
        ]
    }
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
    let warning = Table::new(path, &HEADER).update(|there| {
        let mut present: HashSet<Vec<String>> = there.iter().map(|row| identity(row)).collect();
        let fields = rows.iter().map(|row| row.fields().to_vec());
        let append: Vec<Vec<String>> = fields.filter(|fields| present.insert(identity(fields))).collect();
        added = append.len();
        Change { append, remove: Vec::new() }
    })?;
    Ok(Appended { added, warnings: warning.into_iter().collect() })
}

/// The cells that say which network a row is about: all but the counts, which follow from them, and the revision.
fn identity<S: AsRef<str>>(fields: &[S]) -> Vec<String> {
    const IDENTITY: [&str; 6] = ["model", "width", "depth", "input_size", "profile", "classes"];
    let named = HEADER.iter().zip(fields).filter(|(column, _)| IDENTITY.contains(column));
    named.map(|(_, field)| canonical(field.as_ref())).collect()
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
        assert_eq!((row.family.as_str(), row.profile.as_str(), row.classes), ("mobilenet-v1", "native", 1000));
        Ok(())
    }

    #[test]
    fn a_network_is_counted_once() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("count.csv");
        assert_eq!(append(&path, &[row(1.0)?, row(0.5)?])?.added, 2);
        assert_eq!(append(&path, &[row(0.5)?, row(0.25)?])?.added, 1);
        let widths: Vec<f64> = csv::Reader::from_path(&path)?
            .deserialize()
            .map(|row| row.map(|row: Row| row.width))
            .collect::<Result<_, _>>()?;
        assert_eq!(widths, [1.0, 0.5, 0.25]);
        Ok(())
    }
}
