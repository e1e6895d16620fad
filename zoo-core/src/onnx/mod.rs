//! Networks as ONNX, written from the plan: no tracer runs, and every name is the plan's.
//!
//! [`Model::to_onnx`](crate::model::Model::to_onnx) gives a [`Graph`], which is plain data: nodes, tensors and names, to be
//! looked at, changed and [encoded](Graph::encode). What each operation becomes stands in its own file under `op/`. A node
//! and its value have the name of their layer, such as `stages.2.0.depthwise.conv`, and its tensors add `.weight` and
//! `.bias`; where an operation takes several nodes, the last one has the layer's name, and those before add a word to it.
//!
//! ```
//! use zoo_core::model::{Model, ModelOptions};
//! use zoo_core::onnx::{Graph, OnnxOptions};
//! use zoo_core::{Options, Plan, arch::MOBILENET_V2};
//!
//! let options = Options { width: 0.35, input_size: zoo_core::ImageSize::square(32), ..Options::DEFAULT };
//! let model = Model::new(Plan::new(&MOBILENET_V2, &options)?, &ModelOptions::default())?;
//! let graph = model.to_onnx(&OnnxOptions::default())?;
//! assert_eq!((graph.inputs[0].name.as_str(), graph.outputs[0].name.as_str()), ("input", "logits"));
//! assert_eq!(Graph::decode(&graph.encode()?)?, graph);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod decode;
mod encode;
mod error;
mod graph;
mod options;
mod proto;

pub use error::OnnxError;
pub use graph::{Attribute, Dimension, Element, Graph, Initializer, Node, Value};
pub use options::{Batch, OPSETS, OnnxOptions, Pixels};

/// The name of a graph's input.
pub const INPUT: &str = "input";
/// The name of a graph's output.
pub const LOGITS: &str = "logits";
