//! A sweep file becomes cells: every combination of a grid's axes, each planned, none twice.

use std::collections::HashMap;
use std::time::Duration;

use toml::{Table, Value};
use zoo_core::{Entry, InputSize, Options, Overrides, Plan, Registry};

use super::cell::{Cell, Timing, Work};
use super::file::{Grid, Located, SweepFile};
use super::training::Recipe;
use super::{Kind, SweepError};
use zoo_host::glob::matches;
use zoo_measure::Protocol;
use zoo_measure::throughput::{Pass, TRAIN};
use zoo_settings::size_value;

/// The most cells of a sweep: 50 models with 20 widths and 20 sizes, which are planned in seconds. More is taken for a slip
/// of the finger.
const MOST: usize = 20_000;

/// Values of the axes that were given, of one cell.
#[derive(Clone, Debug, Default)]
struct Point {
    width: Option<f64>,
    depth: Option<f64>,
    input_size: Option<InputSize>,
    profile: Option<String>,
    classes: Option<u32>,
    batch: Option<u32>,
    threads: Option<i32>,
    dtype: Option<String>,
    engine: Option<String>,
    seed: Option<u64>,
}

/// The cells of `file`, grid by grid.
///
/// # Errors
/// Where a name matches no model, a combination gives no network, or a cell comes twice; the line is named.
pub fn cells(file: &SweepFile, registry: &Registry) -> Result<Vec<Cell>, SweepError> {
    let models: Vec<Vec<Entry>> =
        file.grids.iter().map(|grid| models(file, grid, registry)).collect::<Result<_, _>>()?;
    bound(file, &models)?;
    let mut cells = Vec::new();
    for (grid, models) in file.grids.iter().zip(&models) {
        for &kind in &grid.kinds {
            let trains = grid.kinds.contains(&Kind::Accuracy);
            let recipe = if trains { Recipe::read(file, grid)? } else { Recipe::default() };
            let classes = if trains && kind.takes("classes") { recipe.classes(file, grid)? } else { None };
            for entry in models {
                let expander = Expander { file, grid, kind, recipe: &recipe, classes, registry, entry: *entry };
                for point in points(grid, kind) {
                    cells.push(expander.cell(&point)?);
                }
            }
        }
    }
    refuse_duplicates(file, &cells)?;
    Ok(cells)
}

/// Refuses what would take minutes and gigabytes before a word is said.
fn bound(file: &SweepFile, models: &[Vec<Entry>]) -> Result<(), SweepError> {
    let mut cells = 0_usize;
    for (grid, models) in file.grids.iter().zip(models) {
        let of_kinds = grid.kinds.iter().map(|kind| size(grid, *kind).saturating_mul(models.len()));
        cells = of_kinds.fold(cells, usize::saturating_add);
        if cells > MOST {
            let problem = format!(
                "with this grid the sweep has at least {cells} cells, over the limit of {MOST}: give fewer values, or \
                 split it into several files"
            );
            return Err(file.fail(grid.line, problem));
        }
    }
    Ok(())
}

/// How many points there are of one model.
fn size(grid: &Grid, kind: Kind) -> usize {
    let has = |axis: &str| kind.takes(axis);
    let axes = [
        (true, grid.width.len()),
        (true, grid.depth.len()),
        (true, grid.input_size.len()),
        (true, grid.profile.len()),
        (has("classes"), grid.classes.len()),
        (has("batch"), grid.batch.len()),
        (has("threads"), grid.threads.len()),
        (has("dtype"), grid.dtype.len()),
        (has("engine"), engines(grid, kind).len()),
        (has("seed"), grid.seed.len()),
    ];
    let given = axes.iter().filter(|(wanted, values)| *wanted && *values > 0);
    given.fold(1, |size, (_, values)| size.saturating_mul(*values))
}

