//! Settings as runs wrote them down: in checkpoints, and in the `config.toml` of a run. Earlier releases wrote them without
//! sections, and their runs go on all the same.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error};
use toml::Table;

use crate::layers::{flatten, in_sections};
use crate::{Setting, Settings};

/// Key of the metadata of a checkpoint under which it says, in JSON, where its run stood.
pub const STATE_KEY: &str = "zoo.state";

/// Settings of the run that wrote a file with this metadata, where it is a checkpoint of ours.
pub fn settings_in(metadata: &BTreeMap<String, String>) -> Option<Settings> {
    let mut state: serde_json::Value = serde_json::from_str(metadata.get(STATE_KEY)?).ok()?;
    of_json(state.get_mut("settings")?.take()).ok()
}

/// Reads the settings of a checkpoint, for serde's `deserialize_with`.
///
/// # Errors
/// Where they are none.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Settings, D::Error> {
    of_json(serde_json::Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The keys of a `config.toml` of a run, without sections; none where it is not TOML.
pub fn read_config(text: &str) -> Option<Table> {
    Some(flatten(text.parse().ok()?))
}

/// The settings of a `config.toml` of a run.
pub fn settings_of_config(text: &str) -> Option<Settings> {
    let mut table: Table = crate::DEFAULTS.parse().map(flatten).ok()?;
    table.extend(read_config(text)?);
    Settings::deserialize(in_sections(&table)).ok()
}

fn of_json(value: serde_json::Value) -> Result<Settings, serde_json::Error> {
    let serde_json::Value::Object(keys) = value else { return serde_json::from_value(value) };
    let mut sections = serde_json::Map::new();
    for (key, value) in keys {
        // Three sections are named like a setting, which is no object.
        match Setting::find(&key).filter(|_| !value.is_object()) {
            Some(setting) => {
                let section = sections.entry(setting.section).or_insert_with(|| serde_json::Map::new().into());
                if let Some(section) = section.as_object_mut() {
                    section.insert(key, value);
                }
            }
            None => {
                sections.insert(key, value);
            }
        }
    }
    serde_json::from_value(sections.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_sections_are_read() {
        let flags =
            "model = 'mobilenet-v2'\nschedule = 'linear'\noptimizer = 'lamb'\nmean = [0.1, 0.2, 0.3]".parse().unwrap();
        let settings = Settings::layered(None, flags).unwrap().0;
        let flat = toml::to_string(&settings.to_flat()).unwrap();
        assert_eq!(settings_of_config(&flat), Some(settings.clone()));
        assert_eq!(settings_of_config(&settings.to_toml()), Some(settings.clone()));
        let flat = serde_json::to_value(settings.to_flat()).unwrap();
        assert_eq!(of_json(flat).unwrap(), settings);
        assert_eq!(of_json(serde_json::to_value(&settings).unwrap()).unwrap(), settings);
    }
}
