//! A table in `network!`: whatever stands there, it expands, and to something that Rust can read.
#![no_main]

use proc_macro2::TokenStream;
use zoo_fuzz::network_macro::expand::expand;

libfuzzer_sys::fuzz_target!(|table: &str| {
    if let Ok(tokens) = table.parse::<TokenStream>() {
        expand(&"::zoo_core".parse().unwrap_or_default(), tokens);
    }
});
