//! A file for `--config`; what it comes to is such a file, too, and says the same.
#![no_main]

use std::path::Path;

use zoo_settings::{RESOLVED, Settings};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let read = |text: &str| Settings::layered(Some((Path::new("my.toml"), text)), Default::default());
    let Ok((settings, _)) = read(text) else { return };
    let _ = settings.check(1000);
    let again = read(&format!("{RESOLVED}{}", settings.to_toml()));
    let (again, _) = again.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(format!("{again:?}"), format!("{settings:?}"));
});
