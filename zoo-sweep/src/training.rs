//! A training cell: a recipe with the values of the axes over it, and how its rows are known.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use toml::{Table, Value};
use zoo_core::{Registry, regular_file};

use super::SweepError;
use super::file::{Grid, Located, SweepFile};
use zoo_data::choice::Counts;
use zoo_results::accuracy;
use zoo_settings::lay;
use zoo_settings::layers::{in_sections, read};
use zoo_settings::recorded::read_config;
use zoo_settings::{Settings, SettingsError};
use zoo_training::dataset;
use zoo_training::starting_point::{name_of_weights, settle};

/// Settings that are axes of a grid, each with the axis's name.
const AXES: [(&str, &str); 8] = [
    ("model", "model"),
    ("width", "width"),
    ("depth", "depth"),
    ("input_size", "input_size"),
    ("profile", "profile"),
    ("seed", "seed"),
    ("threads", "threads"),
    ("precision", "dtype"),
];

/// What a training run of a cell is told.
#[derive(Clone, Debug)]
pub struct Training {
    /// The settings that were given, by the recipe, the grid and the axes; defaults are not among them.
    pub given: Table,
    /// All settings, as the run will have them.
    pub settings: Settings,
    /// Whether the number of threads is an axis.
    pub threads_count: bool,
    /// Name of the weights that it starts from.
    pub weights: String,
    /// Its images, within its limits; none where nobody looked.
    pub images: Option<Counts>,
}

/// The recipe of a grid: its file, and the settings over it.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    given: Table,
    /// Those of its data set, which no axis changes; large folders take a while to list.
    images: OnceCell<Result<Counts, String>>,
}

impl Recipe {
    /// Reads the recipe of `grid`.
    ///
    /// # Errors
    /// Where a key is unknown or an axis, or a value cannot be; the file and the line are named.
    pub fn read(file: &SweepFile, grid: &Grid) -> Result<Recipe, SweepError> {
        let mut table = match &grid.config {
            None => Table::new(),
            Some(config) => recipe_file(file, config)?,
        };
        for Located { value: (key, value), line } in &grid.settings {
            if let Some((_, axis)) = AXES.iter().find(|(setting, _)| setting == key) {
                let problem = format!("`{key}` is an axis: write `{axis}` beside `model`, above `[grid.settings]`");
                return Err(file.fail(*line, problem));
            }
            lay(&mut table, key, value.clone());
            let wrong = |error: SettingsError| file.fail(*line, format!("`{key}`: {error}"));
            Settings::layered(None, table.clone()).map_err(wrong)?;
        }
        Ok(Recipe { given: table, images: OnceCell::new() })
    }

    /// Whether it starts from weights, which are looked for, on the hub too, as soon as it is settled.
    pub fn has_weights(&self) -> bool {
        starts_from_weights(&self.given)
    }

    /// The classes of its data set.
    ///
    /// # Errors
    /// Where the data set cannot be had; the line of `grid` is named.
    pub fn classes(&self, file: &SweepFile, grid: &Grid) -> Result<Option<u32>, SweepError> {
        let (settings, _) = Settings::layered(None, self.given.clone())?;
        let images = self.counts(&settings);
        let images = images.map_err(|problem| file.fail(grid.line, problem))?;
        Ok(u32::try_from(images.classes).ok())
    }

    fn counts(&self, settings: &Settings) -> Result<Counts, String> {
        self.images.get_or_init(|| dataset::counts(settings).map_err(|error| error.to_string())).clone()
    }

    /// The recipe with the values of the axes over it.
    ///
    /// # Errors
    /// Where the values cannot be settings, or the data set or weights that it starts from cannot be had.
    pub fn with(&self, axes: Table, registry: &Registry) -> Result<Training, String> {
        let mut given = self.given.clone();
        let threads_count = axes.contains_key("threads");
        axes.iter().for_each(|(key, value)| lay(&mut given, key, value.clone()));
        let training = Training::of(given, threads_count, registry)?;
        let settings = &training.settings;
        let images = self.counts(settings)?.limited(settings.data.limit_train, settings.data.limit_test);
        settings.check(images.train).map_err(|error| error.to_string())?;
        Ok(Training { images: Some(images), ..training })
    }
}

fn recipe_file(file: &SweepFile, config: &Located<PathBuf>) -> Result<Table, SweepError> {
    let path = file.path.parent().unwrap_or(Path::new("")).join(&config.value);
    let text = regular_file::read_text(&path).map_err(|error| {
        let problem =
            format!("the recipe {} cannot be read: {error}; its path is relative to this file", path.display());
        file.fail(config.line, problem)
    })?;
    Settings::layered(Some((&path, &text)), Table::new())?;
    Ok(read(&path, &text)?)
}

