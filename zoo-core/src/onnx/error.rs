//! What can keep a network from becoming ONNX, or a file of ONNX from being read, each as one sentence.

use std::io;
use std::path::PathBuf;

use tch::TchError;

use super::options::OPSETS;
use crate::model::ModelError;

/// Why there is no graph.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// An opset that is not written.
    #[error("opset {0} is not written: choose one from {first} to {last}", first = OPSETS.start(), last = OPSETS.end())]
    Opset(u32),
    /// A batch of no images.
    #[error("the batch has 0 images: choose at least 1, or a dynamic batch")]
    Batch,
    /// Pixels of a picture were to be the input of a network that takes none.
    #[error(
        "the network takes images of {0} channels, and the bytes of a picture have 1 or 3: leave their preparation out"
    )]
    Channels(u32),
    /// A weight that is no number.
    #[error("the tensor {name} has values that are NaN or infinite: such weights are not written")]
    NotFinite {
        /// The tensor's name.
        name: String,
    },
    /// More than a file of ONNX can hold.
    #[error("the network takes {bytes} bytes as ONNX, and a file of it holds at most 2 GB: choose a smaller width")]
    TooLarge {
        /// Bytes of its file.
        bytes: usize,
    },
    /// Bytes that are no graph.
    #[error("not an ONNX file, or a damaged one ({0}): export it again")]
    Damaged(String),
    /// A graph that holds what a [`Graph`](super::Graph) cannot.
    #[error("the network holds {0}, which is not read here: export it anew without")]
    Unsupported(String),
    /// Two values or two nodes have one name.
    #[error("the name {0} is given twice in the graph: rename one of both")]
    Twice(String),
    /// A value is read that nobody made before.
    #[error("{reader} reads {value}, which nothing before it makes: put its maker before it, or correct the name")]
    Undefined {
        /// The node that reads it, or the graph's output.
        reader: String,
        /// The value's name.
        value: String,
    },
    /// A constant whose numbers do not fill its sizes.
    #[error("the tensor {name} has {found} bytes, and its sizes take {expected}: correct one of both")]
    Size {
        /// The tensor's name.
        name: String,
        /// Bytes that it has.
        found: usize,
        /// Bytes that its sizes say.
        expected: String,
    },
    /// The operating system refused to write the file.
    #[error("cannot write {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The norms could not be folded.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl From<TchError> for OnnxError {
    fn from(error: TchError) -> OnnxError {
        OnnxError::Model(error.into())
    }
}
