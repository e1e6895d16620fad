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

    /// Whether a grid of this kind may say `key`.
    pub fn takes(self, key: &str) -> bool {
        let more: &[&[&str]] = match self {
            Kind::Count => &[&["classes"]],
            Kind::Latency => &[RUN, TIMED, &["per_stage", "classes"]],
            Kind::Throughput => &[RUN, TIMED],
            Kind::Accuracy => &[RUN, &["seed", "config", "settings"]],
        };
        NETWORK.contains(&key) || more.iter().any(|keys| keys.contains(&key))
    }

    /// Every key of any kind.
    pub fn all_keys() -> Vec<&'static str> {
        [NETWORK, RUN, TIMED, &["per_stage", "seed", "config", "settings", "classes"]].concat()
    }
}

/// What every grid may say.
const NETWORK: &[&str] = &["kind", "model", "width", "depth", "input_size", "profile"];
/// What those may say that run a network.
const RUN: &[&str] = &["batch", "threads", "dtype", "timeout"];
/// What those may say that time one.
const TIMED: &[&str] = &["engine", "runs", "seconds"];
