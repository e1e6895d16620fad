//! The flags of `train`: what it does, and the settings.

use std::path::PathBuf;
use std::time::Duration;

use toml::Value;
use zoo_host::duration::parse_time;
use zoo_training::comm::Backend;

use super::setting_flags::SettingFlags;
use crate::command_line::path;

/// The flags of `train`, which takes the model without a flag, too.
#[derive(Debug, clap::Args)]
pub struct Named {
    /// The model, as `list` names it
    #[arg(value_name = "MODEL", conflicts_with = "model")]
    name: Option<String>,
    #[command(flatten)]
    args: TrainArgs,
}

impl Named {
    /// All of them.
    pub fn flags(self) -> TrainArgs {
        let mut args = self.args;
        args.settings.0.extend(self.name.map(|name| ("model".to_string(), Value::String(name))));
        args
    }
}

/// The names of what carries gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BackendName {
    /// nccl on GPUs; else shared-memory where all processes are on one machine, and gloo where they are not
    Auto,
    /// Memory that the processes of one machine share, for CPUs
    SharedMemory,
    /// Gloo, over TCP, for CPUs
    Gloo,
    /// NCCL, for GPUs, one a process
    Nccl,
}

impl BackendName {
    /// What is named; none where it is left to the processes.
    pub fn backend(self) -> Option<Backend> {
        match self {
            BackendName::Auto => None,
            BackendName::SharedMemory => Some(Backend::SharedMemory),
            BackendName::Gloo => Some(Backend::Gloo),
            BackendName::Nccl => Some(Backend::Nccl),
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct TrainArgs {
    /// TOML file of settings: it overrides the defaults of configs/cifar10.toml, and flags override it
    #[arg(long, value_name = "FILE", value_parser = path::argument())]
    pub config: Option<PathBuf>,
    /// Folder of the data sets [default: ~/.cache/zoo/data]
    #[arg(long, value_name = "DIR", value_parser = path::argument())]
    pub data_dir: Option<PathBuf>,
    /// Folder to write runs and tables to
    #[arg(long, value_name = "DIR", default_value = "results", value_parser = path::argument())]
    pub results: PathBuf,
    /// Resume an earlier run: `auto` for the newest unfinished one with these settings, or its folder
    #[arg(long, value_name = "auto|PATH")]
    pub resume: Option<String>,
    /// Wall time, evaluation included, such as 90s, 20m or 2h; converted to steps once the speed is known
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "steps")]
    pub budget: Option<Duration>,
    /// Train with K seeds, one after the other, and print the mean and standard deviation; with --resume auto, only the
    /// missing ones
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub repeat: u16,
    /// Profile N steps by operation and by stage, print the times, and train nothing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), conflicts_with_all = ["resume", "repeat"])]
    pub profile_steps: Option<u64>,
    /// Measure a few steps, print the time of a step and of an evaluation as JSON, and train nothing
    #[arg(long, conflicts_with_all = ["profile_steps", "resume", "repeat"])]
    pub estimate: bool,
    /// Train with N processes on this machine, which share each batch; torchrun and srun start them on several
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub ranks: Option<u16>,
    /// What carries gradients from process to process
    #[arg(long, value_enum, default_value_t = BackendName::Auto)]
    pub backend: BackendName,
    /// How long a process waits for another one, at the start and in every step
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "10m")]
    pub rank_timeout: Duration,
    /// Print errors only
    #[arg(long)]
    pub quiet: bool,
    /// The settings that were given.
    #[command(flatten)]
    pub settings: SettingFlags,
}
