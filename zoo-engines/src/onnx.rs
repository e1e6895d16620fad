//! What the engines that read ONNX are given: a file, or a network as one.

use std::borrow::Cow;
use std::path::Path;

use tch::Tensor;
use zoo_core::onnx::{Batch, Graph, OnnxOptions};
use zoo_core::regular_file;

use super::{Dtype, EngineError, Setting, Source};

/// The largest file that is read, which is what one message of protobuf may have.
const LIMIT: u64 = 1 << 31;

/// A file of ONNX with the network in it.
#[derive(Clone, Debug)]
pub struct OnnxFile {
    /// Its path, for messages.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The same, decoded.
    pub graph: Graph,
}

impl OnnxFile {
    /// Whether a file is taken for one, by its name.
    pub fn is_named(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be read, or holds no network.
    pub fn read(path: &Path) -> Result<OnnxFile, EngineError> {
        let name = path.display().to_string();
        let wrong = |problem: String| EngineError::File { name: name.clone(), problem };
        let bytes = regular_file::read(path, LIMIT).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let graph = Graph::decode(&bytes).map_err(|error| wrong(error.to_string()))?;
        Ok(OnnxFile { name, bytes, graph })
    }

    /// The network as an engine takes it, to be computed in numbers of `dtype`.
    ///
    /// # Errors
    /// Where those are not the numbers of the file: it would be told by the wrong name.
    pub fn source(&self, dtype: Dtype) -> Result<Source<'_>, EngineError> {
        let problem = match (self.graph.is_quantized(), dtype) {
            (true, Dtype::F32 | Dtype::Bf16) => "the network is quantized: give --dtype int8",
            (false, Dtype::Int8) => "the network is not quantized: `quantize` makes one that is",
            _ => return Ok(Source::Onnx { name: &self.name, bytes: &self.bytes }),
        };
        Err(EngineError::File { name: self.name.clone(), problem: problem.into() })
    }
}

/// The name and the bytes of what an engine is given.
///
/// # Errors
/// Where a network cannot be written as ONNX.
pub(crate) fn of(source: Source<'_>, setting: Setting) -> Result<(&str, Cow<'_, [u8]>), EngineError> {
    match source {
        Source::Onnx { name, bytes } => Ok((name, Cow::Borrowed(bytes))),
        Source::Model(_) if setting.dtype == Dtype::Int8 => Err(EngineError::NotQuantized),
        Source::Model(model) => {
            let batch = setting.batch.map_or(Batch::Dynamic, Batch::Fixed);
            let written =
                model.to_onnx(&OnnxOptions { batch, ..OnnxOptions::default() }).and_then(|graph| graph.encode());
            let bytes = written.map_err(|error| EngineError::Onnx(Box::new(error)))?;
            Ok(("the network", Cow::Owned(bytes)))
        }
    }
}

/// The values of a tensor, in its own memory.
///
/// # Safety
/// The tensor must be contiguous, of f32 and on the CPU, and must outlive the slice.
pub(crate) unsafe fn values(tensor: &Tensor) -> &[f32] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), tensor.numel()) }
}
