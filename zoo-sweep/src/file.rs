//! The sweep file: TOML, every value with its line, so that a mistake is named where it stands.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zoo_core::{InputSize, regular_file};

use super::{Kind, SweepError};
use zoo_host::duration::parse_time;
use zoo_measure::throughput;
use zoo_settings::SECTIONS;
use zoo_settings::keys::hint;
use zoo_settings::layers::{Misplaced, check_key};

/// A file with its grids.
#[derive(Clone, Debug)]
pub struct SweepFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name without the ending.
    pub name: String,
    /// The grids, in the file's order.
    pub grids: Vec<Grid>,
}

/// A value with the line it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// The line, counted from 1.
    pub line: usize,
}

/// A `[[grid]]`. An axis without values is the variant's own, or the recipe's.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// The line it begins in.
    pub line: usize,
    /// What is measured.
    pub kinds: Vec<Kind>,
    /// Names and globs.
    pub model: Vec<Located<String>>,
    /// Width multipliers.
    pub width: Vec<Located<f64>>,
    /// Depth multipliers.
    pub depth: Vec<Located<f64>>,
    /// Sizes of the input.
    pub input_size: Vec<Located<InputSize>>,
    /// Names of profiles.
    pub profile: Vec<Located<String>>,
    /// Number of classes.
    pub classes: Vec<Located<u32>>,
    /// Images of a batch.
    pub batch: Vec<Located<u32>>,
    /// Threads of libtorch.
    pub threads: Vec<Located<i32>>,
    /// Numbers that are computed with.
    pub dtype: Vec<Located<String>>,
    /// Names of engines, or `train`.
    pub engine: Vec<Located<String>>,
    /// Seeds of training.
    pub seed: Vec<Located<u64>>,
    /// The recipe, relative to the sweep file.
    pub config: Option<Located<PathBuf>>,
    /// Settings over the recipe's.
    pub settings: Vec<Located<(String, toml::Value)>>,
    /// Measured runs, at least.
    pub runs: Option<u32>,
    /// Total measuring time in seconds, at least.
    pub seconds: Option<f64>,
    /// Whether latency is told by stage, too.
    pub per_stage: bool,
    /// Wall time after which a cell is given up.
    pub timeout: Option<Duration>,
}

impl SweepFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be read, is not TOML, or says something unknown: file and line are named.
    pub fn read(path: &Path) -> Result<SweepFile, SweepError> {
        let text = regular_file::read_text(path).map_err(|source| SweepError::Io {
            what: "read",
            path: path.into(),
            source,
        })?;
        SweepFile::parse(path, &text)
    }

    /// Reads the file at `path` that holds `text`.
    ///
    /// # Errors
    /// As [`SweepFile::read`].
    pub fn parse(path: &Path, text: &str) -> Result<SweepFile, SweepError> {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place).collect();
        let reader = Reader { path, text, breaks };
        let table = DeTable::parse(text).map_err(|error| {
            reader.fail(error.span().unwrap_or(0..0), error.message().trim_end_matches('\n').replace('\n', ", "))
        })?;
        if let Some(key) = table.get_ref().keys().find(|key| key.get_ref().as_ref() != "grid") {
            let hint = hint(key.get_ref(), &["grid"]);
            return Err(reader.fail(key.span(), format!("unknown key `{}`{hint}", key.get_ref())));
        }
        let tables = match table.get_ref().get("grid") {
            None => return Err(reader.fail(0..0, "there is no grid: write `[[grid]]` and below it `kind` and `model`")),
            Some(value) => value.get_ref().as_array().ok_or_else(|| {
                reader.fail(value.span(), "`grid` is one of several: write `[[grid]]` in double brackets")
            })?,
        };
        let grids: Vec<Grid> = tables.iter().map(|table| reader.grid(table)).collect::<Result<_, _>>()?;
        if grids.is_empty() {
            return Err(reader.fail(0..0, "there is no grid: write `[[grid]]` and below it `kind` and `model`"));
        }
        Ok(SweepFile { path: path.into(), name, grids })
    }

    /// An error at a line of the file.
    pub fn fail(&self, line: usize, problem: impl Into<String>) -> SweepError {
        SweepError::File { path: self.path.clone(), line, problem: problem.into() }
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    /// Places of the line ends; to count them for each value anew would take a long file minutes.
    breaks: Vec<usize>,
}

