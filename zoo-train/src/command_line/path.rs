//! How a flag that takes a path reads it.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};
use zoo_host::paths::expand;

/// A path with `~` expanded.
pub fn argument() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(expand)
}
