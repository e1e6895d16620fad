//! Layers of settings: the shipped defaults, then a TOML file, then flags.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use crate::keys::hint;
use crate::sections::{SECTIONS, SETTINGS};
use crate::setting::Setting;
use crate::{Settings, SettingsError};

/// The shipped defaults.
pub const DEFAULTS: &str = include_str!("../../configs/cifar10.toml");

/// The keys that a file or a flag gave, in place of a default.
#[derive(Clone, Debug, Default)]
pub struct Given(BTreeSet<String>);

impl Given {
    /// Whether `key` was given.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains(key)
    }
}

/// Settings of which one rules out the other: where a layer gives one, it takes the place of the other below.
const EITHER: [(&str, &str); 2] = [("epochs", "steps"), ("weights", "pretrained")];

/// What stands at the top of the settings that a run has resolved: they hold both the epochs that were asked for and the steps
/// that these, or a budget, came to, and the steps count.
pub const RESOLVED: &str = "# The settings of a run, as resolved: --config with this file repeats it.\n";

/// The same of a run that was extended.
pub const EXTENDED: &str = "# The settings of a run that was extended: no file can repeat its learning rates.\n";

/// Puts a setting over those of layers below.
pub fn lay(table: &mut Table, key: &str, value: Value) {
    for (one, other) in EITHER {
        if key == one || key == other {
            table.remove(if key == one { other } else { one });
        }
    }
    table.insert(key.into(), value);
}

/// Refuses what only a run that goes on can be.
fn check_extended(layer: &Table, place: &str) -> Result<(), SettingsError> {
    match layer.contains_key("extended_from") {
        true => Err(SettingsError(format!(
            "{place}`extended_from` marks an extended run, whose learning rates no file can repeat: leave that line \
             out, and give either `epochs` or `steps` to train as long in one schedule"
        ))),
        false => Ok(()),
    }
}

/// Refuses settings of one layer of which one rules out the other.
fn check_either(layer: &Table, place: &str) -> Result<(), SettingsError> {
    match EITHER.iter().find(|(one, other)| layer.contains_key(*one) && layer.contains_key(*other)) {
        Some((one, other)) => Err(SettingsError(format!("{place}`{one}` and `{other}` exclude each other: give one"))),
        None => Ok(()),
    }
}

impl Settings {
    /// Lays `file` (path and text) and `flags` over the defaults, and tells which keys these gave. A file has sections; flags
    /// are keys alone.
    ///
    /// # Errors
    /// Where the file is not TOML, has an unknown key, one in another section, or a value of another type: file, line and key
    /// are named.
    pub fn layered(file: Option<(&Path, &str)>, flags: Table) -> Result<(Settings, Given), SettingsError> {
        let mut given = Given::default();
        let mut merged = read(Path::new("defaults"), DEFAULTS)?;
        // Every run has some, also where its steps count.
        let epochs = merged.get("epochs").cloned().unwrap_or(Value::Float(1.0));
        if let Some((path, text)) = file {
            let layer = read(path, text)?;
            let is_resolved = text.starts_with(RESOLVED);
            if !is_resolved {
                check_extended(&layer, &format!("{}: ", path.display()))?;
                check_either(&layer, &format!("{}: ", path.display()))?;
            }
            for (key, value) in layer {
                given.0.insert(key.clone());
                let mut trial = merged.clone();
                if is_resolved {
                    trial.insert(key.clone(), value);
                } else {
                    lay(&mut trial, &key, value);
                }
                trial.entry("epochs").or_insert_with(|| epochs.clone());
                merged = typed(&trial).map(|_| trial).map_err(|error| {
                    let line = line_of(text, section_of(&key), &key);
                    SettingsError(format!("{}:{line}: `{key}`: {}", path.display(), error.message()))
                })?;
            }
        }
        check_extended(&flags, "")?;
        check_either(&flags, "")?;
        given.0.extend(flags.keys().cloned());
        flags.into_iter().for_each(|(key, value)| lay(&mut merged, &key, value));
        merged.entry("epochs").or_insert(epochs);
        let settings = typed(&merged).map_err(|error| SettingsError(error.message().to_string()))?;
        Ok((settings, given))
    }

    /// These settings with `key` at another value.
    ///
    /// # Errors
    /// Where the value is of another type.
    pub fn with(&self, key: &str, value: Value) -> Result<Settings, SettingsError> {
        let mut table = self.to_flat();
        table.insert(key.into(), value);
        typed(&table).map_err(|error| SettingsError(error.message().to_string()))
    }
}

