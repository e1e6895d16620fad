//! The names that a pickle may mention, and what they stand for here.

use tch::Kind;

use crate::weights::error::{Problem, quoted};
use crate::weights::kind;

/// A class or function that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::weights) enum Global {
    /// Makes a dictionary.
    Dict,
    /// Gives back its only argument, a sequence.
    Sequence,
    /// `torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`: a tensor with the storage's kind of elements.
    Tensor,
    /// `torch._utils._rebuild_tensor_v3`: a tensor with a kind of its own over an untyped storage.
    TypedTensor,
    /// Gives back its first argument, a tensor.
    Parameter,
    /// `torch._tensor._rebuild_from_type_v2`: calls its first argument, for tensors with attributes.
    WithAttributes,
    /// A class of tensors; only ever an argument.
    TensorClass,
    /// A class of storages.
    Storage(Kind),
    /// A kind of elements.
    Kind(Kind),
    /// Makes something of no interest.
    Inert,
}

/// What training scripts leave beside their weights: harmless, and of no interest.
const INERT: [&str; 13] = [
    "argparse.Namespace",
    "builtins.set",
    "builtins.frozenset",
    "builtins.complex",
    "builtins.bytearray",
    "builtins.dict",
    "builtins.list",
    "collections.Counter",
    "_codecs.encode",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "torch.device",
];

/// Looks a name up.
///
/// # Errors
/// Where it is not among the known ones.
pub(super) fn find(module: &str, name: &str) -> Result<Global, Problem> {
    let module = if module == "__builtin__" { "builtins" } else { module };
    if let "torch" | "torch.cuda" | "torch.storage" = module {
        let storage = kind::of_storage(name).map(Global::Storage);
        if let Some(known) = storage.or_else(|| kind::of_dtype(name).map(Global::Kind)) {
            return Ok(known);
        }
    }
    let path = format!("{module}.{name}");
    match path.as_str() {
        "collections.OrderedDict" | "collections.defaultdict" => Ok(Global::Dict),
        "torch.Size" => Ok(Global::Sequence),
        "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" => Ok(Global::Tensor),
        "torch._utils._rebuild_tensor_v3" => Ok(Global::TypedTensor),
        "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => Ok(Global::Parameter),
        "torch._tensor._rebuild_from_type_v2" => Ok(Global::WithAttributes),
        "torch.Tensor" | "torch.nn.parameter.Parameter" | "torch.nn.parameter.Buffer" => Ok(Global::TensorClass),
        path if INERT.contains(&path) => Ok(Global::Inert),
        path => Err(Problem::Global(quoted(path))),
    }
}
