//! The phases of `network!`, which a crate of macros gives to nobody: a link leads to their folder.

pub mod ast;
pub mod check;
pub mod diagnostics;
pub mod doc;
pub mod emit;
pub mod expand;
pub mod network;
pub mod parse;
pub mod words;
