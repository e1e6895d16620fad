//! Damage and malice end in an error that says what is wrong.

use std::path::Path;

use super::{assert_refused, names, parse, problem, small, values};
use crate::weights::sample::pickle::{call, dict, global, integer, storage, tensor, text, tuple, vector, whole};
use crate::weights::sample::{deflated, floats, safetensors, torch_legacy, zip};
use crate::weights::{Problem, TensorFile};

#[test]
fn what_is_no_tensor_is_never_constructed() {
    for (module, name) in
        [("os", "system"), ("posix", "system"), ("builtins", "eval"), ("torch", "load"), ("torch.hub", "load")]
    {
        let object = dict(&[("x", call(module, name, &[text("true")]))]);
        let message = problem(small(&object));
        assert!(
            message.starts_with(&format!("was not read: zoo refuses to construct `{module}.{name}`, ")),
            "{message}"
        );
        let object = [&text(module)[..], &text(name), b"\x93"].concat();
        assert_refused(small(&object), &format!("refuses to construct `{module}.{name}`"));
    }
    let absurd = format!("x\u{1b}[2J{}", "y".repeat(1000));
    let message = problem(small(&global("os", &absurd)));
    assert!(message.len() < 300 && !message.contains('\u{1b}'), "{message}");
    assert_refused(
        small(&[&call("torch", "FloatStorage", &[])[..], b"0", &dict(&[])].concat()),
        "unexpected arguments",
    );
}

#[test]
fn containers_in_themselves_and_deep_nesting_come_to_an_end() {
    // A list that is its own item, and a dictionary that is its own value and its own state_dict.
    let object =
        [b"]q\x00h\x00a0}q\x01", &text("state_dict")[..], b"h\x01s", &text("x"), &vector("0", 4), b"s"].concat();
    assert_eq!(names(&parse(small(&object)).unwrap()), ["x"]);
    let deep = [&vec![b']'; 200_000][..], &vec![b'a'; 199_999]].concat();
    assert_refused(small(&deep), "no tensors");
    let deep = [&b"N"[..], &vec![0x85; 200_000]].concat();
    assert_refused(small(&[b"}", &text("x")[..], &deep, b"s"].concat()), "no tensors");
}

#[test]
fn a_short_pickle_cannot_ask_for_long_work() {
    assert_refused(small(&vec![b'N'; 2_000_000]), "over 500000 instructions");
    // Dictionaries made again and again of one long list.
    let pair = [&b"("[..], b"K\x01K\x02t"].concat();
    let long = [&b"]("[..], &pair.repeat(100_000), b"eq\x000"].concat();
    let again = [&global("collections", "OrderedDict")[..], b"h\x00\x85R0"].concat();
    assert_refused(small(&[long, again.repeat(100)].concat()), "over 500000 instructions");
    let wide = [&b"]("[..], &b"K\x01".repeat(1000), b"e"].concat();
    let id = storage("FloatStorage", "0", 4);
    let arguments = tuple(&[id, integer(0), wide.clone(), wide, vec![0x89], vec![b'N']]);
    assert_refused(
        small(&[&global("torch._utils", "_rebuild_tensor_v2")[..], &arguments, b"R"].concat()),
        "1000 dimensions",
    );
}

#[test]
fn tensors_stay_within_their_storage_and_their_file() {
    let refused = |offset, shape: &[i32], strides: &[i32], because| {
        let object = dict(&[("x", tensor(storage("FloatStorage", "0", 4), offset, shape, strides))]);
        assert_refused(small(&object), because);
        let four = floats(&[1.0, 2.0, 3.0, 4.0]);
        assert_refused(torch_legacy(&object, &[("0", 4, four)]), because);
    };
    refused(0, &[5], &[1], "reaches beyond its storage of 16 bytes");
    refused(1, &[4], &[1], "reaches beyond");
    refused(0, &[2], &[4], "reaches beyond");
    refused(i32::MAX, &[1], &[1], "reaches beyond");
    refused(0, &[2, 2], &[i32::MAX, i32::MAX], "reaches beyond");
    refused(-1, &[1], &[1], "is impossible");
    refused(0, &[-1], &[1], "is impossible");
    refused(0, &[2], &[-1], "is impossible");
    refused(0, &[2], &[1, 1], "is impossible");
    refused(0, &[1 << 20], &[0], "larger than the file");
    refused(0, &[1 << 30; 5], &[0; 5], "larger than the file");
    refused(0, &[0, 1 << 30, 1 << 30, 1 << 30], &[0; 4], "larger than the file");
    let beyond = dict(&[("x", vector("0", 5))]);
    assert_refused(small(&beyond), "storage `0` has 16 bytes, but should have 5 elements of 4");
    assert_refused(small(&dict(&[("x", vector("9", 4))])), "no zip entry `data/9`");
    assert_refused(small(&dict(&[("x", vector("../0", 4))])), "no zip entry `data/../0`");
    assert_refused(small(&dict(&[("x", vector("0", -4))])), "no length");
}

