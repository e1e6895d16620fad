//! What training scripts save around their weights: other containers, other objects, words about the network.

use super::{assert_refused, names, parse, small};
use crate::weights::sample::pickle::{call, dict, global, integer, list, text, tuple, vector};
use crate::weights::sample::{floats, safetensors, torch_zip};

/// A value of an unknown class, made as `class.__new__(class)` and given attributes.
fn object(module: &str, class: &str, attributes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    [&global(module, class)[..], b")\x81", &dict(attributes), b"b"].concat()
}

#[test]
fn objects_beside_the_weights_are_noted_and_never_made() {
    let float = |number: f64| [&b"G"[..], &number.to_be_bytes()].concat();
    let array = call("numpy._core.multiarray", "_reconstruct", &[global("numpy", "ndarray"), tuple(&[integer(0)])]);
    let array = [&array[..], &tuple(&[integer(1), tuple(&[integer(1)]), text("x")]), b"b"].concat();
    let path = call("pathlib", "PosixPath", &[text("runs"), text("one")]);
    let date = call("datetime", "datetime", &[b"C\x02ab".to_vec()]);
    let partial = [&call("functools", "partial", &[global("torch.nn", "ReLU6")])[..], &tuple(&[]), b"b"].concat();
    let made_by_it = [&call("functools", "partial", &[])[..], b")R"].concat();
    let ordered = [&global("mine", "Ordered")[..], b")R(", &text("y"), &vector("0", 4), b"u"].concat();
    let deque = [&call("collections", "deque", &[list(&[]), integer(9)])[..], b"(K\x01K\x02e"].concat();
    let file = parse(small(&dict(&[
        ("array", array),
        ("path", path),
        ("date", date),
        ("partial", partial),
        ("made", made_by_it),
        ("deque", deque),
        ("enum", call("mine", "Colour", &[integer(3)])),
        ("lr", float(0.5)),
        ("mine", object("mine", "Thing", &[("inner", object("mine", "Other", &[]))])),
        ("state_dict", ordered),
    ])));
    let file = file.unwrap();
    assert_eq!(names(&file), ["y"]);
    assert_eq!(file.said.get("lr"), Some("0.5"));
}

#[test]
fn what_a_checkpoint_says_of_its_network_is_kept_as_words() {
    let arguments = object("argparse", "Namespace", &[("model", text("tf_mobilenetv3_large_100")), ("lr", integer(1))]);
    let file = parse(small(&dict(&[
        ("epoch", integer(7)),
        ("args", arguments.clone()),
        ("state_dict", dict(&[("x", vector("0", 4))])),
    ])));
    let file = file.unwrap();
    assert_eq!((file.said.get("epoch"), file.said.get("args.lr")), (Some("7"), Some("1")));
    assert_eq!(file.said.arch(), Some(("args.model", "tf_mobilenetv3_large_100")));
    let named = dict(&[("args", arguments), ("arch", text("mobilenetv2_100")), ("x", vector("0", 4))]);
    assert_eq!(parse(small(&named)).unwrap().said.arch(), Some(("arch", "mobilenetv2_100")));
    let lightning = dict(&[("hyper_parameters", dict(&[("model_name", text("b0"))])), ("x", vector("0", 4))]);
    assert_eq!(parse(small(&lightning)).unwrap().said.arch(), Some(("hyper_parameters.model_name", "b0")));
    let header = r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
        "__metadata__":{"architecture":"mobilenetv1_100","zoo.model":"other"}}"#;
    let said = parse(safetensors(header, &[0; 4])).unwrap().said;
    assert_eq!((said.arch(), said.get("zoo.model")), (Some(("architecture", "mobilenetv1_100")), None));
    assert_eq!(parse(small(&dict(&[("x", vector("0", 4))]))).unwrap().said.arch(), None);
}

#[test]
fn state_dicts_are_found_in_lists_two_levels_down_and_in_pickled_modules() {
    let found = |object: Vec<u8>| {
        let file = parse(torch_zip(&object, &[("0", floats(&[1.0])), ("1", floats(&[2.0]))])).unwrap();
        (file.container.clone().unwrap_or_default(), names(&file).join(" "))
    };
    let weights = |name: &str, key: &str| dict(&[(name, vector(key, 1))]);
    let of = |container: &str, names: &str| (container.to_string(), names.to_string());
    assert_eq!(found(tuple(&[weights("x", "0"), integer(1)])), of("0", "x"));
    assert_eq!(found(dict(&[("params", weights("x", "0"))])), of("params", "x"));
    let deep = dict(&[("model", dict(&[("state_dict", weights("x", "0"))]))]);
    assert_eq!(found(deep), of("model.state_dict", "x"));
    let module = |parameters: Vec<u8>, modules: &[(&str, Vec<u8>)]| {
        let buffers = weights("running_mean", "1");
        object("m", "M", &[("_parameters", parameters), ("_buffers", buffers), ("_modules", dict(modules))])
    };
    let inner = module(weights("weight", "0"), &[]);
    let whole =
        module(dict(&[("scale", vector("0", 1)), ("bias", b"N".to_vec())]), &[("0", inner.clone()), ("1", inner)]);
    let all = "scale running_mean 0.weight 0.running_mean 1.weight 1.running_mean";
    assert_eq!(found(dict(&[("epoch", integer(1)), ("model", whole.clone())])), of("model", all));
    assert_eq!(found(whole), of("", all));
}

#[test]
fn tensors_of_unknown_forms_are_refused_and_not_passed_over() {
    let quantised = call("torch._utils", "_rebuild_qtensor", &[]);
    assert_refused(small(&dict(&[("x", vector("0", 4)), ("y", quantised)])), "`torch._utils._rebuild_qtensor`");
    assert_refused(small(&dict(&[("y", global("torch", "QInt8Storage"))])), "`torch.QInt8Storage`");
}

#[test]
fn names_and_shared_attributes_cannot_be_multiplied() {
    // One long name, used in each of many dictionaries.
    let name = "n".repeat(100_000);
    let first = [&b"("[..], &text(&name), b"q\x000", &vector("0", 4), b"q\x010"].concat();
    let one = [&b"(K\x01}h\x00h\x01s"[..], b"t"].concat();
    let again = [&b"]("[..], &one.repeat(12), b"e"].concat();
    let all = [&first[..], &again, b"t"].concat();
    assert!(parse(small(&all)).is_ok());
    let dicts: Vec<(String, Vec<u8>)> = (0..60).map(|at| (at.to_string(), b"}h\x00h\x01s".to_vec())).collect();
    let dicts: Vec<(&str, Vec<u8>)> = dicts.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let all = [&b"("[..], &text(&name), b"q\x00", &vector("0", 4), b"q\x01", &dict(&dicts), b"t"].concat();
    assert_refused(small(&all), "longer than the file");
    // Many objects over the same attributes.
    let shared: Vec<u8> = (0..20_000).flat_map(|_| *b"K\x01K\x02").collect();
    let shared = [&b"}("[..], &shared, b"uq\x00"].concat();
    let each = [&global("m", "M")[..], b"q\x01"].concat();
    let objects: Vec<Vec<u8>> =
        (0..1000).map(|at| [&text(&at.to_string())[..], b"h\x01)\x81h\x00b"].concat()).collect();
    let all = [&b"("[..], &shared, &each, b"}(", &objects.concat(), b"ut"].concat();
    assert_refused(small(&all), "entries in its dictionaries");
}