impl Reader<'_> {
    fn fail(&self, span: Range<usize>, problem: impl Into<String>) -> SweepError {
        SweepError::File { path: self.path.into(), line: self.line(span), problem: problem.into() }
    }

    fn line(&self, span: Range<usize>) -> usize {
        self.breaks.partition_point(|place| *place < span.start) + 1
    }

    fn grid(&self, value: &Spanned<DeValue<'_>>) -> Result<Grid, SweepError> {
        let table = value
            .get_ref()
            .as_table()
            .ok_or_else(|| self.fail(value.span(), "a grid is a table: write `[[grid]]`, and its axes below"))?;
        let kinds = self.kinds(table, value.span())?;
        self.check_keys(table, &kinds)?;
        let mut grid = Grid { line: self.line(value.span()), kinds, ..Grid::default() };
        grid.model = self.list(table, "model", "names such as \"mobilenet-v2\"", string)?;
        grid.width = self.list(table, "width", "numbers such as 0.75", number)?;
        grid.depth = self.list(table, "depth", "numbers such as 1.2", number)?;
        grid.input_size = self.list(table, "input_size", "pixels such as 224 or \"160x320\"", size)?;
        grid.profile = self.list(table, "profile", "names such as \"native\"", string)?;
        grid.classes = self.list(table, "classes", "whole numbers such as 10", whole)?;
        grid.batch = self.list(table, "batch", "whole numbers, 1 or more", positive)?;
        grid.threads = self.list(table, "threads", "whole numbers from 1 to 1024", |value| {
            positive(value).filter(|threads| *threads <= 1024)
        })?;
        let dtypes = "f32, tf32, bf16 or int8";
        grid.dtype =
            self.list(table, "dtype", dtypes, |value| string(value).filter(|name| throughput::is_dtype(name)))?;
        let engines = throughput::names().collect::<Vec<_>>().join(", ");
        grid.engine = self.list(table, "engine", &engines, |value| {
            string(value).filter(|name| throughput::names().any(|known| known == name))
        })?;
        grid.seed = self.list(table, "seed", "whole numbers, 0 or more", whole)?;
        grid.config =
            self.one(table, "config", "the path of a TOML file", |value| Some(PathBuf::from(value.as_str()?)))?;
        grid.runs = self.one(table, "runs", "a whole number, 1 or more", positive)?.map(|runs| runs.value);
        grid.seconds = self.one(table, "seconds", "seconds, 0 or more", seconds)?.map(|seconds| seconds.value);
        grid.per_stage = self
            .one(table, "per_stage", "true or false", |value| value.as_bool())?
            .is_some_and(|per_stage| per_stage.value);
        let time = |value: &DeValue<'_>| parse_time(value.as_str()?).ok();
        grid.timeout = self.one(table, "timeout", "a time such as \"20m\"", time)?.map(|timeout| timeout.value);
        grid.settings = self.settings(table)?;
        if grid.model.is_empty() {
            return Err(self.fail(value.span(), "the grid names no model: write `model = \"mobilenet-v2\"`, or a glob"));
        }
        Ok(grid)
    }

    fn kinds(&self, table: &DeTable<'_>, at: Range<usize>) -> Result<Vec<Kind>, SweepError> {
        let names = "accuracy, latency, throughput or count";
        let kinds = self.list(table, "kind", names, |value| Kind::find(value.as_str()?))?;
        if kinds.is_empty() {
            return Err(self.fail(at, format!("the grid has no kind: write `kind = ` and {names}")));
        }
        Ok(kinds.into_iter().map(|kind| kind.value).collect())
    }

    fn check_keys(&self, table: &DeTable<'_>, kinds: &[Kind]) -> Result<(), SweepError> {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if kinds.iter().any(|kind| kind.takes(name)) {
                continue;
            }
            let (all, kind) = (Kind::all_keys(), kinds.first().map_or("", |kind| kind.name()));
            let problem = match Kind::ALL.iter().find(|kind| kind.takes(name)) {
                Some(other) => {
                    format!(
                        "`{name}` does not apply to kind \"{kind}\": leave it out, or use kind = \"{}\"",
                        other.name()
                    )
                }
                None => format!("unknown axis `{name}`{}", hint(name, &all)),
            };
            return Err(self.fail(key.span(), problem));
        }
        Ok(())
    }

    /// The values of an axis, one or several.
    fn list<T>(
        &self,
        table: &DeTable<'_>,
        key: &str,
        what: &str,
        convert: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Result<Vec<Located<T>>, SweepError> {
        let Some(value) = table.get(key) else { return Ok(Vec::new()) };
        let Some(array) = value.get_ref().as_array() else {
            return Ok(vec![self.convert(value, key, what, convert)?]);
        };
        if array.is_empty() {
            let problem = format!("the grid is empty because `{key}` has no values: give {what}, or leave it out");
            return Err(self.fail(value.span(), problem));
        }
        array.iter().map(|value| self.convert(value, key, what, &convert)).collect()
    }

    fn one<T>(
        &self,
        table: &DeTable<'_>,
        key: &str,
        what: &str,
        convert: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Result<Option<Located<T>>, SweepError> {
        table.get(key).map(|value| self.convert(value, key, what, convert)).transpose()
    }

    fn convert<T>(
        &self,
        value: &Spanned<DeValue<'_>>,
        key: &str,
        what: &str,
        convert: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Result<Located<T>, SweepError> {
        let found = self.text.get(value.span()).unwrap_or_default();
        let value_of = |line| convert(value.get_ref()).map(|value| Located { value, line });
        value_of(self.line(value.span()))
            .ok_or_else(|| self.fail(value.span(), format!("`{key}` takes {what}, not {found}")))
    }

    fn settings(&self, table: &DeTable<'_>) -> Result<Vec<Located<(String, toml::Value)>>, SweepError> {
        let Some(value) = table.get("settings") else { return Ok(Vec::new()) };
        let sections = value.get_ref().as_table().ok_or_else(|| {
            let way = "write a section of settings, such as `[grid.settings.schedule]`, and its keys below";
            self.fail(value.span(), format!("`settings` is a table: {way}"))
        })?;
        let plain = |value: &Spanned<DeValue<'_>>| {
            // The text of a value is TOML in itself.
            let text = self.text.get(value.span()).unwrap_or_default();
            format!("value = {text}").parse::<toml::Table>().ok()?.remove("value")
        };
        let mut located = Vec::new();
        for (section, value) in sections {
            let name = section.get_ref().as_ref();
            let keys = value.get_ref().as_table();
            if keys.is_none() || SECTIONS.iter().all(|known| known.name != name) {
                let misplaced =
                    |Misplaced { problem, .. }| self.fail(section.span(), problem.replace("[", "[grid.settings."));
                check_key("", name, keys.is_some()).map_err(misplaced)?;
            }
            for (key, value) in keys.into_iter().flatten() {
                let (key, line) = (key.get_ref().to_string(), self.line(key.span()));
                check_key(name, &key, false).map_err(|Misplaced { problem, .. }| self.fail(value.span(), problem))?;
                let value =
                    plain(value).ok_or_else(|| self.fail(value.span(), format!("`{key}` takes a plain value")))?;
                located.push(Located { value: (key, value), line });
            }
        }
        Ok(located)
    }
}

fn string(value: &DeValue<'_>) -> Option<String> {
    value.as_str().map(String::from)
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    let text =
        value.as_float().map(|float| float.as_str()).or_else(|| value.as_integer().map(|whole| whole.as_str()))?;
    text.replace('_', "").parse().ok()
}

fn whole<N: TryFrom<i64>>(value: &DeValue<'_>) -> Option<N> {
    let integer = value.as_integer()?;
    let text = integer.as_str().replace('_', "");
    N::try_from(i64::from_str_radix(&text, integer.radix()).ok()?).ok()
}

/// A side, or the text of a size.
fn size(value: &DeValue<'_>) -> Option<InputSize> {
    match value.as_str() {
        Some(text) => text.parse().ok(),
        None => whole::<u32>(value)?.to_string().parse().ok(),
    }
}

fn positive<N: TryFrom<i64> + PartialOrd + From<u8>>(value: &DeValue<'_>) -> Option<N> {
    whole(value).filter(|number| *number >= N::from(1))
}

fn seconds(value: &DeValue<'_>) -> Option<f64> {
    number(value).filter(|seconds| (0.0..=86_400.0).contains(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SweepFile, String> {
        SweepFile::parse(Path::new("my.toml"), text).map_err(|error| error.to_string())
    }

    const GRID: &str = "[[grid]]\nkind = \"count\"\nmodel = \"mobilenet-v1\"\n";

    #[test]
    fn values_are_read_with_their_lines_one_or_several() -> Result<(), String> {
        let file = parse(&format!(
            "# widths\n{GRID}width = [1, 0.5,\n 0.25]\n\n[[grid]]\nkind=['latency', 'count']\nmodel='*'\n"
        ))?;
        assert_eq!((file.name.as_str(), file.grids.len()), ("my", 2));
        let widths: Vec<(f64, usize)> = file.grids[0].width.iter().map(|width| (width.value, width.line)).collect();
        assert_eq!(widths[..2], [(1.0, 5), (0.5, 5)]);
        assert_eq!((file.grids[0].line, file.grids[1].line), (2, 8));
        assert_eq!(file.grids[1].kinds, [Kind::Latency, Kind::Count]);
        Ok(())
    }

    #[test]
    fn settings_keep_their_values() -> Result<(), String> {
        let file = parse(
            "[[grid]]\nkind = 'accuracy'\nmodel = 'a'\nconfig = 'r.toml'\n[grid.settings]\nschedule.epochs = 10\naugment.colour_jitter = [0, 0.1, 0]\n",
        )?;
        let settings = &file.grids[0].settings;
        let epochs = settings.iter().find(|setting| setting.value.0 == "epochs");
        assert_eq!(epochs.map(|setting| (&setting.value.1, setting.line)), Some((&toml::Value::Integer(10), 6)));
        assert_eq!(settings.len(), 2);
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_the_way_out() {
        let refused = |text: &str, words: &str| {
            let error = parse(text).expect_err(text);
            assert!(error.contains(words), "{error}");
        };
        refused(&format!("{GRID}widht = 1\n"), "my.toml:4: unknown axis `widht`, did you mean `width`?");
        refused(&format!("{GRID}zzzzzzzzzz = 1\n"), "my.toml:4: unknown axis `zzzzzzzzzz`; known keys are kind, model");
        refused(
            &format!("{GRID}seed = 1\n"),
            "my.toml:4: `seed` does not apply to kind \"count\": leave it out, or use kind = \"accuracy\"",
        );
        refused(&format!("{GRID}width = []\n"), "my.toml:4: the grid is empty because `width` has no values");
        refused(
            &format!("{GRID}width = [1, \"wide\"]\n"),
            "my.toml:4: `width` takes numbers such as 0.75, not \"wide\"",
        );
        refused(
            &format!("{GRID}input_size = -3\n"),
            "my.toml:4: `input_size` takes pixels such as 224 or \"160x320\", not -3",
        );
        refused(
            "[[grid]]\nkind = 'speed'\n",
            "my.toml:2: `kind` takes accuracy, latency, throughput or count, not 'speed'",
        );
        refused("[[grid]]\nmodel = 'a'\n", "my.toml:1: the grid has no kind");
        refused("[[grid]]\nkind = 'count'\n", "my.toml:1: the grid names no model");
        refused("", "my.toml:1: there is no grid");
        refused("grid = []\n", "my.toml:1: there is no grid");
        refused("[grid]\nkind = 'count'\n", "double brackets");
        refused("[[grids]]\n", "my.toml:1: unknown key `grids`, did you mean `grid`?");
        refused("[[grid]]\nkind = \n", "my.toml:2: ");
        refused("[[grid]]\nkind = 'latency'\nmodel = 'a'\ntimeout = 'soon'\n", "my.toml:4: `timeout` takes a time");
    }
}
