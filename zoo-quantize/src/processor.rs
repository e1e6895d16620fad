//! What the processor that a network is meant for multiplies with.

/// The instructions by which engines multiply bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// Products of bytes are added in pairs to 16 bits, and what does not fit is cut off (`vpmaddubsw`): weights of 8 bits
    /// overflow where an activation is large, of 7 bits never, as 2 · 255 · 63 < 2¹⁵.
    Avx2,
    /// Products are added to 32 bits: `vpdpbusd`, or what ARM has. Weights have all of 8 bits.
    Vnni,
}

impl Processor {
    /// All, by name.
    pub const ALL: [Processor; 2] = [Processor::Avx2, Processor::Vnni];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Processor::Avx2 => "avx2",
            Processor::Vnni => "vnni",
        }
    }

    /// The one that this process runs on.
    pub fn of_this_machine() -> Processor {
        #[cfg(target_arch = "x86_64")]
        if !std::is_x86_feature_detected!("avx512vnni") && !std::is_x86_feature_detected!("avxvnni") {
            return Processor::Avx2;
        }
        Processor::Vnni
    }

    /// Bits of a weight, sign included.
    pub const fn weight_bits(self) -> u32 {
        match self {
            Processor::Avx2 => 7,
            Processor::Vnni => 8,
        }
    }
}
