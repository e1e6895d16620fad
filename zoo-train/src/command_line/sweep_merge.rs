//! `sweep --merge`: the tables of parts that ran in folders of their own, put together.

use std::path::{Path, PathBuf};

use anyhow::Error;
use zoo_host::console::say;
use zoo_host::words::{counted, listed};
use zoo_sweep::merge::{self, Parts};

use super::Outcome;

pub fn run(folders: &[PathBuf], results: &Path, quiet: bool) -> Result<Outcome, Error> {
    let outcomes = Parts::read(folders)?.into(results)?;
    if quiet {
        return Ok(Outcome::Done);
    }
    for merge::Outcome { table, merged } in outcomes {
        merged.warning.iter().for_each(|warning| say!("warning: {warning}"));
        let parts = [(merged.doubles, "there already"), (merged.superseded, "interrupted and ended since")];
        let more: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!(", {} {what}", counted(*count as u64, "row")))
            .collect();
        say!("{}: {} added{}", results.join(table).display(), counted(merged.added as u64, "row"), more.concat());
    }
    let runs: Vec<String> = folders
        .iter()
        .map(|folder| (merge::runs(folder), folder))
        .filter(|(count, _)| *count > 0)
        .map(|(count, folder)| format!("{} in {}", counted(count as u64, "run"), folder.display()))
        .collect();
    if !runs.is_empty() {
        say!("runs and their checkpoints stay where they are: {}", listed(&runs, "and"));
    }
    Ok(Outcome::Done)
}
