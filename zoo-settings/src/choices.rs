//! Choices that a setting has, as words of files and flags.

use serde::{Deserialize, Serialize};

/// What is done where the loss is not a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNan {
    /// The run ends.
    #[default]
    Stop,
    /// It goes back to its last checkpoint and on with half the learning rate.
    Rollback,
}

/// Numbers that convolutions and matrix products are computed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 32 bits, rounded to TensorFloat's 19 for matrix products on CUDA.
    Tf32,
    /// bfloat16 where libtorch's autocast allows it; weights and sums stay at 32 bits.
    Bf16,
}

impl Precision {
    /// The precision of that name.
    pub fn find(name: &str) -> Option<Precision> {
        [Precision::F32, Precision::Tf32, Precision::Bf16].into_iter().find(|precision| precision.name() == name)
    }

    /// As the column `dtype` of a row has it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Tf32 => "tf32",
            Precision::Bf16 => "bf16",
        }
    }
}

/// The words for paddings.
pub(crate) mod padding_word {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use zoo_core::Padding;
    use zoo_core::names::{padding, padding_name};

    pub fn serialize<S: Serializer>(value: &Option<Padding>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(padding_name).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Padding>, D::Error> {
        let word: Option<String> = Deserialize::deserialize(deserializer)?;
        let known = |word: String| {
            padding(&word)
                .ok_or_else(|| D::Error::custom(format!("unknown padding `{word}`; expected same or symmetric")))
        };
        word.map(known).transpose()
    }
}

/// The words for interpolations.
pub(crate) mod interpolation_word {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use zoo_core::names::{Interpolation, interpolation, interpolation_name};

    pub fn serialize<S: Serializer>(value: &Option<Interpolation>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(interpolation_name).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Interpolation>, D::Error> {
        let word: Option<String> = Deserialize::deserialize(deserializer)?;
        let known = |word: String| {
            let unknown = || D::Error::custom(format!("unknown interpolation `{word}`; expected bilinear or bicubic"));
            interpolation(&word).ok_or_else(unknown)
        };
        word.map(known).transpose()
    }
}
