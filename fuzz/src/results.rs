//! The tables of `results/`, whose crate asks libtorch for its version: a link leads to its folder.

pub mod table;
pub mod text;
