//! Layers of settings: the shipped defaults, then a TOML file, then flags.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use crate::Settings;
use crate::SettingsError;
use crate::keys::{hint, keys_of};

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
pub const EXTENDED: &str = "# The settings of a run that was extended: no file repeats its learning rates.\n";

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
            "{place}`extended_from` is of a run whose learning rates no file repeats: leave that line out, and give either \
             `epochs` or `steps`, to train as long in one schedule"
        ))),
        false => Ok(()),
    }
}

/// Refuses settings of one layer of which one rules out the other.
fn check_either(layer: &Table, place: &str) -> Result<(), SettingsError> {
    match EITHER.iter().find(|(one, other)| layer.contains_key(*one) && layer.contains_key(*other)) {
        Some((one, other)) => Err(SettingsError(format!("{place}`{one}` and `{other}` rule each other out: give one"))),
        None => Ok(()),
    }
}

impl Settings {
    /// Lays `file` (path and text) and `flags` over the defaults, and tells which keys these gave.
    ///
    /// # Errors
    /// Where the file is not TOML, has an unknown key or a value of another type: file, line and key are named.
    pub fn layered(file: Option<(&Path, &str)>, flags: Table) -> Result<(Settings, Given), SettingsError> {
        let mut given = Given::default();
        let mut merged: Table = DEFAULTS.parse().map_err(|error| in_file(Path::new("defaults"), DEFAULTS, &error))?;
        // Every run has some, also where its steps count.
        let epochs = merged.get("epochs").cloned().unwrap_or(Value::Float(1.0));
        if let Some((path, text)) = file {
            let layer: Table = text.parse().map_err(|error| in_file(path, text, &error))?;
            let is_resolved = text.starts_with(RESOLVED);
            if !is_resolved {
                check_extended(&layer, &format!("{}: ", path.display()))?;
                check_either(&layer, &format!("{}: ", path.display()))?;
            }
            for (key, value) in layer {
                check_key(path, text, &key)?;
                given.0.insert(key.clone());
                let mut trial = merged.clone();
                if is_resolved {
                    trial.insert(key.clone(), value);
                } else {
                    lay(&mut trial, &key, value);
                }
                trial.entry("epochs").or_insert_with(|| epochs.clone());
                merged = Settings::deserialize(trial.clone()).map(|_| trial).map_err(|error| {
                    let line = line_of(text, &key);
                    SettingsError(format!("{}:{line}: `{key}`: {}", path.display(), error.message()))
                })?;
            }
        }
        check_extended(&flags, "")?;
        check_either(&flags, "")?;
        given.0.extend(flags.keys().cloned());
        flags.into_iter().for_each(|(key, value)| lay(&mut merged, &key, value));
        merged.entry("epochs").or_insert(epochs);
        let settings = Settings::deserialize(merged).map_err(|error| SettingsError(error.message().to_string()))?;
        Ok((settings, given))
    }
}

fn check_key(path: &Path, text: &str, key: &str) -> Result<(), SettingsError> {
    let known = keys_of::<Settings>();
    if known.contains(&key) {
        return Ok(());
    }
    let hint = hint(key, known);
    Err(SettingsError(format!("{}:{}: unknown key `{key}`{hint}", path.display(), line_of(text, key))))
}

fn line_of(text: &str, key: &str) -> usize {
    let names = |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    text.lines().position(|line| names(line) || line.trim() == format!("[{key}]")).map_or(1, |index| index + 1)
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
        let settings = layered("epochs = 3\nmodel = \"mobilenet-v2\"\n")?;
        assert_eq!((settings.epochs, settings.batch_size), (3.0, 128));
        let flags = "epochs = 5".parse()?;
        let (settings, given) = Settings::layered(Some((Path::new("my.toml"), "epochs = 3\nflip = true")), flags)?;
        assert_eq!(settings.epochs, 5.0);
        assert!(given.has("epochs") && given.has("flip") && !given.has("momentum"));
        Ok(())
    }

    #[test]
    fn what_rules_out_each_other_is_given_once_in_a_layer_and_the_upper_layer_counts() {
        let error = layered("epochs = 3\nsteps = 20\n").unwrap_err();
        assert_eq!(error, "my.toml: `epochs` and `steps` rule each other out: give one");
        assert!(layered("weights = 'a'\npretrained = ''\n").unwrap_err().contains("rule each other out"));
        let over = |file: &str, flags: &str| {
            Settings::layered(Some((Path::new("my.toml"), file)), flags.parse().unwrap()).unwrap().0
        };
        assert_eq!(over("steps = 20", "epochs = 4").steps, None);
        assert_eq!(over("epochs = 4", "steps = 20").steps, Some(20));
        let found = over("pretrained = ''", "weights = 'a'");
        assert_eq!((found.weights.as_deref(), found.pretrained), (Some("a"), None));
        // What a run has resolved holds both.
        let mut ran = over("", "epochs = 4");
        ran.steps = Some(20);
        let text = format!("{RESOLVED}{}", ran.to_toml());
        assert_eq!(over(&text, ""), ran);
        assert_eq!(over(&text, "epochs = 5").steps, None);
    }

    #[test]
    fn an_unknown_key_is_named_with_file_and_line() {
        let error = layered("# a comment\nlerning_rate = 0.1\n").unwrap_err();
        assert_eq!(error, "my.toml:2: unknown key `lerning_rate`, did you mean `learning_rate`?");
    }

    #[test]
    fn a_value_of_another_type_is_named_with_file_and_line() {
        let error = layered("epochs = 3\nbatch_size = \"many\"\n").unwrap_err();
        assert!(error.starts_with("my.toml:2: `batch_size`: invalid type"), "{error}");
        let error = layered("epochs = 3\n\nbatch_size = \n").unwrap_err();
        assert!(error.starts_with("my.toml:3: "), "{error}");
    }

    #[test]
    fn resolved_settings_are_a_file_that_gives_themselves() -> Result<(), Box<dyn std::error::Error>> {
        let mut settings = layered("model = \"mobilenet-v2\"")?;
        settings.steps = Some(77);
        settings.width = Some(0.35);
        assert_eq!(layered(&format!("{RESOLVED}{}", settings.to_toml()))?, settings);
        Ok(())
    }
}