#[test]
fn broken_pickles_are_named_so() {
    for object in [
        &b"a"[..],
        b"0",
        b"t",
        b"\x85",
        b"R",
        b"(0",
        b"(u",
        b"Nh\x07",
        b"N(NN\x86R",
        b"NQ",
        b"Nb",
        b"NNa",
        b"}(Nu",
        b"]NNs",
        b"P1\n",
        b"X\xff\xff\xff\xffx",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffx",
        b"\x8b\xff\xff\xff\xff",
        b"X\x01\0\0\0\xff",
        b"cos",
        b"NN\x93",
    ] {
        assert!(matches!(parse(small(object)), Err(Problem::Damaged(_))), "{}", object.escape_ascii());
    }
    assert_refused(small(b"\x80\x06}"), "protocol 6");
    assert_refused(small(&integer(1)), "something other than a dictionary");
    assert_refused(
        small(&dict(&[("x", integer(1))])),
        "no tensors at its top level, nor up to 3 levels below; its entries are `x`",
    );
}

#[test]
fn broken_archives_are_named_so() {
    let pickle = whole(&dict(&[("x", vector("0", 4))]));
    let data = floats(&[1.0, 2.0, 3.0, 4.0]);
    let with = |more: &[(&str, &[u8])]| zip(&[&[("n/data.pkl", &pickle[..]), ("n/data/0", &data)], more].concat());
    assert_eq!(values(&parse(with(&[])).unwrap(), "x"), [1.0, 2.0, 3.0, 4.0]);
    assert_refused(with(&[("n/data/0", &data)]), "two zip entries `n/data/0`");
    for name in ["/etc/passwd", "n/../../x", "..", "n\\x"] {
        assert_refused(with(&[(name, b"")]), "a path outside the archive");
    }
    assert_refused(with(&[("n/byteorder", b"big")]), "big-endian");
    assert_refused(with(&[("m/data.pkl", b"")]), "another zip archive");
    assert_refused(with(&[("n/constants.pkl", b"")]), "TorchScript");
    assert_refused(zip(&[("x", b"")]), "another zip archive");
    let good = with(&[]);
    // The last of: method, sum, both sizes, start of an entry; all in the last record of the directory.
    let record = good.len() - 22 - 46 - "n/data/0".len();
    let altered = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[record + at..record + at + bytes.len()].copy_from_slice(bytes);
        file
    };
    assert_refused(altered(10, &[9]), "entry `n/data/0` that is encrypted or packed by an unknown method");
    assert_refused(altered(8, &[1]), "encrypted or packed");
    assert_refused(altered(10, &[8]), "cannot be unpacked");
    assert_refused(altered(16, &[0; 4]), "CRC-32 of its zip entry `n/data/0`");
    assert_refused(altered(20, &[0xf0; 8]), "ends before");
    assert_refused(altered(24, &[1]), "does not match the directory");
    assert_refused(altered(42, &[1]), "does not match the directory");
    assert_refused(altered(42, &[0; 4]), "has another name in its own header");
    assert_refused(altered(46 + 8 + 8, &[0xff; 4]), "directory is broken");
}

#[test]
fn what_unpacks_to_more_than_it_may_or_to_something_else_is_refused() {
    let pickle = whole(&dict(&[("x", vector("0", 4))]));
    let data = floats(&[1.0, 2.0, 3.0, 4.0]);
    let good = deflated(&[("n/data.pkl", &pickle[..]), ("n/data/0", &data)]);
    let record = good.len() - 22 - 46 - "n/data/0".len();
    let altered = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[record + at..record + at + bytes.len()].copy_from_slice(bytes);
        file
    };
    assert_refused(altered(24, &[15]), "`n/data/0` is not as long as the directory says");
    assert_refused(altered(24, &[17]), "`n/data/0` is not as long as the directory says");
    assert_refused(altered(24, &[0xfe; 4]), "over 32 times the size");
    assert_refused(altered(16, &[0; 4]), "CRC-32 of its zip entry `n/data/0`");
    // 64 MiB of zeros in 64 KiB.
    let zeros = vec![0; 64 << 20];
    assert_refused(deflated(&[("n/data.pkl", &pickle[..]), ("n/data/0", &zeros)]), "over 32 times the size");
}

#[test]
fn entries_that_overlap_are_refused() {
    let inner = zip(&[("n/data/0", &[0; 16])]);
    let local = &inner[..30 + 8 + 16];
    let outer = zip(&[("n/data.pkl", local)]);
    // The second entry lies inside the data of the first.
    let at = 30 + "n/data.pkl".len() as u32;
    let (end, count) = (outer.len() - 22, 2u16.to_le_bytes());
    let mut second = inner[local.len()..inner.len() - 22].to_vec();
    second[42..46].copy_from_slice(&at.to_le_bytes());
    let start = &outer[end + 16..end + 20];
    let file = [&outer[..end], &second, b"PK\x05\x06\0\0\0\0", &count, &count, &[0; 4], start, &[0; 2]].concat();
    assert_refused(file, "overlap");
}

