//! The macro behind `zoo_core::network!`: the table of a paper becomes a network. Use it through zoo-core, which documents
//! it.
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

/// Expands the table behind the first token, which is the path to zoo-core: `$crate` of the macro `network!` there.
#[doc(hidden)]
#[proc_macro]
pub fn network(input: TokenStream) -> TokenStream {
    let mut table = proc_macro2::TokenStream::from(input).into_iter();
    let zoo = table.next().into_iter().collect();
    expand::expand(&zoo, table.collect()).into()
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
