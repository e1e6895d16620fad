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
    /// Any other: what it makes is noted and not made.
    Other,
}

/// Modules that run programs, open files or connections, or load code: an honest file of weights names none of them.
const HOSTILE_MODULES: [&str; 40] = [
    "os",
    "posix",
    "nt",
    "subprocess",
    "sys",
    "shutil",
    "socket",
    "runpy",
    "importlib",
    "imp",
    "ctypes",
    "pty",
    "pickle",
    "_pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "code",
    "codeop",
    "commands",
    "popen2",
    "webbrowser",
    "signal",
    "urllib",
    "urllib2",
    "http",
    "httplib",
    "requests",
    "ftplib",
    "smtplib",
    "telnetlib",
    "asyncio",
    "bdb",
    "pdb",
    "timeit",
    "pip",
    "pkgutil",
    "pydoc",
];
/// Functions of other modules that do the same.
const HOSTILE: [&str; 20] = [
    "builtins.eval",
    "builtins.exec",
    "builtins.execfile",
    "builtins.compile",
    "builtins.open",
    "builtins.file",
    "builtins.__import__",
    "builtins.input",
    "builtins.raw_input",
    "builtins.breakpoint",
    "builtins.apply",
    "builtins.reload",
    "builtins.globals",
    "builtins.locals",
    "builtins.vars",
    "builtins.setattr",
    "torch.load",
    "torch.jit.load",
    "types.FunctionType",
    "types.CodeType",
];

/// Looks a name up.
///
/// # Errors
/// Where only an attack has it, or where it makes tensors of a form that is not known.
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
        path if is_hostile(module, path) => Err(Problem::Global(quoted(path))),
        path if is_unknown_tensor(module, name) => {
            Err(Problem::Unsupported(format!("holds tensors of an unsupported form (`{}`)", quoted(path))))
        }
        _ => Ok(Global::Other),
    }
}

/// Nothing would be run here, but opening such a file in Python would run what it says.
fn is_hostile(module: &str, path: &str) -> bool {
    let outermost = module.split('.').next().unwrap_or_default();
    HOSTILE_MODULES.contains(&outermost) || module.starts_with("torch.hub") || HOSTILE.contains(&path)
}

/// Quantised, sparse and complex tensors: passed over, they would only be missing later.
fn is_unknown_tensor(module: &str, name: &str) -> bool {
    let storage = matches!(module, "torch" | "torch.cuda" | "torch.storage") && name.ends_with("Storage");
    storage || (module == "torch._utils" && name.starts_with("_rebuild_"))
}
