//! The numbers that a network computes with in inference.

/// Number format of inference; logits are f32 whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dtype {
    /// 32 bits.
    F32,
    /// 16 bits with the exponent of f32, where engine and processor have it.
    Bf16,
    /// 8-bit integers, of a network that was quantized.
    Int8,
}

impl Dtype {
    /// All.
    pub const ALL: [Dtype; 3] = [Dtype::F32, Dtype::Bf16, Dtype::Int8];

    /// The name in flags and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "f32",
            Dtype::Bf16 => "bf16",
            Dtype::Int8 => "int8",
        }
    }

    /// The one of that name.
    ///
    /// # Errors
    /// Where there is none; the sentence names those that there are.
    pub fn parse(name: &str) -> Result<Dtype, String> {
        let found = Dtype::ALL.into_iter().find(|dtype| dtype.name() == name);
        found.ok_or_else(|| format!("unknown dtype `{name}` for inference; expected f32, bf16 or int8"))
    }
}
