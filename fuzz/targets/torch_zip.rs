//! A `.pth` file as it is: the archive. Few inputs have the right checksums, so pickles in it are `torch_pickle`'s.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zoo_fuzz::weights::read(bytes.to_vec()));
