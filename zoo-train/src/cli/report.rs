//! `report`: trade-off curves from the tables of results, as a page and as figures.

use std::path::PathBuf;

use anyhow::Error;
use zoo_core::Registry;

use crate::console::{say, tell};
use crate::report;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tables to report on, in place of those of `results`
    #[arg(value_name = "CSV")]
    tables: Vec<PathBuf>,
    /// Folder of results, whose tables are read where none is named
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Folder of published figures, which are set beside
    #[arg(long, value_name = "DIR", default_value = "results/published")]
    published: PathBuf,
    /// Folder to write the page and the figures to
    #[arg(long, value_name = "DIR", default_value = "results/report")]
    out: PathBuf,
    /// Print nothing but errors
    #[arg(long)]
    quiet: bool,
}

pub fn run(registry: &Registry, args: &Args) -> Result<(), Error> {
    let tables = report::tables(&args.tables, &args.results, &args.published)?;
    let written = report::write(&tables, &args.out, registry)?;
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
