//! The `data.pkl` of a `.pth` file with six storages.
#![no_main]

use zoo_fuzz::weights::{read, sample::zip};

libfuzzer_sys::fuzz_target!(|pickle: &[u8]| {
    let data: [u8; 96] = std::array::from_fn(|index| (index % 2) as u8);
    let storages = ["net/data/0", "net/data/1", "net/data/2", "net/data/3", "net/data/4", "net/data/5"];
    let others = [("net/data.pkl", pickle), ("net/byteorder", &b"little"[..])];
    read(zip(&others.into_iter().chain(storages.map(|name| (name, &data[..]))).collect::<Vec<_>>()));
});
