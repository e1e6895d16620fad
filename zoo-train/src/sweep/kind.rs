//! What is measured of a cell, and which axes and settings that has.

/// The kinds of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Exact parameters and MACs.
    Count,
    /// Milliseconds of a batch.
    Latency,
    /// Images a second.
    Throughput,
    /// Percent of a test set, after training.
    Accuracy,
}

impl Kind {
    /// All.
    pub const ALL: [Kind; 4] = [Kind::Count, Kind::Latency, Kind::Throughput, Kind::Accuracy];

    /// The name in sweep files.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Count => "count",
            Kind::Latency => "latency",
            Kind::Throughput => "throughput",
            Kind::Accuracy => "accuracy",
        }
    }

    /// The kind of that name.
    pub fn find(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What a grid of this kind may say.
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Kind::Count => &["kind", "model", "width", "depth", "input_size", "profile", "classes"],
            Kind::Latency => &[
                "kind",
                "model",
                "width",
                "depth",
                "input_size",
                "profile",
                "batch",
                "threads",
                "dtype",
                "mode",
                "runs",
                "seconds",
                "per_stage",
                "timeout",
            ],
            Kind::Throughput => &[
                "kind",
                "model",
                "width",
                "depth",
                "input_size",
                "profile",
                "batch",
                "threads",
                "dtype",
                "mode",
                "runs",
                "seconds",
                "timeout",
            ],
            Kind::Accuracy => &[
                "kind",
                "model",
                "width",
                "depth",
                "input_size",
                "profile",
                "batch",
                "threads",
                "dtype",
                "seed",
                "config",
                "settings",
                "timeout",
            ],
        }
    }

    /// Every key of any kind.
    pub fn all_keys() -> Vec<&'static str> {
        let mut keys = Vec::new();
        for key in Kind::ALL.iter().flat_map(|kind| kind.keys()) {
            if !keys.contains(key) {
                keys.push(*key);
            }
        }
        keys
    }
}
