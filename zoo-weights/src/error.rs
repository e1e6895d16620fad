//! What can keep weights from being used, each as one sentence with the way out.

use std::path::PathBuf;

use zoo_core::model::ModelError;
use zoo_core::weights::WeightsError;
use zoo_core::{PlanError, UnknownModel};

/// Why weights could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsFault {
    /// The file could not be read, or does not fit.
    #[error(transparent)]
    File(#[from] WeightsError),
    /// The network could not be built or run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The options give no network.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// No variant has that name.
    #[error(transparent)]
    Unknown(#[from] UnknownModel),
    /// A key of the file's metadata makes no sense.
    #[error("{}: {problem} is not valid; give the value as a flag, or correct the file", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The key and its value.
        problem: String,
    },
    /// The file does not name its network, or one that is not of the zoo.
    #[error(
        "{} does not say which network it is for{}: give --model NAME (`list` shows all)",
        path.display(),
        stranger.as_ref().map_or(String::new(), |name| format!(" (its `{name}` is not a network of the zoo)"))
    )]
    NoModel {
        /// The file.
        path: PathBuf,
        /// What it calls its network.
        stranger: Option<String>,
    },
    /// The file is for another network than was asked for.
    #[error("{} holds {held}, not {asked}: leave --model out, or choose other weights", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// What its metadata names.
        held: String,
        /// What was asked for.
        asked: String,
    },
    /// Averages were asked for, and there are none.
    #[error("{} holds no averaged weights: leave --ema out, or train with --ema-decay", path.display())]
    NoAverages {
        /// The file.
        path: PathBuf,
    },
    /// Averages were not to be taken, and there is nothing else.
    #[error("{} holds only averaged weights: leave --ema false out", path.display())]
    AveragesAlone {
        /// The file.
        path: PathBuf,
    },
    /// A choice on the command line that cannot be.
    #[error("{0}")]
    Choice(String),
    /// The hub does not give the file, or it cannot be kept.
    #[error("cannot fetch {repository}/{file}: {reason}; {remedy}")]
    Hub {
        /// The repository on the hub.
        repository: String,
        /// The file in it.
        file: String,
        /// What went wrong.
        reason: String,
        /// The way out.
        remedy: String,
    },
}

impl WeightsFault {
    /// Whether what was asked for cannot be, whatever the files hold.
    pub fn is_misuse(&self) -> bool {
        matches!(self, WeightsFault::Choice(_) | WeightsFault::Plan(_) | WeightsFault::Unknown(_))
    }
}
