//! What files hold is read as PyTorch would read it.

use tch::Kind;

use super::{assert_refused, names, parse, small, values};
use crate::weights::Format;
use crate::weights::sample::pickle::{
    call, dict, global, integer, integers, list, storage, tensor, text, tuple, vector, whole,
};
use crate::weights::sample::{deflated, floats, safetensors, torch_legacy, torch_zip, zip};

#[test]
fn the_three_formats_hold_the_same() {
    let object = dict(&[("b", vector("1", 2)), ("a", vector("0", 3))]);
    let (a, b) = (floats(&[1.0, 2.0, 3.0]), floats(&[4.0, 5.0]));
    let header = r#"{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"k":"v"},
        "a":{"dtype":"F32","shape":[3],"data_offsets":[8,20]}}"#;
    let files = [
        (torch_zip(&object, &[("0", a.clone()), ("1", b.clone())]), Format::TorchZip),
        (torch_legacy(&object, &[("0", 3, a.clone()), ("1", 2, b.clone())]), Format::TorchLegacy),
        (safetensors(header, &[b, a].concat()), Format::Safetensors),
    ];
    for (bytes, format) in files {
        let file = parse(bytes).unwrap();
        assert_eq!(file.format, format);
        assert_eq!(names(&file), ["b", "a"], "{format:?}");
        assert_eq!(values(&file, "a"), [1.0, 2.0, 3.0]);
        assert_eq!(values(&file, "b"), [4.0, 5.0]);
        assert_eq!(file.metadata.len(), usize::from(format == Format::Safetensors));
        assert_eq!(file.shape("c"), None);
        let message = file.tensor("c").unwrap_err().to_string();
        assert!(message.starts_with("w.pth has no tensor `c`; "), "{message}");
    }
}

