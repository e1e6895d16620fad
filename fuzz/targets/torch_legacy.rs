//! A `.pth` file of before PyTorch 1.6.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zoo_fuzz::weights::read(bytes.to_vec()));
