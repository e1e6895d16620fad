//! Why an engine does not run a network.

use std::path::PathBuf;

use tch::TchError;
use zoo_core::model::ModelError;
use zoo_core::onnx::OnnxError;
use zoo_results::timed;

use super::Dtype;

/// Why an engine does not run a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There is no engine of that name.
    #[error("unknown engine `{name}`; {}", instead(name))]
    Unknown {
        /// The name.
        name: String,
    },
    /// The engine's library is nowhere.
    #[error("{engine} is not installed: ./setup.sh --engines gets it, or let {variable} name {what}")]
    Absent {
        /// The engine.
        engine: &'static str,
        /// The environment variable that may name it.
        variable: &'static str,
        /// What the variable holds.
        what: &'static str,
    },
    /// The library cannot be used.
    #[error("{engine} in {} cannot be used: {problem}; leave {variable} unset and run ./setup.sh --engines, or let it name another", path.display())]
    Library {
        /// The engine.
        engine: &'static str,
        /// The library.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// The environment variable that may name another.
        variable: &'static str,
    },
    /// The engine does not compute with these numbers here.
    #[error("{engine} does not compute in {} on this processor; it has {has}", dtype.name())]
    Dtype {
        /// The engine.
        engine: &'static str,
        /// The numbers.
        dtype: Dtype,
        /// Those it has.
        has: String,
    },
    /// The engine runs on the CPU alone.
    #[error("{engine} runs on the CPU only; leave --device out")]
    Device {
        /// The engine.
        engine: &'static str,
    },
    /// A network whose numbers are 8-bit integers comes from a file.
    #[error("int8 networks come from a file: write one with `quantize`, and give it with --weights FILE.onnx")]
    NotQuantized,
    /// A file of ONNX that cannot be used.
    #[error("{name}: {problem}")]
    File {
        /// Its path.
        name: String,
        /// What is wrong with it, and the way out.
        problem: String,
    },
    /// A file of ONNX for an engine that reads none.
    #[error("{engine} does not read ONNX files; give --engine onnxruntime or openvino")]
    NoOnnx {
        /// The engine.
        engine: &'static str,
    },
    /// The engine refuses the network, or a batch.
    #[error("{engine} refuses {what}: {problem}")]
    Refused {
        /// The engine.
        engine: &'static str,
        /// The network or the batch.
        what: String,
        /// What it says.
        problem: String,
    },
    /// The network cannot be written as ONNX.
    #[error(transparent)]
    Onnx(Box<OnnxError>),
    /// libtorch or one of our kernels refused.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl From<TchError> for EngineError {
    fn from(error: TchError) -> EngineError {
        EngineError::Model(error.into())
    }
}

/// What a library says, in one line: it may say it in several, with the places in its source in front.
pub(crate) fn in_one_line(text: &str) -> String {
    let says_where = |line: &str| line.starts_with("Exception from") || line.starts_with("Check '");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !says_where(line));
    let line = lines.collect::<Vec<_>>().join("; ");
    match line.char_indices().nth(MOST_OF_A_MESSAGE) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Characters of a library's message that are passed on.
const MOST_OF_A_MESSAGE: usize = 400;

/// What to give in place of an unknown name.
fn instead(name: &str) -> String {
    match timed::renamed(name) {
        new if new != name => format!("it is called `{new}` now"),
        _ => format!("expected one of {}", timed::ENGINES.join(", ")),
    }
}
