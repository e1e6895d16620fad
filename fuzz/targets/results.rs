//! A table of `results/`, whatever its end: a row that is appended is the last one, and those before it stay.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use zoo_fuzz::results::table::Table;

/// In memory, where there is such a folder: every row is flushed.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let within = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let folder = within.join(format!("zoo-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.join("table.csv");
    fs::write(&path, bytes).expect("a file can be written");
    let table = Table::new(&path, &["model", "width", "macs", "status"]).grown_from(2);
    let Ok(before) = table.rows() else { return };
    let row = ["a", "\"b\"", "c, d", "e\nf"];
    table.append(&row).unwrap_or_else(|error| panic!("{error}"));
    let after = table.rows().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        after.split_last().map(|(last, rest)| (rest, last.as_slice())),
        Some((&before[..], &row.map(String::from)[..]))
    );
    let _ = fs::remove_file(path.with_extension("torn.csv"));
});
