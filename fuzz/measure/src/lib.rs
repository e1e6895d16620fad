//! As much of zoo-measure as sweep files name, without libtorch.

/// What images pass through.
pub mod throughput {
    /// The words for it.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ["train", "eager", "libtorch", "zoo", "onnxruntime", "openvino"].into_iter()
    }

    /// Whether a word is one of a number format.
    pub fn is_dtype(name: &str) -> bool {
        ["f32", "tf32", "bf16", "int8"].contains(&name)
    }
}
