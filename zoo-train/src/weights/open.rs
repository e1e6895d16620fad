//! From a file to a network filled with it.

use std::path::Path;

use tch::{Device, Kind};
use zoo_core::model::{Model, ModelOptions};
use zoo_core::weights::{LoadReport, Strictness, TensorFile, TrainedWith, classes_of, detect, load};
use zoo_core::{Entry, Plan, Registry};

use super::{Description, Resolved, WeightsFault};
use crate::train::Settings;
use crate::train::checkpoint::settings_in;

/// A network with the weights of a file.
#[derive(Debug)]
pub struct Opened {
    /// Its variant.
    pub entry: Entry,
    /// The network.
    pub model: Model,
    /// How it is run and its images are prepared.
    pub resolved: Resolved,
    /// What the file says of itself.
    pub description: Description,
    /// Settings of the run that wrote the file, where it is a checkpoint.
    pub run: Option<Settings>,
    /// How the file's tensors met the model's.
    pub report: LoadReport,
}

/// Reads `path`, finds its network (`asked`, or what the file names) and fills it exactly: with the file's own number of
/// classes. `known` is what else is known of the weights, from the table of the hub.
///
/// # Errors
/// Where the file cannot be read, names no network, or does not fit it to the last tensor.
pub fn open(
    registry: &Registry,
    path: &Path,
    asked: Option<&str>,
    flags: &TrainedWith,
    known: &TrainedWith,
    device: Device,
) -> Result<Opened, WeightsFault> {
    let file = TensorFile::read(path)?;
    let (entry, description) = describe(registry, &file, asked)?;
    let said = description.trained_with.or(*known);
    let mistaken = |problem| WeightsFault::Metadata { path: path.into(), problem };
    // The names decide how images are prepared, and these the input size: a plan of the variant's own size tells them.
    let trial = Plan::new(entry.architecture, &description.options(&entry, 1000).map_err(mistaken)?)?;
    let family = entry.architecture.family;
    let classes = classes_of(&file, family, &trial).unwrap_or(trial.options.classes);
    let resolved = Resolved::new(&entry, detect(&file, family, &trial)?, flags, &said);
    let mistaken = |problem| WeightsFault::Metadata { path: path.into(), problem };
    let mut options = description.options(&entry, classes).map_err(mistaken)?;
    options.input_size = resolved.crop.0;
    options.padding = resolved.padding.0;
    let plan = Plan::new(entry.architecture, &options)?;
    let mut model = Model::new(plan, &ModelOptions { device, kind: Kind::Float, seed: 0 })?;
    model.set_batch_norm(Some(resolved.bn_eps.0), None);
    let report = load(&mut model, family, &file, Strictness::Exact)?;
    Ok(Opened { entry, model, resolved, description, run: settings_in(&file), report })
}

/// The variant that `file` is for, and what else it says.
///
/// # Errors
/// Where neither the file nor `asked` names a network, or they name two.
pub fn describe(
    registry: &Registry,
    file: &TensorFile,
    asked: Option<&str>,
) -> Result<(Entry, Description), WeightsFault> {
    let mistaken = |problem| WeightsFault::Metadata { path: file.path.clone(), problem };
    let description = Description::from_metadata(&file.metadata).map_err(mistaken)?;
    let name = match (asked, &description.model) {
        (Some(asked), Some(held)) if asked != held => {
            let (held, asked) = (held.clone(), asked.to_string());
            return Err(WeightsFault::OtherModel { path: file.path.clone(), held, asked });
        }
        (Some(name), _) => name.to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => return Err(WeightsFault::NoModel { path: file.path.clone() }),
    };
    Ok((registry.find(&name)?, description))
}
