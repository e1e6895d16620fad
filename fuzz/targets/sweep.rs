//! A sweep file.
#![no_main]

use std::path::Path;

use zoo_fuzz::sweep::SweepFile;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match SweepFile::parse(Path::new("my.toml"), text) {
        Ok(file) => assert!(!file.grids.is_empty()),
        Err(error) => assert!(error.to_string().starts_with("my.toml:"), "{error}"),
    }
});