#[test]
fn views_of_one_storage_are_read_by_stride_and_offset() {
    let part = |offset, shape: &[i32], strides: &[i32]| tensor(storage("FloatStorage", "0", 6), offset, shape, strides);
    let object = dict(&[
        ("transposed", part(0, &[3, 2], &[1, 3])),
        ("column", part(1, &[2], &[3])),
        ("scalar", part(5, &[], &[])),
        ("repeated", part(2, &[2, 2], &[0, 1])),
        ("none", part(6, &[0, 4], &[4, 1])),
        ("one", part(4, &[1, 1], &[7, 9])),
    ]);
    let file = parse(torch_zip(&object, &[("0", floats(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))])).unwrap();
    assert_eq!(values(&file, "transposed"), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(values(&file, "column"), [1.0, 4.0]);
    assert_eq!(values(&file, "scalar"), [5.0]);
    assert_eq!(values(&file, "repeated"), [2.0, 3.0, 2.0, 3.0]);
    assert_eq!(values(&file, "none"), [0.0; 0]);
    assert_eq!(values(&file, "one"), [4.0]);
}

#[test]
fn every_kind_of_element_is_kept() {
    let rows: [(&str, Kind, Vec<u8>, f64); 10] = [
        ("FloatStorage", Kind::Float, (-1.5f32).to_le_bytes().into(), -1.5),
        ("DoubleStorage", Kind::Double, 0.1f64.to_le_bytes().into(), 0.1),
        ("HalfStorage", Kind::Half, vec![0x00, 0x3e], 1.5),
        ("BFloat16Storage", Kind::BFloat16, vec![0xc0, 0x3f], 1.5),
        ("LongStorage", Kind::Int64, (-7i64).to_le_bytes().into(), -7.0),
        ("IntStorage", Kind::Int, (-7i32).to_le_bytes().into(), -7.0),
        ("ShortStorage", Kind::Int16, (-7i16).to_le_bytes().into(), -7.0),
        ("CharStorage", Kind::Int8, vec![0xf9], -7.0),
        ("ByteStorage", Kind::Uint8, vec![0xf9], 249.0),
        ("BoolStorage", Kind::Bool, vec![1], 1.0),
    ];
    for (class, kind, data, value) in rows {
        let object = dict(&[("x", tensor(storage(class, "0", 1), 0, &[1], &[1]))]);
        let file = parse(torch_legacy(&object, &[("0", 1, data.clone())])).unwrap();
        assert_eq!(file.tensor("x").unwrap().kind(), kind);
        assert_eq!(values(&file, "x"), [value], "{class}");
    }
    let object = dict(&[("x", tensor(storage("BoolStorage", "0", 1), 0, &[1], &[1]))]);
    assert_refused(torch_zip(&object, &[("0", vec![2])]), "`x` is boolean");
}

#[test]
fn a_kind_over_an_untyped_storage_and_a_tensor_with_attributes_are_read() {
    let untyped = tensor(storage("UntypedStorage", "0", 16), 0, &[4], &[1]);
    let arguments = [
        [
            &tuple(&[text("storage"), global("torch.storage", "UntypedStorage"), text("0"), text("cpu"), integer(16)])
                [..],
            b"Q",
        ]
        .concat(),
        integer(0),
        integers(&[4]),
        integers(&[1]),
        vec![0x89],
        vec![b'N'],
        global("torch", "float32"),
    ];
    let typed = call("torch._utils", "_rebuild_tensor_v3", &arguments);
    let attributed = {
        let plain =
            [storage("FloatStorage", "0", 4), integer(0), integers(&[4]), integers(&[1]), vec![0x89], vec![b'N']];
        let function = global("torch._utils", "_rebuild_tensor_v2");
        let class = global("torch.nn.parameter", "Parameter");
        call("torch._tensor", "_rebuild_from_type_v2", &[function, class, tuple(&plain), dict(&[])])
    };
    let parameter = call("torch._utils", "_rebuild_parameter", &[vector("0", 4), vec![0x88], vec![b'N']]);
    let file = parse(small(&dict(&[
        ("bytes", untyped),
        ("typed", typed),
        ("attributed", attributed),
        ("parameter", parameter),
    ])))
    .unwrap();
    assert_eq!(file.tensor("bytes").unwrap().kind(), Kind::Uint8);
    for name in ["typed", "attributed", "parameter"] {
        assert_eq!(values(&file, name), [1.0, 2.0, 3.0, 4.0], "{name}");
    }
}

#[test]
fn the_state_dict_is_found_and_unwrapped() {
    let weights = |name: &str, key: &str| dict(&[(name, vector(key, 1))]);
    let found = |object: Vec<u8>| {
        let file = parse(torch_zip(&object, &[("0", floats(&[1.0])), ("1", floats(&[2.0]))])).unwrap();
        let name = names(&file)[0].to_string();
        (file.container.clone(), name.clone(), values(&file, &name)[0])
    };
    let of = |key: &str, name: &str, value| (Some(key.to_string()), name.to_string(), value);
    let cell = ("model_ema", weights("x", "1"));
    assert_eq!(found(dict(std::slice::from_ref(&cell))), of("model_ema", "x", 2.0));
    assert_eq!(found(dict(&[cell.clone(), ("model", weights("x", "0"))])), of("model", "x", 1.0));
    assert_eq!(found(dict(&[cell.clone(), ("state_dict", weights("x", "0"))])), of("state_dict", "x", 1.0));
    // An entry of that name without tensors is none.
    assert_eq!(found(dict(&[cell, ("model", dict(&[("x", integer(1))]))])), of("model_ema", "x", 2.0));
    let beside = [("epoch", integer(3)), ("x.weight", vector("0", 1)), ("args", dict(&[("lr", text("0.1"))]))];
    assert_eq!(found(dict(&beside)), (None, "x.weight".into(), 1.0));
    assert_eq!(found(weights("module.x", "0")), (None, "x".into(), 1.0));
    assert_eq!(found(weights("_orig_mod.module.x", "0")), (None, "x".into(), 1.0));
    let mixed = dict(&[("module.x", vector("0", 1)), ("y", vector("1", 1))]);
    assert_eq!(found(mixed).1, "module.x");
    assert_eq!(found(weights("module.", "0")).1, "module.");
}

#[test]
fn later_entries_of_one_name_and_pairs_of_python_2_are_as_in_python() {
    let file = parse(torch_zip(
        &dict(&[("x", vector("0", 1)), ("y", vector("0", 1)), ("x", vector("1", 1))]),
        &[("0", floats(&[1.0])), ("1", floats(&[2.0]))],
    ));
    let file = file.unwrap();
    assert_eq!(names(&file), ["x", "y"]);
    assert_eq!(values(&file, "x"), [2.0]);
    // A string of Python 2, in an OrderedDict as Python 2 pickled it.
    let pair = list(&[b"U\x01x".to_vec(), vector("0", 4)]);
    let file = parse(small(&call("collections", "OrderedDict", &[list(&[pair])]))).unwrap();
    assert_eq!(names(&file), ["x"]);
}

#[test]
fn what_scripts_leave_beside_the_weights_is_passed_over() {
    let namespace = [&global("argparse", "Namespace")[..], b")\x81", &dict(&[("lr", integer(1))]), b"b"].concat();
    let scalar = call("numpy.core.multiarray", "scalar", &[call("numpy", "dtype", &[text("f8")]), text("x")]);
    let defaults = call("collections", "defaultdict", &[global("__builtin__", "dict")]);
    let file = parse(small(&dict(&[
        ("args", namespace),
        ("best", scalar),
        ("state", defaults),
        ("device", call("torch", "device", &[text("cpu")])),
        ("size", call("torch", "Size", &[integers(&[1])])),
        ("x", vector("0", 4)),
    ])));
    assert_eq!(names(&file.unwrap()), ["x"]);
}

#[test]
fn an_archive_with_numbers_of_64_bits_is_read() {
    let pickle = whole(&dict(&[("x", vector("0", 4))]));
    let data = floats(&[1.0, 2.0, 3.0, 4.0]);
    let plain = zip(&[("n/data.pkl", &pickle[..]), ("n/data/0", &data)]);
    let name = "n/data/0";
    let (end, record) = (plain.len() - 22, plain.len() - 22 - 46 - name.len());
    let local = u32::from_le_bytes(plain[record + 42..record + 46].try_into().unwrap());
    let mut central = plain[record..end].to_vec();
    central[20..28].fill(0xff);
    central[42..46].fill(0xff);
    let numbers = [16u64, 16, local.into()].map(u64::to_le_bytes).concat();
    // Another extra field comes first, as PyTorch's padding does.
    let extra = [&b"FB\x02\0ZZ\x01\0\x18\0"[..], &numbers].concat();
    central[30..32].copy_from_slice(&(extra.len() as u16).to_le_bytes());
    let start = u64::from(u32::from_le_bytes(plain[end + 16..end + 20].try_into().unwrap()));
    let front = [&plain[..record], &central, &extra].concat();
    let numbers = [2, 2, front.len() as u64 - start, start].map(u64::to_le_bytes).concat();
    let end_64 = [&b"PK\x06\x06"[..], &[0; 20], &numbers].concat();
    let locator = [&b"PK\x06\x07\0\0\0\0"[..], &(front.len() as u64).to_le_bytes(), &[1, 0, 0, 0]].concat();
    let last = [&b"PK\x05\x06"[..], &[0xff; 16], &[0; 2]].concat();
    let file = parse([front, end_64, locator, last].concat()).unwrap();
    assert_eq!(values(&file, "x"), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn archives_that_were_packed_again_are_read() {
    let pickle = whole(&dict(&[("x", vector("0", 4))]));
    let data = floats(&[1.0, 2.0, 3.0, 4.0]);
    for folder in ["n/", ""] {
        let (object, storage) = (format!("{folder}data.pkl"), format!("{folder}data/0"));
        let entries = [(object.as_str(), &pickle[..]), (&storage, &data)];
        for bytes in [deflated(&entries), zip(&entries)] {
            assert_eq!(values(&parse(bytes).unwrap(), "x"), [1.0, 2.0, 3.0, 4.0], "in `{folder}`");
        }
    }
}

#[test]
fn old_files_with_classes_of_modules_are_read() {
    let id = tuple(&[text("module"), global("mine", "Net"), text("net.py"), text("class Net: ...")]);
    let module = [&id[..], b"Q)\x81", &dict(&[("training", vec![0x88])]), b"b"].concat();
    let object = dict(&[("net", module), ("x", vector("a", 1))]);
    let file = parse(torch_legacy(&object, &[("a", 1, floats(&[3.0]))])).unwrap();
    assert_eq!(values(&file, "x"), [3.0]);
}

#[test]
fn a_part_of_a_storage_is_read_from_old_files() {
    let part = tuple(&[text("part"), integer(1), integer(2)]);
    let id = [text("storage"), global("torch", "FloatStorage"), text("a"), text("cpu"), integer(4), part];
    let object = |offset, size| dict(&[("x", tensor([&tuple(&id)[..], b"Q"].concat(), offset, &[size], &[1]))]);
    let four = floats(&[1.0, 2.0, 3.0, 4.0]);
    let file = parse(torch_legacy(&object(0, 2), &[("a", 4, four.clone())])).unwrap();
    assert_eq!(values(&file, "x"), [2.0, 3.0]);
    assert_refused(torch_legacy(&object(0, 3), &[("a", 4, four)]), "reaches beyond its storage of 8 bytes");
}
