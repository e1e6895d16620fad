//! The first columns of every table of times, which say what was measured.

use zoo_core::{Entry, Options};

/// Their names.
const COLUMNS: [&str; 8] = ["model", "width", "depth", "input_size", "batch", "threads", "dtype", "mode"];

/// The header of a table that has `more` columns behind them; `ALL` is their number together.
pub(super) const fn header<const MORE: usize, const ALL: usize>(more: [&'static str; MORE]) -> [&'static str; ALL] {
    assert!(COLUMNS.len() + MORE == ALL);
    let mut all = [""; ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < COLUMNS.len() { COLUMNS[at] } else { more[at - COLUMNS.len()] };
        at += 1;
    }
    all
}

/// What a row says there.
pub(super) fn identity(
    entry: &Entry,
    options: &Options,
    batch: u32,
    threads: i32,
    dtype: &str,
    mode: &str,
) -> [String; COLUMNS.len()] {
    [
        entry.variant.name.into(),
        options.width.to_string(),
        options.depth.to_string(),
        options.input().to_string(),
        batch.to_string(),
        threads.to_string(),
        dtype.into(),
        mode.into(),
    ]
}
