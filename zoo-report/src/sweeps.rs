//! Which sweep a training run is a cell of, by the hash of its settings, as a sweep itself knows its rows; and which recipe
//! that comes with the project it was trained by.

use std::path::{Path, PathBuf};

use toml::{Table, Value};
use zoo_core::{Registry, regular_file};

use super::network::Network;
use super::run::Run;
use zoo_settings::Settings;
use zoo_settings::recorded::read_config;
use zoo_settings::{Precision, size_value};
use zoo_sweep::cell::Work;
use zoo_sweep::training::{Recipe, Training};
use zoo_sweep::{Kind, SweepError, SweepFile, grid};

/// Where the sweeps that come with the project are, seen from its root.
const SHIPPED: &str = "configs/sweeps";

/// Where the recipes are.
const RECIPES: &str = "configs";

/// Training cells, each with the command of its sweep.
#[derive(Debug)]
pub struct Sweeps(Vec<(String, Training)>);

impl Sweeps {
    /// Those of the files in `configs/sweeps`, and those that sweeps left in `results` of what their cells were told. Cells
    /// that start from weights are not among them: a report fetches none.
    pub fn read(results: &Path, registry: &Registry) -> Sweeps {
        let mut all = Vec::new();
        for path in list(Path::new(SHIPPED)) {
            // A file that is being written is none yet.
            let trainings = trainings(&path, registry).unwrap_or_default();
            let command = format!("zoo-train sweep {}", path.display());
            all.extend(trainings.into_iter().map(|training| (command.clone(), training)));
        }
        for folder in list(&results.join("sweeps")) {
            let file = format!("{}.toml", folder.file_name().unwrap_or_default().to_string_lossy());
            let shipped = Path::new(SHIPPED).join(&file);
            let sweep = [shipped, file.into()].into_iter().find(|path| path.is_file());
            let told = list(&folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
            all.extend(told.filter_map(|path| {
                // Without the sweep itself, what its cell was told repeats the run.
                let command = match &sweep {
                    Some(sweep) => format!("zoo-train sweep {}", sweep.display()),
                    None => format!("zoo-train --config {}", path.display()),
                };
                Some((command, Training::told(&path, registry)?))
            }));
        }
        Sweeps(all)
    }

    /// The command of the sweep that `run` is a cell of, if there is one.
    pub fn command(&self, run: &Run) -> Option<String> {
        let is_cell = |training: &Training| {
            let threads = training.settings.run.threads.filter(|_| training.threads_count);
            Some(training.settings.run.seed) == run.seed
                && threads.is_none_or(|threads| run.environment.threads == Some(threads.unsigned_abs()))
                && training.has_hash(&run.config_hash, run.epochs, run.steps)
        };
        self.0.iter().find(|(_, training)| is_cell(training)).map(|(command, _)| command.clone())
    }
}

/// The recipes that come with the project: each file with its settings.
#[derive(Debug)]
pub struct Recipes(Vec<(PathBuf, Table)>);

impl Recipes {
    /// Those in `configs`, as far as they can be read.
    pub fn read() -> Recipes {
        let table = |path: PathBuf| {
            let text = regular_file::read_text(&path).ok()?;
            Some((path, read_config(&text)?))
        };
        let files =
            list(Path::new(RECIPES)).into_iter().filter(|path| path.extension().is_some_and(|end| end == "toml"));
        Recipes(files.filter_map(table).collect())
    }

    /// The command that trains `run` again with one of them, if its recipe is that.
    pub fn command(&self, network: &Network, run: &Run, registry: &Registry) -> Option<String> {
        if run.recipe.hash.is_empty() {
            return None;
        }
        let defaults: Table = Settings::layered(None, Table::new()).ok()?.0.to_flat();
        self.0.iter().find_map(|(path, table)| {
            let mut flags = vec![format!("zoo-train --config {}", path.display())];
            let mut given = table.clone();
            for (key, value) in axes(network, run, registry)? {
                let told = table.get(key).or_else(|| defaults.get(key));
                if told != Some(&value) && (told.is_some() || value.as_str() != Some(Precision::F32.name())) {
                    let text = value.as_str().map_or_else(|| value.to_string(), String::from);
                    flags.push(format!("--{} {text}", key.replace('_', "-")));
                }
                given.insert(key.into(), value);
            }
            if ["weights", "pretrained"].iter().any(|key| given.contains_key(*key)) {
                return None;
            }
            let training = Recipe::default().with(given, registry).ok()?;
            (training.settings.recipe_hash() == run.recipe.hash).then(|| flags.join(" "))
        })
    }
}

/// What the columns of a run say of its settings.
fn axes(network: &Network, run: &Run, registry: &Registry) -> Option<Vec<(&'static str, Value)>> {
    let own = registry.find(&network.model).ok()?.variant.options;
    let mut axes = vec![("model", Value::String(network.model.clone()))];
    for (key, value, usual) in [("width", network.width, own.width), ("depth", network.depth, own.depth)] {
        if value != usual {
            axes.push((key, Value::Float(value)));
        }
    }
    axes.push(("input_size", size_value(network.input_size.image)));
    axes.extend(network.input_size.in_channels.map(|channels| ("in_channels", Value::Integer(channels.into()))));
    axes.push(("profile", Value::String(network.profile.clone())));
    axes.push(("batch_size", Value::Integer(run.recipe.batch_size?.try_into().ok()?)));
    axes.push(("precision", Value::String(run.recipe.dtype.clone())));
    axes.push(("seed", Value::Integer(run.seed?.try_into().ok()?)));
    axes.push(("steps", Value::Integer(run.steps.try_into().ok()?)));
    Some(axes)
}

/// The training cells of the sweep at `path`.
fn trainings(path: &Path, registry: &Registry) -> Result<Vec<Training>, SweepError> {
    let whole = SweepFile::read(path)?;
    let mut file = SweepFile { grids: Vec::new(), ..whole.clone() };
    for grid in &whole.grids {
        if grid.kinds.contains(&Kind::Accuracy) && !Recipe::read(&whole, grid)?.has_weights() {
            file.grids.push(grid.clone());
        }
    }
    let cells = grid::cells(&file, registry)?;
    Ok(cells
        .into_iter()
        .filter_map(|cell| if let Work::Accuracy(training) = cell.work { Some(*training) } else { None })
        .collect())
}

/// The paths in a folder, in order.
fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
