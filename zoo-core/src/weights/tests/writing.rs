//! What is written can be read, and a file is whole or not there.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::weights::{TensorFile, WeightsError, write_safetensors};

fn metadata(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

#[test]
fn what_is_written_is_read_again_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let kinds = [Kind::Bool, Kind::Half, Kind::Float, Kind::Int64, Kind::Double, Kind::BFloat16, Kind::Uint8];
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    for (index, kind) in kinds.into_iter().enumerate() {
        let ones = Tensor::from_slice(&[0.0, 1.0, 1.0, 0.0, 1.0, 1.0]).reshape([2, 3]).to_kind(kind);
        tensors.push((format!("z{}", 9 - index), ones.tr()));
        tensors.push((format!("scalar{index}"), Tensor::from(1.0).to_kind(kind)));
    }
    tensors.push(("none".into(), Tensor::from_slice(&[0f32; 0])));
    let metadata = metadata(&[("b", "\"quoted\""), ("a", "1")]);
    write_safetensors(&path, &tensors, &metadata).unwrap();
    let file = TensorFile::read(&path).unwrap();
    assert_eq!(file.metadata, metadata);
    assert_eq!(file.names().count(), tensors.len());
    for (name, tensor) in &tensors {
        let read = file.tensor(name).unwrap();
        assert_eq!((read.kind(), read.size()), (tensor.kind(), tensor.size()), "{name}");
        assert!(read.equal(tensor), "{name}");
    }
    let width = |name: &str| file.tensor(name).unwrap().kind().elt_size_in_bytes();
    let widths: Vec<usize> = file.names().map(width).collect();
    assert!(widths.is_sorted_by(|wide, next| wide >= next), "{widths:?}");
    let of_four: Vec<&str> = file.names().filter(|name| width(name) == 4 && *name != "none").collect();
    assert_eq!(of_four, ["z7", "scalar2"]);
    // The bytes are a function of the input, and nothing else is left behind.
    let before = std::fs::read(&path).unwrap();
    write_safetensors(&path, &tensors, &metadata).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_failed_write_keeps_the_earlier_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    std::fs::write(&path, "earlier").unwrap();
    let one = || Tensor::from_slice(&[1f32]);
    let twice = [("x".to_string(), one()), ("x".to_string(), one())];
    let message = write_safetensors(&path, &twice, &metadata(&[])).unwrap_err().to_string();
    assert!(message.contains("w.safetensors: the name `x` is given twice"), "{message}");
    let complex = [("c".to_string(), one().to_kind(Kind::ComplexFloat))];
    let message = write_safetensors(&path, &complex, &metadata(&[])).unwrap_err().to_string();
    assert!(message.contains("`c` holds ComplexFloat"), "{message}");
    assert_eq!(std::fs::read(&path).unwrap(), b"earlier");
    let nowhere = folder.path().join("none/w.safetensors");
    let error = write_safetensors(&nowhere, &[("x".into(), one())], &metadata(&[])).unwrap_err();
    assert!(matches!(error, WeightsError::File { what: "write", .. }), "{error}");
}
