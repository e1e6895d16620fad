//! What a run leaves behind: rows of CSV that can be trusted, and the machine they were made on.
//!
//! Each table of `results/` is one struct, which implements [`Row`]: [`accuracy`], [`deployed`], [`count`], [`latency`],
//! [`stages`], [`throughput`], [`metrics`] and [`epochs`]. [`TableOf`] reads and writes its rows, [`cells`] makes them text
//! and back, and [`table`] sees to it that they land whole.

pub mod accuracy;
pub mod cells;
pub mod command;
pub mod count;
pub mod deployed;
pub mod environment;
pub mod epochs;
pub mod latency;
mod merge;
pub mod metrics;
mod row;
pub mod stages;
pub mod status;
pub mod table;
pub mod text;
pub mod throughput;
pub mod timed;

pub use environment::{Environment, revision, set_revision};
pub use merge::Merged;
pub use row::{Row, TableOf};
pub use table::{Change, Table, TableError};
