//! What a run is told: defaults, then a TOML file, then flags, resolved to one set of values.
//!
//! Owns names, meaning and ranges of the settings, and the choices that they have ([`optimizer`], [`schedule`], [`policy`],
//! [`flip`]); knows nothing of tensors. The resolved ones are written beside the results and are themselves a file for
//! `--config`, which repeats the run.

mod check;
pub mod flip;
pub mod keys;
mod layers;
pub mod optimizer;
pub mod policy;
mod recorded;
pub mod schedule;
mod settings;

pub use layers::{DEFAULTS, EXTENDED, Given, RESOLVED, lay};
pub use recorded::{STATE_KEY, settings_in};
pub use settings::{OnNan, Precision, Settings, profile_index, size_value};

/// A setting that cannot be, in a sentence that names it and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub String);
