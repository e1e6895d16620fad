//! Files put together by hand.

mod checkpoints;
mod choice;
mod honest;
mod hostile;
mod writing;

use std::path::Path;

use tch::Kind;

use super::sample::{floats, torch_zip};
use super::{Problem, TensorFile};

fn parse(bytes: Vec<u8>) -> Result<TensorFile, Problem> {
    TensorFile::parse(Path::new("w.pth"), bytes)
}

#[track_caller]
fn values(file: &TensorFile, name: &str) -> Vec<f64> {
    let tensor = file.tensor(name).unwrap();
    assert_eq!(tensor.size(), file.shape(name).unwrap());
    assert!(tensor.is_contiguous());
    Vec::try_from(tensor.to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

#[track_caller]
fn problem(bytes: Vec<u8>) -> String {
    parse(bytes).unwrap_err().to_string()
}

#[track_caller]
fn assert_refused(bytes: Vec<u8>, because: &str) {
    let problem = problem(bytes);
    assert!(problem.contains(because), "{problem}");
}

/// A zip file of one dictionary and one storage of four floats, `0`.
fn small(object: &[u8]) -> Vec<u8> {
    torch_zip(object, &[("0", floats(&[1.0, 2.0, 3.0, 4.0]))])
}

fn names(file: &TensorFile) -> Vec<&str> {
    file.names().collect()
}
