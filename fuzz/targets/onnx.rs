//! An ONNX file; what is read of it and holds together can be written and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zoo_fuzz::onnx::read(bytes));
