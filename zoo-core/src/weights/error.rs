//! What can be wrong with a file of weights, each as one sentence that names the file and the way out.

use std::io;
use std::path::PathBuf;

use tch::TchError;

use super::{LoadReport, Scheme};

/// Why a file of weights could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system refused.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was tried: `read`, `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is there, and cannot be used.
    #[error("{} {problem}; {}", path.display(), problem.way_out())]
    Contents {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Problem,
    },
    /// Tensors that the format cannot hold.
    #[error("cannot write {}: {reason}", path.display())]
    Unwritable {
        /// The file that was to be.
        path: PathBuf,
        /// Why, with the tensor's name.
        reason: String,
    },
    /// The file's tensors and the model's differ.
    #[error("{} does not fit the model: {report}; {way_out}{}", path.display(), listed(report))]
    DoesNotFit {
        /// The file.
        path: PathBuf,
        /// What differs.
        report: Box<LoadReport>,
        /// What fits the file, or what else can be done, as a clause.
        way_out: String,
    },
    /// No scheme names any of the file's tensors for this network.
    #[error("unknown tensor names in {}: no naming scheme fits this network, and the file has {found}; check --model and --weights", path.display())]
    UnknownNames {
        /// The file.
        path: PathBuf,
        /// How many tensors it has, some of their names, and which library they look like.
        found: String,
    },
    /// The scheme has no such family.
    #[error("{scheme} has no names for {family}: choose --scheme zoo, or a library that has this network")]
    NoSuchNames {
        /// The table's family.
        family: String,
        /// The scheme.
        scheme: Scheme,
    },
    /// A tensor of integers or booleans in place of weights.
    #[error(
        "{}: `{name}` has type {kind}, but weights must be floating-point numbers: the file is quantised or damaged; \
         give a \
         file with float weights",
        path.display()
    )]
    NoWeights {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The kind of its elements.
        kind: &'static str,
    },
    /// A negative variance.
    #[error("{}: `{name}` has negative values, but a variance cannot be negative; the weights are corrupt, use another file", path.display())]
    NegativeVariance {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor with infinite values or NaN.
    #[error(
        "{}: `{name}` has values that are not finite, or not finite as float32; the weights are corrupt, use another \
         file",
        path.display()
    )]
    NonFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// libtorch refused, most often for lack of memory.
    #[error("libtorch: {}", .0.to_string().lines().next().unwrap_or_default())]
    Torch(#[from] TchError),
}

/// The first faults of a report; the rest is counted.
fn listed(report: &LoadReport) -> String {
    const SHOWN: usize = 12;
    let faults = report.faults();
    let shown: String = faults.iter().take(SHOWN).map(|fault| format!("\n  {fault}")).collect();
    let more = faults.len().saturating_sub(SHOWN);
    if more > 0 { format!("{shown}\n  and {more} more") } else { shown }
}

/// What is wrong with the contents of a file, as the end of a sentence that begins with its path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It is something else.
    #[error("is not a weights file but {0}")]
    Foreign(&'static str),
    /// It breaks the rules of its format, by damage or by intent.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// It keeps the rules of its format, and holds something that this reader does not know.
    #[error("{0}")]
    Unsupported(String),
    /// It names what runs programs.
    #[error("was not read: zoo refuses to construct `{0}`, because that could run arbitrary code")]
    Global(String),
    /// It has no tensor of that name.
    #[error("has no tensor `{0}`")]
    NoTensor(String),
}

impl Problem {
    /// What the user can do about it, as a clause.
    pub fn way_out(&self) -> &'static str {
        match self {
            Problem::Foreign(_) => "give a .safetensors file, or a .pth file that torch.save wrote",
            Problem::Damaged(_) => "download or copy it again",
            Problem::Unsupported(_) => "save the network's state_dict() anew with torch.save or as safetensors",
            Problem::Global(_) => "do not open it with Python either; take the weights from a source that you trust",
            Problem::NoTensor(_) => "check that the file belongs to this network",
        }
    }
}

/// A damage, from its description.
pub(super) fn damaged<T>(what: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Damaged(what.into()))
}

/// A word from the file as it may stand in a message: escaped, and cut where it is absurdly long.
pub(super) fn quoted(word: &str) -> String {
    const LONGEST: usize = 100;
    let shown: String = word.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if word.chars().nth(LONGEST).is_some() { shown + "..." } else { shown }
}