fn models(file: &SweepFile, grid: &Grid, registry: &Registry) -> Result<Vec<Entry>, SweepError> {
    let mut models = Vec::new();
    for Located { value: pattern, line } in &grid.model {
        if pattern.contains(['*', '?']) {
            let before = models.len();
            models.extend(registry.entries().filter(|entry| matches(pattern, entry.variant.name)));
            if models.len() == before {
                return Err(file.fail(*line, format!("no model matches `{pattern}`; `list` shows all names")));
            }
        } else {
            models.push(registry.find(pattern).map_err(|error| file.fail(*line, error.to_string()))?);
        }
    }
    Ok(models)
}

/// The engines of a grid: those given, or the usual ones of `kind`, which are there on every machine.
fn engines(grid: &Grid, kind: Kind) -> Vec<Located<String>> {
    let usual: Vec<&str> = match kind {
        _ if !grid.engine.is_empty() => return grid.engine.clone(),
        Kind::Latency => zoo_engines::built_in().map(|engine| engine.name()).collect(),
        Kind::Throughput => vec![TRAIN, zoo_engines::ZOO.name()],
        _ => Vec::new(),
    };
    usual.into_iter().map(|name| Located { value: name.into(), line: grid.line }).collect()
}

/// Every combination of the axes that `kind` has; [`size`] says how many those are.
fn points(grid: &Grid, kind: Kind) -> Vec<Point> {
    let engines = engines(grid, kind);
    let has = |axis: &str| kind.takes(axis);
    let mut points = vec![Point::default()];
    spread(&mut points, true, &grid.width, |point, value| point.width = Some(value));
    spread(&mut points, true, &grid.depth, |point, value| point.depth = Some(value));
    spread(&mut points, true, &grid.input_size, |point, value| point.input_size = Some(value));
    spread(&mut points, true, &grid.profile, |point, value| point.profile = Some(value));
    spread(&mut points, has("classes"), &grid.classes, |point, value| point.classes = Some(value));
    spread(&mut points, has("batch"), &grid.batch, |point, value| point.batch = Some(value));
    spread(&mut points, has("threads"), &grid.threads, |point, value| point.threads = Some(value));
    spread(&mut points, has("dtype"), &grid.dtype, |point, value| point.dtype = Some(value));
    spread(&mut points, has("engine"), &engines, |point, value| point.engine = Some(value));
    spread(&mut points, has("seed"), &grid.seed, |point, value| point.seed = Some(value));
    points
}

fn spread<T: Clone>(points: &mut Vec<Point>, wanted: bool, axis: &[Located<T>], set: impl Fn(&mut Point, T)) {
    if !wanted || axis.is_empty() {
        return;
    }
    let with = |point: &Point, value: &T| {
        let mut point = point.clone();
        set(&mut point, value.clone());
        point
    };
    *points = points
        .iter()
        .flat_map(|point| axis.iter().map(move |at| (point, at)))
        .map(|(point, at)| with(point, &at.value))
        .collect();
}

/// What the cells of one model in one grid have in common.
struct Expander<'a> {
    file: &'a SweepFile,
    grid: &'a Grid,
    kind: Kind,
    recipe: &'a Recipe,
    /// Those of the data set that the same grid trains on, for what is not training.
    classes: Option<u32>,
    registry: &'a Registry,
    entry: Entry,
}

