//! `sweep --emit`: the file by which a cluster does what is missing.

use std::path::Path;

use anyhow::{Context, Error};
use clap::ValueEnum;
use zoo_host::console::say;
use zoo_sweep::Cell;
use zoo_sweep::emit::{self, Job, Need};
use zoo_sweep::present::Tables;

use super::sweep::SweepArgs;

/// What runs the parts.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// A batch script with an array, for sbatch
    Slurm,
    /// A Job with a pod for each part, for kubectl
    Kubernetes,
    /// A line of shell for each part, for GNU parallel or xargs
    Parallel,
}

/// The file, for the sweep `name` of the file at `path`.
pub fn text(
    format: Format,
    path: &Path,
    args: &SweepArgs,
    name: &str,
    cells: &[Cell],
    tables: &Tables,
) -> Result<String, Error> {
    let parts = args.shards.map_or_else(|| emit::parts(cells, tables, args.retry), |shards| shards as usize);
    let need = Need::of(cells, tables, parts, args.retry, args.budget);
    if need.cells == 0 {
        say!("note: no cell is missing, and the parts will find nothing to do");
    }
    let job = Job {
        name: name.into(),
        folder: std::env::current_dir().context("cannot tell the current folder")?,
        program: std::env::current_exe().context("cannot tell where this program is")?,
        arguments: arguments(path, args),
        parts,
        need,
    };
    Ok(match format {
        Format::Slurm => emit::slurm(&job),
        Format::Kubernetes => emit::kubernetes(&job),
        Format::Parallel => emit::parallel(&job),
    })
}

/// What was typed, without what is about the file alone.
fn arguments(path: &Path, args: &SweepArgs) -> Vec<String> {
    let shown = |path: &Path| path.to_string_lossy().into_owned();
    let mut words = vec!["sweep".to_string(), shown(path), "--results".into(), shown(&args.results)];
    let mut add = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            words.extend([flag.to_string(), value]);
        }
    };
    add("--data-dir", args.data_dir.as_deref().map(shown));
    add("--budget", args.budget.map(|time| format!("{}s", time.as_secs_f64())));
    add("--timeout", args.timeout.map(|time| format!("{}s", time.as_secs_f64())));
    words.extend(args.retry.then(|| "--retry".to_string()));
    words.extend(args.quiet.then(|| "--quiet".to_string()));
    words
}
