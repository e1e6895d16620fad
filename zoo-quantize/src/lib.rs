//! Post-training quantisation: a float network and some images become an int8 network in ONNX.
//!
//! The network arrives as the [`Graph`](zoo_core::onnx::Graph) that `Model::to_onnx` writes, with its norms folded. Images
//! run through it ([`network`]) and leave the ranges of its activations ([`observe`], [`range`]); [`qdq`] puts pairs of
//! `QuantizeLinear` and `DequantizeLinear` where inference engines fuse them into int8 kernels; [`correct`] gives biases
//! what rounding took from each channel's mean, and [`equalize`] evens out weights before. The same [`network`] runs the
//! quantised graph, number by number as its operators say, so that accuracy is known without an engine ([`score::sensitivity`]).
//!
//! Owned here: graphs and numbers. Data sets, files and the command line are not.

pub mod correct;
pub mod equalize;
mod error;
pub mod grid;
pub mod layers;
pub mod network;
pub mod observe;
mod operator;
pub mod processor;
pub mod qdq;
pub mod quantizer;
pub mod range;
pub mod score;

pub use error::QuantizeError;
pub use layers::Engine;
pub use network::Network;
pub use processor::Processor;
pub use quantizer::{Made, Options, Quantizer};
pub use range::Method;

/// Images that calibration takes at least. Fewer say little of what values a layer has.
pub const LEAST_IMAGES: usize = 8;
