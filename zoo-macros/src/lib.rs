//! The macro [`network!`](macro@network): the table of a paper becomes a network.
//!
//! Entry point alone. `expand` leads through the phases, one file each: `parse` (tokens to syntax), `check` (syntax to
//! a checked network, all mistakes in one go), `emit` and `doc` (a checked network to Rust and Markdown).

mod ast;
mod check;
mod diagnostics;
mod doc;
mod emit;
mod expand;
mod network;
mod parse;
mod words;

use proc_macro::TokenStream;

#[doc = include_str!("network.md")]
#[proc_macro]
pub fn network(table: TokenStream) -> TokenStream {
    expand::expand(table.into()).into()
}
