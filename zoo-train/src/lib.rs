//! The command line of the zoo: `zoo-train`, and [`main_with`], by which a crate with tables of its own has all of it.
//!
//! What the subcommands do is done by the crates below, which are found here, too: [`data`] gives images, [`training`] turns
//! a plan and images into checkpoints, [`measure`] tells how long networks take, [`sweep`] does either over a grid,
//! [`results`] are rows, and [`report`] turns rows into curves.

mod command_line;

pub use command_line::main_with;
pub use {
    zoo_data as data, zoo_host as host, zoo_measure as measure, zoo_report as report, zoo_results as results,
    zoo_settings as settings, zoo_sweep as sweep, zoo_training as training, zoo_weights as weights,
};

/// The guide's examples in Rust are compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/library.md")]
struct Guide;
