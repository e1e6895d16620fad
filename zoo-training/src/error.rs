//! What can end a training run, each as one sentence with the way out.

use std::path::PathBuf;

use zoo_core::PlanError;
use zoo_core::model::ModelError;
use zoo_core::weights::WeightsError;
use zoo_engines::EngineError;

use zoo_data::DataError;
use zoo_host::words::counted;
use zoo_results::TableError;
use zoo_settings::SettingsError;

/// Why a run did not start or did not end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The options give no network.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The network could not be built or run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// What runs the network refused it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The data could not be had.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Weights could not be read or written.
    #[error(transparent)]
    Weights(WeightsError),
    /// A row could not be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The row of a run could not be written, whose checkpoint is whole.
    #[error("{source}; --resume {} continues the run and adds the row", folder.display())]
    NoRow {
        /// Why.
        source: TableError,
        /// The run's folder.
        folder: PathBuf,
    },
    /// A setting that cannot be.
    #[error("{0}")]
    Setting(String),
    /// Weights of a network for inference, to be trained as if they were of one for training.
    #[error(
        "the norms of {} were folded into its convolutions, and batch statistics would undo that: freeze them with \
         --freeze-statistics, or train the classifier alone with --freeze backbone",
        path.display()
    )]
    FoldedNorms {
        /// The file of weights.
        path: PathBuf,
    },
    /// A loss that is not a number.
    #[error(
        "{} at step {step} of seed {seed}, on images {}{}; lower --learning-rate, lengthen \
         --warmup-steps, or give --on-nan rollback",
        loss.map_or("the weights became NaN or infinite".into(), |loss| format!("the loss became {loss}")),
        some_of(images),
        list.as_ref().map_or(String::new(), |path| format!(" (all are in {})", path.display()))
    )]
    NonFinite {
        /// The step, counted from 0.
        step: u64,
        /// The loss; none where it was finite and the weights after the step were not.
        loss: Option<f64>,
        /// Seed of the run.
        seed: u64,
        /// Places in the training set of the batch's images.
        images: Vec<u32>,
        /// The file that lists them.
        list: Option<PathBuf>,
    },
    /// A file of the run could not be read or written.
    #[error("cannot {what} {}: {source}{}", path.display(), way_out(source))]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A run that is to be gone on with and has ended.
    #[error(
        "{} belongs to a run that has ended, after {}; to extend it, give more --epochs or --steps with --resume, or \
         start a new run from its weights with --weights {} in place of --resume",
        path.display(),
        counted(*steps, "step"),
        weights.display()
    )]
    Ended {
        /// The checkpoint.
        path: PathBuf,
        /// Steps of the run.
        steps: u64,
        /// The checkpoint of its best evaluation.
        weights: PathBuf,
    },
    /// A run that another process trains.
    #[error("{} is being trained by another process{holder}; wait for that, or leave --resume out to start anew", path.display())]
    InUse {
        /// The run's folder.
        path: PathBuf,
        /// Which process that is, where it is known.
        holder: String,
    },
    /// A checkpoint that is not one of ours, or of another network.
    #[error("{} {problem}; it is left as it is: choose another one with --resume, or leave --resume out to start anew", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The ranks of a run did not find each other, or are not of one run.
    #[error("{0}")]
    Meeting(String),
    /// Another rank ended, so that this one cannot go on.
    #[error(
        "rank {own} of {size} ends, as rank {rank}{} {problem}; the same command with --resume auto goes on from the last \
         checkpoint",
        if name.is_empty() { String::new() } else { format!(" ({name})") }
    )]
    Rank {
        /// This one.
        own: usize,
        /// The other one.
        rank: usize,
        /// How many there are.
        size: usize,
        /// Its process and machine.
        name: String,
        /// What happened to it.
        problem: String,
    },
    /// The thread that prepares batches ended.
    #[error("a thread that prepares batches died; run again with --workers 1 and report what it printed")]
    Loader,
}

fn way_out(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            "; free some space, then continue with --resume auto"
        }
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            "; choose a folder you may write to with --results"
        }
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
            "; a file is in the way: choose another folder with --results"
        }
        _ => "",
    }
}

impl From<SettingsError> for TrainError {
    fn from(error: SettingsError) -> TrainError {
        TrainError::Setting(error.0)
    }
}

impl From<tch::TchError> for TrainError {
    fn from(error: tch::TchError) -> TrainError {
        TrainError::Model(error.into())
    }
}

impl From<WeightsError> for TrainError {
    fn from(error: WeightsError) -> TrainError {
        match error {
            WeightsError::File { what, path, source } => TrainError::File { what, path, source },
            WeightsError::Contents { path, problem } => TrainError::Checkpoint { path, problem: problem.to_string() },
            WeightsError::Torch(error) => error.into(),
            other => TrainError::Weights(other),
        }
    }
}

impl From<zoo_native::NativeError> for TrainError {
    fn from(error: zoo_native::NativeError) -> TrainError {
        TrainError::Model(error.into())
    }
}

/// The first few of a batch.
fn some_of(images: &[u32]) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<String> = images.iter().take(SHOWN).map(u32::to_string).collect();
    let more = if images.len() > SHOWN { ", ..." } else { "" };
    shown.join(", ") + more
}
