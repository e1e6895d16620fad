//! `accuracy.csv`: one row a training run.

use std::path::Path;

use super::{Change, Environment, Table, TableError, command, status};

/// The columns, in order; `results/README.md` documents each with its unit.
pub const HEADER: [&str; 38] = [
    "run",
    "model",
    "width",
    "depth",
    "input_size",
    "profile",
    "params",
    "macs",
    "epochs",
    "steps",
    "seconds",
    "top1",
    "top1_ema",
    "best_top1",
    "train_loss",
    "test_loss",
    "status",
    "dataset",
    "classes",
    "batch_size",
    "seed",
    "images_per_second",
    "device",
    "cpu",
    "threads",
    "libtorch",
    "dtype",
    "memory_format",
    "revision",
    "config_hash",
    "test_time_flip",
    "recipe_hash",
    "limit_train",
    "limit_test",
    "weights",
    "command",
    "split",
    "extended_from",
];

/// Columns of the oldest tables that are read; rows grew at their end, and what older ones lack is empty.
const OLDEST: usize = 30;

/// The table in the folder `results`.
pub fn table(results: &Path) -> Table {
    Table::new(&results.join("accuracy.csv"), &HEADER).grown_from(OLDEST)
}

/// What a row says; `None` leaves its cell empty.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Folder of the run.
    pub run: &'a str,
    /// Variant's name.
    pub model: &'a str,
    /// The options the network was planned with.
    pub options: &'a zoo_core::Options,
    /// Name of the profile.
    pub profile: &'a str,
    /// Trainable parameters and multiply-accumulates.
    pub cost: zoo_core::Cost,
    /// Passes over the training set, not always whole.
    pub epochs: f64,
    /// Optimizer steps.
    pub steps: u64,
    /// Wall time with evaluation.
    pub seconds: f64,
    /// Accuracy of the final weights in percent.
    pub top1: Option<f64>,
    /// Accuracy of their average in percent.
    pub top1_ema: Option<f64>,
    /// Best accuracy of any epoch in percent.
    pub best_top1: Option<f64>,
    /// Mean loss of the last epoch in training.
    pub train_loss: Option<f64>,
    /// Mean loss on the test set.
    pub test_loss: Option<f64>,
    /// `done`, `interrupted`, or what failed.
    pub status: &'a str,
    /// Name of the data set.
    pub dataset: &'a str,
    /// The split of it that accuracies are of: `test`, or `val`.
    pub split: &'a str,
    /// Images a step.
    pub batch_size: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Images trained on in a second of training time.
    pub images_per_second: Option<f64>,
    /// Threads of libtorch.
    pub threads: i32,
    /// Numbers that were computed with.
    pub dtype: &'a str,
    /// Whether accuracies are those of images seen twice, once mirrored.
    pub test_time_flip: bool,
    /// Hash of the resolved configuration.
    pub config_hash: &'a str,
    /// Hash of the part of it that the other columns do not tell.
    pub recipe_hash: &'a str,
    /// Training images it was limited to.
    pub limit_train: Option<usize>,
    /// Test images it was limited to.
    pub limit_test: Option<usize>,
    /// Name of the weights that it started from, or `none`.
    pub weights: &'a str,
    /// Steps at which it had ended before it was made longer, each time.
    pub extended_from: &'a [u64],
}

fn place(name: &str) -> Option<usize> {
    HEADER.iter().position(|column| *column == name)
}

/// Whether `accuracy.csv` in `results` has the row of a run of this name and configuration that came to its end. A run of the
/// same name in an earlier checkout is not told apart, and need not be: with the same configuration it came to the same.
///
/// # Errors
/// Where the table cannot be read or has another header.
pub fn has_ended(results: &Path, run: &str, config_hash: &str) -> Result<bool, TableError> {
    let rows = table(results).rows()?;
    let places = (place("run"), place("config_hash"), place("status"));
    let (Some(of_run), Some(of_hash), Some(of_status)) = places else { return Ok(false) };
    Ok(rows.iter().any(|row| row[of_run] == run && row[of_hash] == config_hash && status::is_done(&row[of_status])))
}

/// Whether rows may be appended to `accuracy.csv` in `results`.
///
/// # Errors
/// Where the table cannot be read or has another header.
pub fn check(results: &Path) -> Result<(), TableError> {
    table(results).rows().map(|_| ())
}

/// Adds `row` to `accuracy.csv` in `results`, in place of those that say that the same run was interrupted; returns a warning
/// where an earlier row was torn.
///
/// # Errors
/// Where the table cannot be written or has another header.
pub fn append(results: &Path, row: &Row<'_>, environment: &Environment) -> Result<Option<String>, TableError> {
    let number = |value: Option<f64>, digits: usize| value.map(|v| format!("{v:.digits$}")).unwrap_or_default();
    let count = |value: Option<usize>| value.map(|value| value.to_string()).unwrap_or_default();
    let fields: [String; HEADER.len()] = [
        row.run.into(),
        row.model.into(),
        row.options.width.to_string(),
        row.options.depth.to_string(),
        row.options.input().to_string(),
        row.profile.into(),
        row.cost.params.to_string(),
        row.cost.macs.to_string(),
        format!("{:.3}", row.epochs),
        row.steps.to_string(),
        format!("{:.1}", row.seconds),
        number(row.top1, 2),
        number(row.top1_ema, 2),
        number(row.best_top1, 2),
        number(row.train_loss, 4),
        number(row.test_loss, 4),
        row.status.into(),
        row.dataset.into(),
        row.options.classes.to_string(),
        row.batch_size.to_string(),
        row.seed.to_string(),
        number(row.images_per_second, 1),
        environment.device.clone(),
        environment.cpu.clone(),
        row.threads.to_string(),
        environment.libtorch.clone(),
        row.dtype.into(),
        "channels_last".into(),
        environment.revision.into(),
        row.config_hash.into(),
        row.test_time_flip.to_string(),
        row.recipe_hash.into(),
        count(row.limit_train),
        count(row.limit_test),
        row.weights.into(),
        command::of_process(),
        row.split.into(),
        row.extended_from.iter().map(u64::to_string).collect::<Vec<_>>().join(" "),
    ];
    table(results).update(|rows| {
        let is_sitting = |found: &Vec<String>| {
            let same = |name| place(name).is_some_and(|place| found[place] == fields[place]);
            let interrupted = place("status").is_some_and(|place| found[place] == status::INTERRUPTED);
            // A cell that failed before its run began has no name.
            interrupted && !row.run.is_empty() && same("run") && same("config_hash")
        };
        let remove = rows.iter().enumerate().filter(|(_, row)| is_sitting(row)).map(|(place, _)| place).collect();
        Change { remove, append: vec![fields.to_vec()] }
    })
}