/// The keys of a file of settings, without its sections.
///
/// # Errors
/// Where it is not TOML, or a key is unknown or in no or another section: file, line and key are named.
pub fn read(path: &Path, text: &str) -> Result<Table, SettingsError> {
    let table: Table = text.parse().map_err(|error| in_file(path, text, &error))?;
    let at = |section: &str, key: &str| format!("{}:{}", path.display(), line_of(text, section, key));
    check_sections(&table)
        .map_err(|Misplaced { section, key, problem }| SettingsError(format!("{}: {problem}", at(&section, &key))))?;
    Ok(flatten(table))
}

/// A key that cannot stand where it does.
#[derive(Debug)]
pub struct Misplaced {
    /// The section that it stands in; empty for none.
    pub section: String,
    /// The key, or the name of a section that there is none of.
    pub key: String,
    /// What is wrong, with the way out.
    pub problem: String,
}

/// Whether all keys stand in their sections.
///
/// # Errors
/// The first that does not.
pub fn check_sections(table: &Table) -> Result<(), Misplaced> {
    for (name, value) in table {
        let is_section = SECTIONS.iter().any(|section| section.name == name);
        match value.as_table().filter(|_| is_section) {
            Some(keys) => keys.keys().try_for_each(|key| check_key(name, key, false))?,
            None => check_key("", name, value.is_table())?,
        }
    }
    Ok(())
}

/// Whether `key` may stand in `section`, or outside all where that is empty; `is_table` tells a section from a key.
///
/// # Errors
/// What is wrong with it.
pub fn check_key(section: &str, key: &str, is_table: bool) -> Result<(), Misplaced> {
    let problem = match Setting::find(key) {
        Some(setting) if setting.section == section => return Ok(()),
        Some(setting) if section.is_empty() => {
            format!("`{key}` belongs in a section: write it under [{}]", setting.section)
        }
        Some(setting) => format!("`{key}` belongs to [{}], not to [{section}]", setting.section),
        None if section.is_empty() && is_table => {
            let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
            format!("unknown section [{key}]{}", hint(key, &names))
        }
        None => format!("unknown key `{key}`{}", hint(key, &known_keys())),
    };
    Err(Misplaced { section: section.into(), key: key.into(), problem })
}

/// All keys.
pub fn known_keys() -> Vec<&'static str> {
    SETTINGS.iter().map(|setting| setting.key).collect()
}

/// The section of a known key.
fn section_of(key: &str) -> &'static str {
    Setting::find(key).map_or("", |setting| setting.section)
}

/// The keys of a table with sections, by themselves: no two sections have the same.
pub fn flatten(table: Table) -> Table {
    let is_section = |name: &str| SECTIONS.iter().any(|section| section.name == name);
    let mut flat = Table::new();
    for (name, value) in table {
        match value {
            Value::Table(keys) if is_section(&name) => flat.extend(keys),
            value => {
                flat.insert(name, value);
            }
        }
    }
    flat
}

/// Keys in their sections.
pub fn in_sections(flat: &Table) -> Table {
    let mut table = Table::new();
    for (key, value) in flat {
        match section_of(key) {
            "" => {
                table.insert(key.clone(), value.clone());
            }
            section => {
                let keys = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(keys) = keys {
                    keys.insert(key.clone(), value.clone());
                }
            }
        }
    }
    table
}

fn typed(flat: &Table) -> Result<Settings, toml::de::Error> {
    Settings::deserialize(in_sections(flat))
}

/// The line of `key` in a section of a file; 1 where it cannot be told.
pub fn line_of(text: &str, section: &str, key: &str) -> usize {
    let assigns = |line: &str, key: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let mut current = String::new();
    let mut elsewhere = None;
    for (index, line) in text.lines().enumerate() {
        if let Some(header) = line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            current = header.trim_matches(['[', ' ']).to_string();
            if current == key {
                elsewhere.get_or_insert(index);
            }
        }
        let is_own = current == section || current.ends_with(&format!(".{section}"));
        if (is_own && assigns(line, key)) || assigns(line, &format!("{section}.{key}")) {
            return index + 1;
        }
        if assigns(line, key) {
            elsewhere.get_or_insert(index);
        }
    }
    elsewhere.map_or(1, |index| index + 1)
}

