//! What can keep a network from being quantised, each as one sentence.

use tch::TchError;
use zoo_core::model::ModelError;
use zoo_core::onnx::OnnxError;

/// Why there is no quantised network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// An operator that this crate cannot run.
    #[error("the operator {kind} of {node} is not known here: the network cannot be quantised")]
    Operator {
        /// The operator.
        kind: String,
        /// The node's name.
        node: String,
    },
    /// A node that is told or given something else than expected.
    #[error("{node} ({kind}) has {problem}")]
    Node {
        /// The node's name.
        node: String,
        /// The operator.
        kind: String,
        /// What is wrong.
        problem: String,
    },
    /// A constant of a kind that this crate cannot run.
    #[error("the constant {name} is of {element}, which is not known here: the network cannot be quantised")]
    Element {
        /// The constant.
        name: String,
        /// numpy's name of what it consists of.
        element: &'static str,
    },
    /// Too few images.
    #[error("calibration takes {least} images at least, and there are {found}: give more of them")]
    TooFew {
        /// How many there are.
        found: usize,
        /// How many there must be.
        least: usize,
    },
    /// An activation that is no number.
    #[error(
        "{layer} gives values that are NaN or infinite on the calibration images: the weights are damaged, \
         or not for this network"
    )]
    NotFinite {
        /// The layer.
        layer: String,
    },
    /// A percentile that is none.
    #[error("the percentile {0} is out of range: give one over 50 and at most 100, such as 99.99")]
    Percentile(f64),
    /// A layer that was to stay in float and does not exist.
    #[error(
        "there is no layer {name} that could stay in float{}; `--sensitivity` lists them",
        nearest.as_ref().map_or_else(String::new, |nearest| format!(", did you mean {nearest}?"))
    )]
    UnknownLayer {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// Nothing is left to be int8.
    #[error("no layer is left to be int8: keep fewer of them in float")]
    NothingLeft,
    /// The graph is not right.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The network could not be run.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl From<TchError> for QuantizeError {
    fn from(error: TchError) -> QuantizeError {
        QuantizeError::Model(error.into())
    }
}

impl From<zoo_native::NativeError> for QuantizeError {
    fn from(error: zoo_native::NativeError) -> QuantizeError {
        QuantizeError::Model(error.into())
    }
}
