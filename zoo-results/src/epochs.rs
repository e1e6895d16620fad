//! `epochs.csv` beside the logs of a sweep: one row a recipe whose epochs a time budget chose.

use serde::{Deserialize, Serialize};

use crate::row;

/// A recipe with its epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Hash of the recipe.
    pub recipe: String,
    /// Passes over the training set.
    pub epochs: f64,
}

impl row::Row for Row {
    const FILE: &'static str = "epochs.csv";
}
