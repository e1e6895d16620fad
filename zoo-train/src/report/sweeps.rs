//! Which sweep a training run is a cell of: by the file that the sweep left of what the run was told.

use std::path::{Path, PathBuf};

use toml::Table;

use super::network::Network;
use super::rows::Run;
use crate::train::Settings;

/// What the cells of the sweeps in `results` were told, each with the name of its sweep.
pub fn files(results: &Path) -> Vec<(String, PathBuf)> {
    let list = |folder: &Path| {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let mut files = Vec::new();
    for folder in list(&results.join("sweeps")) {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let cells = list(&folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
        files.extend(cells.map(|path| (name.clone(), path)));
    }
    files
}

/// The command of the sweep that `run` is a cell of, if there is one among `files`.
pub fn command(files: &[(String, PathBuf)], network: &Network, run: &Run) -> Option<String> {
    let Network { model, width, depth, input_size, profile, .. } = network;
    let (batch, seed) = (run.recipe.batch_size?, run.seed?);
    // As cells name their files; the recipe's hash follows.
    let begin = format!("accuracy-{model}-{width}-{depth}-{input_size}-{profile}-{batch}-{seed}-{}-", run.recipe.dtype);
    let is_cell = |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with(&begin) && (run.recipe.hash.is_empty() || recipe_of(path).as_ref() == Some(&run.recipe.hash))
    };
    let (sweep, _) = files.iter().find(|(_, path)| is_cell(path))?;
    let shipped = format!("configs/sweeps/{sweep}.toml");
    let file = if Path::new(&shipped).is_file() { shipped } else { format!("{sweep}.toml") };
    Some(format!("zoo-train sweep {file}"))
}

fn recipe_of(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let (settings, _) = Settings::layered(Some((path, &text)), Table::new()).ok()?;
    Some(settings.recipe_hash())
}
