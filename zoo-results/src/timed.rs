//! What the tables of times have in common: `latency.csv`, `latency-stages.csv` and `throughput.csv` begin with the columns
//! that say what was timed and how.

/// Rounds of a measurement that differ by more percent than this are of a machine that was busy with something else.
pub const NOISY: f64 = 5.0;

/// Names of the engines that run a network, in the order in which they are measured.
pub const ENGINES: [&str; 5] = ["eager", "libtorch", "zoo", "onnxruntime", "openvino"];

/// Today's name of an engine that a table or a command may call by an older one.
pub fn renamed(name: &str) -> &str {
    match name {
        "folded" => "libtorch",
        "native" => "zoo",
        today => today,
    }
}

/// The engine of a cell.
pub(crate) fn engine<'de, D: serde::Deserializer<'de>>(cell: D) -> Result<String, D::Error> {
    let name: String = serde::Deserialize::deserialize(cell)?;
    Ok(renamed(&name).to_string())
}

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
            /// Name of the engine that ran the network, or `train`.
            #[serde(deserialize_with = "crate::timed::engine")]
            pub engine: String,
            $($more)*
        }

        impl $name {
            /// Whether it is about the same network, timed in the same way on the same machine.
            pub fn is_of_the_same(&self, other: &Self) -> bool {
                (&self.model, self.width, self.depth, self.input_size, &self.profile)
                    == (&other.model, other.width, other.depth, other.input_size, &other.profile)
                    && (self.batch, self.threads, &self.dtype, &self.engine)
                        == (other.batch, other.threads, &other.dtype, &other.engine)
                    && (&self.device, &self.cpu) == (&other.device, &other.cpu)
            }
        }
    };
}

pub(crate) use timed;
