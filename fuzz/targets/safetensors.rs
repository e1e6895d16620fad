//! A safetensors file; and one whose header is the input up to its first byte 0, of the right length.
#![no_main]

use zoo_fuzz::weights::{read, sample};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    read(bytes.to_vec());
    let (header, data) = bytes.split_at(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    if let Ok(header) = std::str::from_utf8(header) {
        read(sample::safetensors(header, data.get(1..).unwrap_or_default()));
    }
});
