//! What a run is told: defaults, then a TOML file, then flags, resolved to one set of values.
//!
//! Every setting is described once, in [`sections`]: type, meaning, form of its flag. Files, flags, help and the page of the
//! guide come from there. Owns the choices that settings have ([`optimizer`], [`schedule`], [`policy`], [`flip`],
//! [`freeze`]) and their ranges; knows nothing of tensors. The resolved settings are written beside the results and are
//! themselves a file for `--config`, which repeats the run.

mod check;
mod choices;
pub mod flip;
pub mod freeze;
pub mod keys;
pub mod layers;
pub mod optimizer;
pub mod policy;
pub mod recorded;
pub mod schedule;
pub mod sections;
mod setting;
mod settings;

pub use choices::{OnNan, Precision};
pub use layers::{DEFAULTS, EXTENDED, Given, RESOLVED, lay};
pub use recorded::{STATE_KEY, settings_in};
pub use sections::{Augment, Data, LearningSchedule, Network, Optimizer, Run, SECTIONS, SETTINGS, Settings};
pub use setting::{Form, Section, Setting, documentation};
pub use settings::size_value;

/// A setting that cannot be, in a sentence that names it and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub String);
