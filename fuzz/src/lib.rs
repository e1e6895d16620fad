//! What the targets share: the readers, and a limit on memory.
//!
//! Those of zoo-settings are used as they are. The files of others are compiled here once more, where they are private or
//! their crates need libtorch.

pub mod image;
pub mod memory;
pub mod network_macro;
pub mod onnx;
pub mod results;
pub mod sweep;
pub mod weights;

// As files of zoo-core and zoo-macros name each other.
use network_macro::{ast, check, diagnostics, doc, emit, network, parse, words};
use onnx::model;
use zoo_core::{names, regular_file, whole_file};
