//! What the tables of times have in common: `latency.csv`, `latency-stages.csv` and `throughput.csv` begin with the columns
//! that say what was timed and how.

/// Rounds of a measurement that differ by more percent than this are of a machine that was busy with something else.
pub const NOISY: f64 = 5.0;

/// Names of the modes in which a network is deployed, in the order they are measured; the last one is the fastest.
pub const MODES: [&str; 4] = ["eager", "folded", "jit", "native"];

/// A type of rows that begins with these columns, with others behind them.
macro_rules! timed {
    ($(#[$about:meta])* pub struct $name:ident { $($more:tt)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            /// Variant's name.
            pub model: String,
            /// Width multiplier.
            pub width: f64,
            /// Depth multiplier.
            pub depth: f64,
            /// Size of the input.
            pub input_size: zoo_core::InputSize,
            /// Images at once.
            pub batch: u32,
            /// Threads of libtorch.
            pub threads: u32,
            /// Numbers that were computed with.
            pub dtype: String,
            /// Name of the mode in which the network was deployed, or `train`.
            pub mode: String,
            $($more)*
        }

        impl $name {
            /// Whether it is about the same network, timed in the same way on the same machine.
            pub fn is_of_the_same(&self, other: &Self) -> bool {
                (&self.model, self.width, self.depth, self.input_size, &self.profile)
                    == (&other.model, other.width, other.depth, other.input_size, &other.profile)
                    && (self.batch, self.threads, &self.dtype, &self.mode)
                        == (other.batch, other.threads, &other.dtype, &other.mode)
                    && (&self.device, &self.cpu) == (&other.device, &other.cpu)
            }
        }
    };
}

pub(crate) use timed;
