//! What the engines that read ONNX are given: a file, or a network as one.

use tch::Tensor;
use zoo_core::onnx::{Batch, OnnxOptions};

use super::{Dtype, EngineError, Setting, Source};

/// A file of ONNX.
pub(crate) struct File {
    /// The network's name, or the file's.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The file that `source` is, for an engine.
///
/// # Errors
/// Where the file cannot be read, or the network cannot be written as ONNX.
pub(crate) fn read(engine: &'static str, source: Source<'_>, setting: Setting) -> Result<File, EngineError> {
    match source {
        Source::Onnx(path) => {
            let name = path.display().to_string();
            let problem =
                |error: std::io::Error| EngineError::Refused { engine, what: name.clone(), problem: error.to_string() };
            Ok(File { bytes: zoo_core::regular_file::read(path, LIMIT).map_err(problem)?, name: name.clone() })
        }
        Source::Model(_) if setting.dtype == Dtype::Int8 => Err(EngineError::NotQuantized),
        Source::Model(model) => {
            let batch = setting.batch.map_or(Batch::Dynamic, Batch::Fixed);
            let written =
                model.to_onnx(&OnnxOptions { batch, ..OnnxOptions::default() }).and_then(|graph| graph.encode());
            let bytes = written.map_err(|error| EngineError::Onnx(Box::new(error)))?;
            Ok(File { name: "the network".into(), bytes })
        }
    }
}

/// The largest file that is read, which is what one message of protobuf may have.
pub const LIMIT: u64 = 1 << 31;

/// The values of a tensor, in its own memory.
///
/// # Safety
/// The tensor must be contiguous, of f32 and on the CPU, and must outlive the slice.
pub(crate) unsafe fn values(tensor: &Tensor) -> &[f32] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), tensor.numel()) }
}