impl Expander<'_> {
    fn cell(&self, point: &Point) -> Result<Cell, SweepError> {
        let work = self.work(point)?;
        let (options, profile) = self.options(point, &work)?;
        let plan = Plan::new(self.entry.architecture, &options).map_err(|error| {
            let name = self.entry.variant.name;
            self.file.fail(self.guilty(point), format!("{name} with these values is not a valid network: {error}"))
        })?;
        let timeout: Option<Duration> = self.grid.timeout;
        Ok(Cell { line: self.grid.line, entry: self.entry, options, profile, cost: plan.cost, work, timeout })
    }

    fn work(&self, point: &Point) -> Result<Work, SweepError> {
        let usual = Protocol::default();
        let protocol = Protocol {
            runs: self.grid.runs.map_or(usual.runs, |runs| runs as usize),
            time: self.grid.seconds.map_or(usual.time, Duration::from_secs_f64),
        };
        let timing =
            |batch: u32| Timing { batch: point.batch.unwrap_or(batch), threads: point.threads.unwrap_or(1), protocol };
        let (engine, dtype) = (point.engine.as_deref().unwrap_or_default(), point.dtype.as_deref().unwrap_or("f32"));
        let pass = || Pass::find(engine, dtype).map_err(|problem| self.file.fail(self.line_of_dtype(), problem));
        match self.kind {
            Kind::Count => Ok(Work::Count),
            Kind::Accuracy => {
                let training = self.recipe.with(self.axes(point), self.registry);
                Ok(Work::Accuracy(Box::new(training.map_err(|problem| self.file.fail(self.grid.line, problem))?)))
            }
            Kind::Throughput => Ok(Work::Throughput { timing: timing(32), pass: pass()? }),
            Kind::Latency => match pass()? {
                Pass::Infer(engine, dtype) => {
                    Ok(Work::Latency { timing: timing(1), engine, dtype, per_stage: self.grid.per_stage })
                }
                Pass::Train(_) => {
                    let line = self.grid.engine.first().map_or(self.grid.line, |engine| engine.line);
                    let problem = "training has no latency: leave out `train`, or ask for kind = \"throughput\"";
                    Err(self.file.fail(line, problem))
                }
            },
        }
    }

    fn line_of_dtype(&self) -> usize {
        self.grid.dtype.first().map_or(self.grid.line, |dtype| dtype.line)
    }

    /// The axes as settings of training.
    fn axes(&self, point: &Point) -> Table {
        let mut axes = Table::new();
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                axes.insert(key.into(), value);
            }
        };
        set("model", Some(Value::String(self.entry.variant.name.into())));
        set("width", point.width.map(Value::Float));
        set("depth", point.depth.map(Value::Float));
        set("input_size", point.input_size.map(|size| size_value(size.image)));
        set(
            "in_channels",
            point.input_size.and_then(|size| size.in_channels).map(|count| Value::Integer(count.into())),
        );
        set("profile", point.profile.clone().map(Value::String));
        set("batch_size", point.batch.map(|batch| Value::Integer(batch.into())));
        set("threads", point.threads.map(|threads| Value::Integer(threads.into())));
        set("precision", point.dtype.clone().map(Value::String));
        // TOML has no integers beyond those.
        set("seed", point.seed.map(|seed| Value::Integer(i64::try_from(seed).unwrap_or(i64::MAX))));
        axes
    }

    /// The options of the network, and the name of their profile.
    fn options(&self, point: &Point, work: &Work) -> Result<(Options, String), SweepError> {
        let fail = |axis: &[Located<String>], problem: String| {
            self.file.fail(axis.first().map_or(self.grid.line, |at| at.line), problem)
        };
        if let Work::Accuracy(training) = work {
            let classes = training.images.map_or(0, |images| images.classes);
            let options = training.settings.options(&self.entry, classes);
            let options = options.map_err(|error| fail(&self.grid.profile, error.to_string()))?;
            return Ok((options, training.settings.network.profile.clone()));
        }
        let given = Overrides {
            width: point.width,
            depth: point.depth,
            profile: point.profile.as_deref(),
            input: point.input_size,
            classes: point.classes.or(self.classes),
            ..Overrides::default()
        };
        let options = given.over(&self.entry).map_err(|error| fail(&self.grid.profile, error.to_string()))?;
        let name = self.entry.architecture.profile_name(options.profile);
        Ok((options, name.to_string()))
    }

    /// The line of the value that alone gives no network either; that of the grid where it takes several.
    fn guilty(&self, point: &Point) -> usize {
        let own = self.entry.variant.options;
        let wrong = |options: Options| Plan::new(self.entry.architecture, &options).is_err();
        let line_of = |found: Option<usize>| found.unwrap_or(self.grid.line);
        if point.width.is_some_and(|width| wrong(Options { width, ..own })) {
            return line_of(self.grid.width.iter().find(|at| Some(at.value) == point.width).map(|at| at.line));
        }
        if point.depth.is_some_and(|depth| wrong(Options { depth, ..own })) {
            return line_of(self.grid.depth.iter().find(|at| Some(at.value) == point.depth).map(|at| at.line));
        }
        if point.input_size.is_some_and(|input| wrong(own.with_input(input, &self.entry.architecture.rules))) {
            return line_of(
                self.grid.input_size.iter().find(|at| Some(at.value) == point.input_size).map(|at| at.line),
            );
        }
        self.grid.line
    }
}

