//! `report`: trade-off curves from the tables of results, as a page and as figures.

use crate::command_line::path;
use std::path::{Path, PathBuf};

use anyhow::Error;
use zoo_core::Registry;

use super::usage::misused;
use zoo_host::console::{say, tell};
use zoo_report as report;

#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// Tables to report on, in place of those of `results`
    #[arg(value_name = "CSV", value_parser = path::argument())]
    tables: Vec<PathBuf>,
    /// Folder of results, whose tables are read if none are named
    #[arg(long, value_name = "DIR", default_value = "results", value_parser = path::argument())]
    results: PathBuf,
    /// Folder of published figures to compare with; by default `published` in the folder of results, or otherwise the
    /// one in `results`
    #[arg(long, value_name = "DIR", value_parser = path::argument())]
    published: Option<PathBuf>,
    /// Folder to write the page and the figures to; by default `report` in the folder of results
    #[arg(short, long, visible_alias = "out", value_name = "DIR", value_parser = path::argument())]
    output: Option<PathBuf>,
    /// Print errors only
    #[arg(long)]
    quiet: bool,
}

pub fn run(registry: &Registry, args: &ReportArgs) -> Result<(), Error> {
    // Without the usual folder there is nothing to report, which is said below.
    if args.tables.is_empty() && !args.results.is_dir() && args.results != Path::new("results") {
        misused!("--results {}: there is no such folder; give the folder of the tables", args.results.display());
    }
    let published = published_folder(&args.results, args.published.as_deref());
    let output = args.output.clone().unwrap_or_else(|| args.results.join("report"));
    let tables = report::tables(&args.tables, &args.results, &published)?;
    let written = report::write(&tables, &output, registry)?;
    for warning in &written.warnings {
        say!("warning: {warning}");
    }
    if !args.quiet {
        tell!("{}: {} figures", written.page.display(), written.figures.len());
        for sentence in &written.missing {
            tell!("{sentence}");
        }
    }
    Ok(())
}

/// The folder of published figures: the one given, or the one beside the tables, or that of the project, whose figures come
/// with it wherever the rows of one's own are.
pub fn published_folder(results: &Path, given: Option<&Path>) -> PathBuf {
    let beside = results.join("published");
    match given {
        Some(given) => given.into(),
        None if beside.is_dir() => beside,
        None => "results/published".into(),
    }
}
