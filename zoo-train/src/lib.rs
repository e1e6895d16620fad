//! The library behind the `zoo-train` command: what it takes to train, evaluate, measure and compare the networks of
//! `zoo-core`.
//!
//! Data flows one way: [`data`] gives images, [`train`] turns a plan and images into checkpoints, [`latency`] measures how
//! long networks take, [`sweep`] does either over a grid, [`results`] are rows, and [`report`] turns rows into curves.
//! A crate with tables of its own calls [`main_with`] and has the whole command line.

mod cli;
mod console;
pub mod data;
mod glob;
pub mod interrupt;
pub mod latency;
pub mod lock;
pub mod paths;
pub mod report;
pub mod results;
pub mod sweep;
pub mod train;
pub mod weights;
mod words;

pub use cli::main_with;