fn refuse_duplicates(file: &SweepFile, cells: &[Cell]) -> Result<(), SweepError> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for cell in cells {
        match seen.insert(cell.file_name(), cell.line) {
            Some(line) if line == cell.line => {
                return Err(file.fail(line, format!("the grid has the same cell twice: {cell}; leave one out")));
            }
            Some(line) => {
                let problem = format!("the grid of line {line} already has this cell: {cell}; leave one out");
                return Err(file.fail(cell.line, problem));
            }
            None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn expand(text: &str) -> Result<Vec<String>, String> {
        let file = SweepFile::parse(Path::new("my.toml"), text).map_err(|error| error.to_string())?;
        let cells = cells(&file, &Registry::default()).map_err(|error| error.to_string())?;
        Ok(cells.iter().map(Cell::to_string).collect())
    }

    #[test]
    fn every_combination_is_a_cell_in_the_order_of_the_file() {
        let text = "[[grid]]\nkind = 'count'\nmodel = 'mobilenet-v1'\nwidth = [1, 0.5]\ninput_size = [224, 160]\n";
        let cells = [
            "count mobilenet-v1, 224 px, native, 1000 classes",
            "count mobilenet-v1, 160 px, native, 1000 classes",
            "count mobilenet-v1 x0.5 wide, 224 px, native, 1000 classes",
            "count mobilenet-v1 x0.5 wide, 160 px, native, 1000 classes",
        ];
        assert_eq!(expand(text).unwrap(), cells);
    }

    #[test]
    fn a_grid_without_end_is_refused_before_it_is_expanded() {
        let many: Vec<String> = (1..=1000).map(|value| format!("{}", f64::from(value) / 100.0)).collect();
        let many = many.join(",");
        let text = |models: &str| {
            format!("[[grid]]\nkind = ['count', 'latency']\nmodel = '{models}'\nwidth = [{many}]\ndepth = [{many}]\n")
        };
        let begun = std::time::Instant::now();
        let error = expand(&text("mobilenet-v1")).unwrap_err();
        assert!(error.starts_with("my.toml:1: with this grid the sweep has at least 5000000 cells"), "{error}");
        assert!(begun.elapsed().as_secs() < 5, "it was expanded");
        // What is counted is what comes out.
        let text = "[[grid]]\nkind = ['count', 'throughput', 'accuracy']\nmodel = 'mobilenet-v?'\nwidth = [1, 0.5]\n\
            classes = [10, 20]\nbatch = [4, 8]\nseed = [0, 1, 2]\n";
        let file = SweepFile::parse(Path::new("my.toml"), text).unwrap();
        let (grid, models) = (&file.grids[0], models(&file, &file.grids[0], &Registry::default()).unwrap());
        let sizes: usize = grid.kinds.iter().map(|kind| size(grid, *kind) * models.len()).sum();
        assert_eq!(sizes, cells(&file, &Registry::default()).unwrap().len());
    }

    #[test]
    fn a_grid_of_several_kinds_gives_each_its_own_axes() {
        let text = "[[grid]]\nkind = ['count', 'latency']\nmodel = 'efficientnet-b?'\nengine = ['zoo', 'libtorch']\n";
        let cells = expand(text).unwrap();
        assert_eq!(cells.len(), 9 + 18);
        assert_eq!(cells[9], "latency efficientnet-b0, 224 px, native, batch 1, 1 thread, f32, native");
    }

    #[test]
    fn what_is_counted_beside_training_has_the_classes_of_its_data() {
        let text = "[[grid]]\nkind = ['accuracy', 'count', 'latency']\nmodel = 'mobilenet-v2'\nengine = 'libtorch'\n";
        let counted = |text: &str| expand(text).unwrap().remove(1);
        assert!(counted(text).ends_with("224 px, native, 10 classes"), "{}", counted(text));
        assert!(expand(text).unwrap()[2].contains("10 classes"));
        assert!(counted(&format!("{text}classes = 7\n")).ends_with("7 classes"));
        let folder = tempfile::tempdir().unwrap();
        for class in ["train/a", "train/b", "train/c", "val/a", "val/b", "val/c"] {
            std::fs::create_dir_all(folder.path().join(class)).unwrap();
            for image in 0..200 {
                std::fs::write(folder.path().join(class).join(format!("{image}.png")), "").unwrap();
            }
        }
        let path = folder.path().display();
        let dataset = |settings: &str| format!("{text}[grid.settings.data]\ndataset = 'folder:{path}'\n{settings}");
        assert!(counted(&dataset("")).ends_with("3 classes"), "{}", counted(&dataset("")));
        let subset = folder.path().join("subset.txt");
        std::fs::write(&subset, "a\nc\n").unwrap();
        assert!(counted(&dataset(&format!("subset = '{}'\n", subset.display()))).ends_with("2 classes"));
    }

    #[test]
    fn training_has_its_recipe_and_its_seeds() {
        let text = "[[grid]]\nkind = 'accuracy'\nmodel = 'mobilenet-v2'\nseed = [0, 1]\nprofile = 'native'\n";
        assert_eq!(
            expand(text).unwrap(),
            ["accuracy mobilenet-v2, 32 px, native, seed 0", "accuracy mobilenet-v2, 32 px, native, seed 1"]
        );
    }

    #[test]
    fn what_gives_no_cell_is_named_with_its_line() {
        let refused = |text: &str, words: &str| {
            let error = expand(text).expect_err(text);
            assert!(error.contains(words), "{error}");
        };
        let count = "[[grid]]\nkind = 'count'\n";
        refused(&format!("{count}model = 'mobilnet-v9*'\n"), "my.toml:3: no model matches `mobilnet-v9*`");
        refused(&format!("{count}model = 'mobilnet-v2'\n"), "my.toml:3: unknown model `mobilnet-v2`, did you mean");
        refused(
            &format!("{count}model = 'mobilenet-v1'\nwidth = [1,\n0]\n"),
            "my.toml:5: mobilenet-v1 with these values",
        );
        refused(
            &format!("{count}model = 'mobilenet-v1'\nprofile = 'large'\n"),
            "my.toml:4: mobilenet-v1 has no profile",
        );
        refused(
            &format!("{count}model = 'mobilenet-v1'\nwidth = [1, 1]\n"),
            "my.toml:1: the grid has the same cell twice: count",
        );
        let twice = format!("{count}model = 'mobilenet-v1'\n{count}model = 'mobilenet-v?'\n");
        refused(&twice, "my.toml:4: the grid of line 1 already has this cell: count mobilenet-v1, 224 px");
        let latency = "[[grid]]\nkind = 'latency'\nmodel = 'mobilenet-v1'\n";
        refused(&format!("{latency}engine = 'train'\n"), "my.toml:4: training has no latency");
        refused(&format!("{latency}dtype = 'bf16'\n"), "my.toml:4: inference is measured in f32");
        let accuracy = "[[grid]]\nkind = 'accuracy'\nmodel = 'mobilenet-v1'\n";
        refused(&format!("{accuracy}config = 'none.toml'\n"), "my.toml:4: the recipe none.toml cannot be read");
        refused(
            &format!("{accuracy}[grid.settings.schedule]\nlerning_rate = 1\n"),
            "my.toml:5: unknown key `lerning_rate`, did",
        );
        refused(&format!("{accuracy}[grid.settings.run]\nseed = 1\n"), "my.toml:5: `seed` is an axis");
        refused(&format!("{accuracy}[grid.settings.schedule]\nepochs = 'ten'\n"), "my.toml:5: `epochs`: invalid type");
        refused(
            &format!("{accuracy}[grid.settings.schedule]\nlearning_rate = -1\n"),
            "my.toml:1: --learning-rate must be",
        );
    }
}
