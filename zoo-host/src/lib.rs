//! What the host gives a program, and what a program owes it: lines on the terminal, paths, locks on files, signals,
//! exit codes, the processes of a sweep.
//!
//! Owns nothing of networks, data or results; every other crate of the workspace may use it.

pub mod console;
pub mod duration;
pub mod exit;
pub mod glob;
mod heartbeat;
pub mod interrupt;
pub mod launch;
pub mod lock;
mod mount;
mod owner;
pub mod paths;
pub mod process;
pub mod words;
