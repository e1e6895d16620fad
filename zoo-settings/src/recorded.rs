//! The settings that a checkpoint records.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Settings;

/// Key of the metadata of a checkpoint under which it says, in JSON, where its run stood.
pub const STATE_KEY: &str = "zoo.state";

/// What of it is asked for here.
#[derive(Deserialize)]
struct State {
    settings: Settings,
}

/// Settings of the run that wrote a file with this metadata, where it is a checkpoint of this release.
pub fn settings_in(metadata: &BTreeMap<String, String>) -> Option<Settings> {
    let state: State = serde_json::from_str(metadata.get(STATE_KEY)?).ok()?;
    Some(state.settings)
}