fn in_file(path: &Path, text: &str, error: &toml::de::Error) -> SettingsError {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    SettingsError(format!("{}:{line}: {}", path.display(), error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layered(text: &str) -> Result<Settings, String> {
        let layers = Settings::layered(Some((Path::new("my.toml"), text)), Table::new());
        layers.map(|(settings, _)| settings).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_replaces_what_it_names_and_flags_replace_both() -> Result<(), Box<dyn std::error::Error>> {
        let settings = layered("network.model = \"mobilenet-v2\"\n[schedule]\nepochs = 3\n")?;
        assert_eq!((settings.schedule.epochs, settings.schedule.batch_size), (3.0, 128));
        let file = "[augment]\nflip = true\n[schedule]\nepochs = 3\n";
        let (settings, given) = Settings::layered(Some((Path::new("my.toml"), file)), "epochs = 5".parse()?)?;
        assert_eq!(settings.schedule.epochs, 5.0);
        assert!(given.has("epochs") && given.has("flip") && !given.has("momentum"));
        Ok(())
    }

    #[test]
    fn what_rules_out_each_other_is_given_once_in_a_layer_and_the_upper_layer_counts() {
        let error = layered("[schedule]\nepochs = 3\nsteps = 20\n").unwrap_err();
        assert_eq!(error, "my.toml: `epochs` and `steps` exclude each other: give one");
        assert!(layered("network = { weights = 'a', pretrained = '' }").unwrap_err().contains("exclude each other"));
        let over = |file: &str, flags: &str| {
            Settings::layered(Some((Path::new("my.toml"), file)), flags.parse().unwrap()).unwrap().0
        };
        assert_eq!(over("schedule.steps = 20", "epochs = 4").schedule.steps, None);
        assert_eq!(over("schedule.epochs = 4", "steps = 20").schedule.steps, Some(20));
        let found = over("network.pretrained = ''", "weights = 'a'").network;
        assert_eq!((found.weights.as_deref(), found.pretrained), (Some("a"), None));
        // What a run has resolved holds both.
        let mut ran = over("", "epochs = 4");
        ran.schedule.steps = Some(20);
        let text = format!("{RESOLVED}{}", ran.to_toml());
        assert_eq!(over(&text, ""), ran);
        assert_eq!(over(&text, "epochs = 5").schedule.steps, None);
    }

    #[test]
    fn an_unknown_key_is_named_with_file_and_line() {
        let error = layered("# a comment\n[schedule]\nlerning_rate = 0.1\n").unwrap_err();
        assert_eq!(error, "my.toml:3: unknown key `lerning_rate`, did you mean `learning_rate`?");
        let error = layered("[scedule]\nepochs = 1\n").unwrap_err();
        assert_eq!(error, "my.toml:1: unknown section [scedule], did you mean `schedule`?");
    }

    #[test]
    fn a_key_outside_its_section_is_told_where_it_belongs() {
        let error = layered("[data]\n\nepochs = 1\n").unwrap_err();
        assert_eq!(error, "my.toml:3: `epochs` belongs to [schedule], not to [data]");
        // Files of earlier releases had no sections.
        let error = layered("# mine\nepochs = 1\n").unwrap_err();
        assert_eq!(error, "my.toml:2: `epochs` belongs in a section: write it under [schedule]");
        let error = layered("optimizer = \"lamb\"\n").unwrap_err();
        assert_eq!(error, "my.toml:1: `optimizer` belongs in a section: write it under [optimizer]");
    }

    #[test]
    fn a_value_of_another_type_is_named_with_file_and_line() {
        let error = layered("[schedule]\nepochs = 3\nbatch_size = \"many\"\n").unwrap_err();
        assert!(error.starts_with("my.toml:3: `batch_size`: invalid type"), "{error}");
        let error = layered("[network]\nmodel = 'x'\n[run]\nkeep = 1\n[network.more]\nx = 1").unwrap_err();
        assert!(error.contains("unknown key `more`"), "{error}");
        let error = layered("[schedule]\n\nbatch_size = \n").unwrap_err();
        assert!(error.starts_with("my.toml:3: "), "{error}");
    }

    #[test]
    fn resolved_settings_are_a_file_that_gives_themselves() -> Result<(), Box<dyn std::error::Error>> {
        let mut settings = layered("network.model = \"mobilenet-v2\"")?;
        settings.schedule.steps = Some(77);
        settings.network.width = Some(0.35);
        assert_eq!(layered(&format!("{RESOLVED}{}", settings.to_toml()))?, settings);
        Ok(())
    }
}
