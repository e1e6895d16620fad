//! Files of weights: those that PyTorch wrote, and what becomes of damaged ones. README.md has the lines that made them.
#![cfg(feature = "torch")]

mod allocation;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tch::{Kind, Tensor};
use zoo_core::weights::{Format, TensorFile, WeightsError, write_safetensors};

/// None of the files here has more than 4 kB.
const MOST_MEMORY: usize = 64 << 20;
/// The pickles with which a file of the old form begins.
const OLD: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights").join(name)
}

#[test]
fn what_pytorch_wrote_is_read() {
    let files = [
        ("zip.pth", Format::TorchZip, None),
        ("legacy.pth", Format::TorchLegacy, Some("state_dict")),
        ("protocol_4.pth", Format::TorchZip, Some("model")),
    ];
    let ramp: [&[f64]; 3] = [&[0.0, 3.0, 1.0, 4.0, 2.0, 5.0], &[4.0, 5.0], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]];
    let expected: [(&str, Kind, &[i64], &[f64]); 6] = [
        ("transposed", Kind::Float, &[3, 2], ramp[0]),
        ("part", Kind::Float, &[2], ramp[1]),
        ("half", Kind::Half, &[2, 3], ramp[2]),
        ("brain", Kind::BFloat16, &[2, 3], ramp[2]),
        ("count", Kind::Int64, &[], &[7.0]),
        ("mask", Kind::Bool, &[2], &[1.0, 0.0]),
    ];
    for (name, format, container) in files {
        let file = TensorFile::read(&fixture(name)).unwrap();
        assert_eq!((file.format, file.container.as_deref()), (format, container), "{name}");
        assert!(file.names().eq(expected.iter().map(|row| row.0)), "{name}");
        for (tensor, kind, shape, numbers) in expected {
            let read = file.tensor(tensor).unwrap();
            assert_eq!((read.kind(), read.size()), (kind, shape.to_vec()), "{name} {tensor}");
            assert!(read.is_contiguous());
            let read: Vec<f64> = read.to_kind(Kind::Double).flatten(0, -1).try_into().unwrap();
            assert_eq!(read, numbers, "{name} {tensor}");
        }
    }
}

/// The fixtures and a file of our own.
fn valid() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let tensors = ["x.weight", "x.bias"].map(|name| (name.to_string(), Tensor::from_slice(&[1f32, 2.0])));
    write_safetensors(&path, &tensors, &[("k".to_string(), "v".to_string())].into()).unwrap();
    let paths = [path, fixture("zip.pth"), fixture("legacy.pth"), fixture("protocol_4.pth")];
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Reads a file with these bytes, and each of its tensors.
fn read(bytes: &[u8]) -> Result<(), WeightsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    fs::write(&path, bytes).unwrap();
    allocation::reset();
    let outcome = TensorFile::read(&path).and_then(|file| {
        let tensors: Result<Vec<Tensor>, WeightsError> = file.names().map(|name| file.tensor(name)).collect();
        tensors.map(drop)
    });
    let most = allocation::most();
    assert!(most < MOST_MEMORY, "{most} bytes of memory for a file of {}", bytes.len());
    if let Err(error) = &outcome {
        let message = error.to_string();
        assert!(message.starts_with(path.to_str().unwrap()) && message.contains("; "), "{message}");
    }
    outcome
}

#[test]
fn every_truncation_is_an_error() {
    for file in valid() {
        for length in 0..file.len() {
            assert!(read(&file[..length]).is_err(), "{length} of {} bytes", file.len());
        }
    }
}

#[test]
fn a_million_instructions_are_refused_in_little_memory() {
    for instruction in [&b"]"[..], b"}", b")", b"N", b"(", b"]q\0", b"]\x94", b"N\x85", b"]2a"] {
        let pickle = instruction.repeat(1_000_000 / instruction.len());
        assert!(read(&[OLD, b"\x80\x02", &pickle].concat()).is_err());
    }
}

/// Pieces of pickles that fit together by chance often enough to reach every instruction.
const PIECES: [&[u8]; 50] = [
    b"(", b"t", b"e", b"u", b"a", b"s", b"R", b"R", b"Q", b"b", b"0", b"1", b"2", b"]", b"}", b")", b"N", b"\x85", b"\x86",
    b"\x87", b"\x81", b"\x88", b"\x8f", b"\x90", b"\x91", b"\x92", b"\x93", b"\x94", b"h\0", b"h\x01", b"q\0", b"q\x01",
    b"j\0\0\0\0", b"r\x01\0\0\0", b"K\x01", b"M\0\x02", b"J\xff\xff\xff\xff", b"\x8a\x01\x02", b"G\0\0\0\0\0\0\0\0",
    b"X\x01\0\0\0x", b"\x8c\x05model", b"X\x07\0\0\0storage", b"C\x01x", b"\x95\0\0\0\0\0\0\0\0",
    b"ccollections\nOrderedDict\n", b"ctorch\nFloatStorage\n", b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._tensor\n_rebuild_from_type_v2\n", b"ctorch\nSize\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0xNK\x01tQK\0K\x01\x85K\x01\x85\x89NtR",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn one_altered_byte_is_an_error_or_does_no_harm(file in 0..4usize, at in any::<Index>(), byte: u8) {
        let mut bytes = valid().swap_remove(file);
        let position = at.index(bytes.len());
        bytes[position] = byte;
        let _ = read(&bytes);
    }

    #[test]
    fn several_altered_bytes_are_an_error_or_do_no_harm(
        file in 0..4usize, changes in vec((any::<Index>(), any::<u8>()), 1..20), cut in any::<Index>(),
    ) {
        let mut bytes = valid().swap_remove(file);
        for (at, byte) in changes {
            let position = at.index(bytes.len());
            bytes[position] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let _ = read(&bytes);
    }

    #[test]
    fn bytes_at_random_are_an_error(
        start in select(vec![&b""[..], b"PK\x03\x04", b"\x80\x02", OLD, b"\x20\0\0\0\0\0\0\0{\"x\":"]), rest in vec(any::<u8>(), 0..300),
    ) {
        prop_assert!(read(&[start, &rest].concat()).is_err());
    }

    #[test]
    fn instructions_at_random_are_an_error_or_do_no_harm(pieces in vec(select(&PIECES[..]), 0..120)) {
        let storages = b"\x80\x02]X\x01\0\0\0xa.\x01\0\0\0\0\0\0\0\0\0\x80\x3f";
        let _ = read(&[OLD, b"\x80\x02", &pieces.concat(), b".", storages].concat());
    }
}
