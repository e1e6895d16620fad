//! The reader of ONNX files of zoo-core, and stand-ins for what it names of the rest.

pub use graph::Graph;

#[path = "../../zoo-core/src/onnx/check.rs"]
mod check;
#[path = "../../zoo-core/src/onnx/decode.rs"]
mod decode;
#[path = "../../zoo-core/src/onnx/encode.rs"]
mod encode;
#[path = "../../zoo-core/src/onnx/error.rs"]
mod error;
#[path = "../../zoo-core/src/onnx/graph.rs"]
#[allow(dead_code)]
mod graph;
#[path = "../../zoo-core/src/onnx/options.rs"]
#[allow(dead_code)]
mod options;
#[path = "../../zoo-core/src/onnx/proto.rs"]
mod proto;

/// Reads a file; what was read is written as a file that reads the same.
pub fn read(bytes: &[u8]) {
    let graph = match Graph::decode(bytes) {
        Ok(graph) => graph,
        Err(problem) => return assert!(!problem.to_string().is_empty()),
    };
    let _ = (graph.is_quantized(), graph.macs());
    if graph.check().is_err() {
        return;
    }
    if let Ok(written) = graph.encode() {
        let again = Graph::decode(&written).expect("what was written can be read");
        // Numbers that are NaN are not equal to themselves, their bytes are.
        assert_eq!(again.encode().expect("it was written before"), written);
    }
}

/// What the reader names of models.
pub mod model {
    /// The key of a count.
    pub const MACS: &str = "zoo.macs";

    /// Why a model cannot be written, which nothing here is.
    #[derive(Debug, thiserror::Error)]
    #[error("libtorch refused")]
    pub struct ModelError;

    impl From<tch::TchError> for ModelError {
        fn from(_: tch::TchError) -> ModelError {
            ModelError
        }
    }
}