impl Training {
    fn of(given: Table, threads_count: bool, registry: &Registry) -> Result<Training, String> {
        let (mut settings, known) = Settings::layered(None, given.clone()).map_err(|error| error.to_string())?;
        settle(registry, &mut settings, &known).map_err(|error| error.to_string())?;
        let weights = name_of_weights(&settings);
        Ok(Training { given, settings, threads_count, weights, images: None })
    }

    /// What the cell of an earlier sitting was told by the file at `path`; none where that cannot be read, or starts from
    /// weights.
    pub fn told(path: &Path, registry: &Registry) -> Option<Training> {
        let given = read_config(&regular_file::read_text(path).ok()?)?;
        let threads_count = given.contains_key("threads");
        (!starts_from_weights(&given)).then(|| Training::of(given, threads_count, registry).ok()).flatten()
    }

    /// The same with another number of epochs.
    pub fn set_epochs(&mut self, epochs: f64) {
        self.given.insert("epochs".into(), Value::Float(epochs));
        self.settings.schedule.epochs = epochs;
    }

    /// The settings as a file for `--config`.
    pub fn to_toml(&self) -> String {
        toml::to_string(&in_sections(&self.given)).unwrap_or_default()
    }

    /// What tells its rows in `accuracy.csv` from most others, as text; the hash of the settings tells the rest.
    pub(super) fn identity(&self) -> Vec<String> {
        let settings = &self.settings;
        let mut values = vec![
            settings.schedule.batch_size.to_string(),
            settings.run.seed.to_string(),
            settings.run.precision.name().to_string(),
        ];
        values.extend(settings.run.threads.filter(|_| self.threads_count).map(|threads| threads.to_string()));
        values
    }

    /// Whether a row about its network is one of this run's.
    pub(super) fn is_of(&self, row: &accuracy::Row) -> bool {
        let settings = &self.settings;
        let threads = settings.run.threads.filter(|_| self.threads_count).map(i32::unsigned_abs);
        (row.batch_size, row.seed) == (Some(settings.schedule.batch_size as u64), Some(settings.run.seed))
            && row.dtype == settings.run.precision.name()
            && threads.is_none_or(|threads| row.threads == Some(threads))
            // What stands at a path may have changed; older rows do not tell.
            && ["", &self.weights].contains(&row.weights.as_str())
            && self.has_hash(&row.config_hash, row.epochs, row.steps)
    }

    /// Whether a row of so many epochs and steps with the hash `found` is one of this run's. The run resolves its number of
    /// steps before it writes its row, and may halve its micro-batch where memory lacks.
    pub fn has_hash(&self, found: &str, epochs: f64, steps: u64) -> bool {
        let mut micro = vec![self.settings.schedule.micro_batch];
        let mut size = self.settings.schedule.micro_batch.unwrap_or(self.settings.schedule.batch_size);
        while size > 1 {
            size = size.div_ceil(2);
            micro.push(Some(size));
        }
        let mut lengths = vec![self.settings.schedule.steps, Some(steps)];
        if epochs > 0.0 {
            // A run that was stopped tells steps and epochs, and so how many steps an epoch has.
            let per_epoch = (steps as f64 / epochs).round();
            lengths.push(Some((self.settings.schedule.epochs * per_epoch).ceil() as u64));
        }
        let mut all = lengths.iter().flat_map(|steps| micro.iter().map(move |micro_batch| (*steps, *micro_batch)));
        all.any(|(steps, micro_batch)| {
            let mut settings = self.settings.clone();
            settings.schedule.steps = steps;
            settings.schedule.micro_batch = micro_batch;
            settings.hash() == found
        })
    }
}

fn starts_from_weights(given: &Table) -> bool {
    ["weights", "pretrained"].iter().any(|key| given.contains_key(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training(axes: &str) -> Training {
        Recipe::default().with(axes.parse().unwrap(), &Registry::default()).unwrap()
    }

    const AXES: &str = "model = 'mobilenet-v2'\nwidth = 0.5\nepochs = 4\n";

    #[test]
    fn a_row_is_known_by_the_hash_of_the_run_that_wrote_it() {
        let cell = training(AXES);
        let mut ran = cell.settings.clone();
        ran.schedule.steps = Some(1560);
        ran.run.threads = Some(2);
        assert!(cell.has_hash(&ran.hash(), 4.0, 1560));
        // Stopped halfway, and with a micro-batch that memory chose.
        assert!(cell.has_hash(&ran.hash(), 2.0, 780));
        let mut halved = ran.clone();
        halved.schedule.micro_batch = Some(32);
        assert!(cell.has_hash(&halved.hash(), 4.0, 1560));
        let mut other = ran;
        other.schedule.learning_rate = 0.1;
        assert!(!cell.has_hash(&other.hash(), 4.0, 1560));
    }

    #[test]
    fn the_file_for_the_run_gives_the_settings() {
        let mut cell = training(AXES);
        cell.set_epochs(7.0);
        let (settings, _) = Settings::layered(Some((Path::new("cell.toml"), &cell.to_toml())), Table::new()).unwrap();
        assert_eq!(settings, cell.settings);
    }
}
