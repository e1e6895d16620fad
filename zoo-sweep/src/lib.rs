//! Sweeps: a grid of networks that a file describes, each cell of which becomes a row.
//!
//! Data flows one way: a [`mod@file`] is expanded into [`cell`]s by [`grid`], [`shard`] takes a part of them, [`present`] tells
//! which of them the tables hold already, [`run`] does the others one after the other. A cell runs in a process of its own
//! ([`child`], with the arguments of [`command`]; training goes on with the run that [`resume`] finds), which writes its row;
//! where it could not, [`verdict`] says why and [`row`] writes that down. [`budget`] turns wall time into epochs, [`expect`]
//! says what a cell will take, [`claim`] keeps two sweeps from doing the same one.
//!
//! On a cluster, [`mod@emit`] writes the file that a scheduler runs the parts by, [`launcher`] tells which part a process was
//! given, and [`mod@merge`] puts together what parts left in folders of their own.

pub mod budget;
pub mod cell;
pub mod child;
pub mod claim;
pub mod command;
pub mod emit;
pub mod error;
pub mod expect;
pub mod file;
pub mod grid;
pub mod kind;
pub mod launcher;
pub mod merge;
pub mod present;
pub mod progress;
pub mod resume;
pub mod row;
pub mod run;
pub mod shard;
pub mod training;
pub mod verdict;

pub use cell::{Cell, Work};
pub use error::SweepError;
pub use file::SweepFile;
pub use kind::Kind;
pub use shard::Shard;