#[test]
fn broken_old_files_are_named_so() {
    let object = dict(&[("x", vector("a", 2))]);
    let two = floats(&[1.0, 2.0]);
    assert_eq!(values(&parse(torch_legacy(&object, &[("a", 2, two.clone())])).unwrap(), "x"), [1.0, 2.0]);
    assert_refused(torch_legacy(&object, &[]), "storage of `x` is missing");
    assert_refused(torch_legacy(&object, &[("b", 2, two.clone())]), "`b` belongs to no tensor");
    assert_refused(torch_legacy(&object, &[("a", u64::MAX, two.clone())]), "ends before");
    assert_refused(torch_legacy(&object, &[("a", 3, two.clone())]), "ends before the 12 bytes");
    assert_refused(torch_legacy(&object, &[("a", 1, two.clone())]), "has 4 bytes, but should have 2 elements");
    assert_refused(torch_legacy(&object, &[("a", 2, two.clone()), ("a", 2, two)]), "two storages `a`");
    assert_refused(whole(&integer(1)), "a pickle that torch.save did not write");
}

#[test]
fn broken_safetensors_are_named_so() {
    let one =
        |shape: &str, offsets: &str| format!(r#"{{"x":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#);
    assert_eq!(values(&parse(safetensors(&one("[1]", "[0,4]"), &[0; 4])).unwrap(), "x"), [0.0]);
    assert_eq!(parse(safetensors(&one("[]", "[0,4]"), &[0; 4])).unwrap().shape("x"), Some(&[][..]));
    for (shape, offsets, data) in [
        ("[1]", "[0,4]", 3),
        ("[1]", "[0,4]", 5),
        ("[1]", "[4,8]", 8),
        ("[2]", "[0,4]", 4),
        ("[1]", "[4,0]", 4),
        ("[4611686018427387904,4]", "[0,0]", 0),
        ("[18446744073709551616]", "[0,0]", 0),
        ("[-1]", "[0,4]", 4),
    ] {
        let parsed = parse(safetensors(&one(shape, offsets), &vec![0; data]));
        assert!(matches!(parsed, Err(Problem::Damaged(_))), "{shape} {offsets} {data}");
    }
    let overlap =
        r#"{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#;
    assert_refused(safetensors(overlap, &[0; 3]), "header is not a safetensors header");
    let wide = r#"{"x":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}"#;
    assert_refused(safetensors(wide, &[0; 8]), "holds `x` as U64");
    assert_refused([&u64::MAX.to_le_bytes()[..], b"{}"].concat(), "ends before");
    let empty = |at: usize| format!(r#""{at}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
    let many = |count: usize| format!("{{{}}}", (0..count).map(empty).collect::<Vec<_>>().join(","));
    assert!(parse(safetensors(&many(50_000), &[])).is_ok());
    assert_refused(safetensors(&many(50_001), &[]), "holds over 50000 tensors");
    // A pickle has few instructions for each, where names stand for one tensor.
    let entry = |at: usize| [&text(&format!("x{at}"))[..], b"h\x00"].concat();
    let names = (0..50_001).flat_map(entry).collect::<Vec<u8>>();
    let pickle = [&vector("0", 0)[..], b"q\x000}(", &names, b"u"].concat();
    assert_refused(small(&pickle), "holds over 50000 tensors");
    // Sizes whose sum overflows, each of them possible.
    let part = |index: u64| {
        let size = (1 << 61) - 1;
        let (begin, end) = (index * size, (index + 1) * size);
        format!(r#""{index}":{{"dtype":"U8","shape":[{size}],"data_offsets":[{begin},{end}]}}"#)
    };
    let parts: Vec<String> = (0..8).map(part).collect();
    assert_refused(safetensors(&format!("{{{}}}", parts.join(",")), &[]), "bytes of data, but there are 0");
}

#[test]
fn other_files_are_told_apart() {
    let tar = [&[b'x'; 257][..], b"ustar\0"].concat();
    for (bytes, what) in [
        (vec![], "an empty file"),
        (tar, "the tar archive"),
        (b"\x89HDF\r\n\x1a\n........".to_vec(), "HDF5"),
        (b"version https://git-lfs.github.com/spec/v1\n".to_vec(), "a Git LFS pointer"),
        (b"<!DOCTYPE html><html>".to_vec(), "a web page"),
        (b"hello, world".to_vec(), "unknown format"),
    ] {
        let parsed = parse(bytes);
        assert!(matches!(&parsed, Err(Problem::Foreign(found)) if found.contains(what)), "{what}: {parsed:?}");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), &folder.path().join("absent"), Path::new("/dev/zero")] {
        let message = TensorFile::read(path).unwrap_err().to_string();
        assert!(message.starts_with(&format!("cannot read {}: ", path.display())), "{message}");
    }
}
