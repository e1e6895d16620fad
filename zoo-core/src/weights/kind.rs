//! The kinds of elements by their names in each format.

use safetensors::Dtype;
use tch::Kind;

/// Kind, name in safetensors, storage class of PyTorch, dtype of PyTorch.
const KINDS: [(Kind, Dtype, &str, &str); 10] = [
    (Kind::Float, Dtype::F32, "FloatStorage", "float32"),
    (Kind::Double, Dtype::F64, "DoubleStorage", "float64"),
    (Kind::Half, Dtype::F16, "HalfStorage", "float16"),
    (Kind::BFloat16, Dtype::BF16, "BFloat16Storage", "bfloat16"),
    (Kind::Int64, Dtype::I64, "LongStorage", "int64"),
    (Kind::Int, Dtype::I32, "IntStorage", "int32"),
    (Kind::Int16, Dtype::I16, "ShortStorage", "int16"),
    (Kind::Int8, Dtype::I8, "CharStorage", "int8"),
    (Kind::Uint8, Dtype::U8, "ByteStorage", "uint8"),
    (Kind::Bool, Dtype::BOOL, "BoolStorage", "bool"),
];

/// Of a dtype of safetensors.
pub(super) fn of_safetensors(dtype: Dtype) -> Option<Kind> {
    KINDS.iter().find(|row| row.1 == dtype).map(|row| row.0)
}

/// As a dtype of safetensors.
pub(super) fn to_safetensors(kind: Kind) -> Option<Dtype> {
    KINDS.iter().find(|row| row.0 == kind).map(|row| row.1)
}

/// Of a storage class of PyTorch, such as `FloatStorage`; an untyped storage counts bytes.
pub(super) fn of_storage(class: &str) -> Option<Kind> {
    match class {
        "UntypedStorage" => Some(Kind::Uint8),
        _ => KINDS.iter().find(|row| row.2 == class).map(|row| row.0),
    }
}

/// Of a dtype of PyTorch, such as `float32`.
pub(super) fn of_dtype(name: &str) -> Option<Kind> {
    KINDS.iter().find(|row| row.3 == name).map(|row| row.0)
}

/// Its name in PyTorch.
pub(super) fn name(kind: Kind) -> &'static str {
    KINDS.iter().find(|row| row.0 == kind).map_or("an unknown kind", |row| row.3)
}
