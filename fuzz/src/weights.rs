//! The readers of weights of zoo-core, and stand-ins for what they name of the rest.

use std::fmt;
use std::path::Path;

pub use crate::names::Scheme;
pub use file::{Format, TensorFile};

#[path = "../../zoo-core/src/weights/bytes.rs"]
mod bytes;
#[path = "../../zoo-core/src/weights/error.rs"]
mod error;
#[path = "../../zoo-core/src/weights/file.rs"]
#[allow(dead_code)]
mod file;
#[path = "../../zoo-core/src/weights/kind.rs"]
#[allow(dead_code)]
mod kind;
#[path = "../../zoo-core/src/weights/pickle/mod.rs"]
mod pickle;
#[path = "../../zoo-core/src/weights/safetensors.rs"]
mod safetensors;
#[path = "../../zoo-core/src/weights/said.rs"]
mod said;
#[path = "../../zoo-core/src/weights/sample.rs"]
#[allow(dead_code, missing_docs)]
pub mod sample;
#[path = "../../zoo-core/src/weights/state_dict.rs"]
mod state_dict;
#[path = "../../zoo-core/src/weights/torch_legacy.rs"]
mod torch_legacy;
#[path = "../../zoo-core/src/weights/torch_zip.rs"]
mod torch_zip;
#[path = "../../zoo-core/src/weights/view.rs"]
mod view;
#[path = "../../zoo-core/src/weights/zip.rs"]
mod zip;

/// Reads a file and everything in it.
pub fn read(bytes: Vec<u8>) {
    let mut file = match TensorFile::parse(Path::new("w"), bytes) {
        Ok(file) => file,
        Err(problem) => return assert!(!format!("{problem}; {}", problem.way_out()).is_empty()),
    };
    let _ = (file.said.arch(), file.account());
    for _ in 0..2 {
        let names: Vec<String> = file.names().map(String::from).collect();
        for name in &names {
            assert_eq!(file.tensor(name).expect("every tensor that was read is there").numel(), count(&file, name));
            let _ = file.weights(name);
        }
        file.prefer_averages();
    }
}

fn count(file: &TensorFile, name: &str) -> usize {
    file.shape(name).expect("every tensor has a shape").iter().product::<i64>() as usize
}

/// Messages name it.
#[derive(Debug)]
pub struct LoadReport;

impl LoadReport {
    fn faults(&self) -> Vec<String> {
        Vec::new()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// What is said of tensors that were left out.
mod choose {
    pub fn is_unread(name: &str) -> bool {
        name.ends_with("num_batches_tracked")
    }

    pub fn is_of_loss(name: &str) -> bool {
        name.starts_with("loss.")
    }
}
