//! From a file to its network: which one it is, how it is run, and its weights in it.

use std::path::Path;

use tch::{Device, Kind};
use zoo_core::model::{Model, ModelOptions};
use zoo_core::weights::{Strictness, TensorFile, TrainedWith, classes_of, detect, load};
use zoo_core::{Entry, Options, Plan, Registry};

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
    /// Whether the network holds averages of weights, in place of the weights themselves.
    pub averaged: bool,
    /// Settings of the run that wrote the file, where it is a checkpoint.
    pub run: Option<Settings>,
}

/// A file of weights, and the network that it is for.
#[derive(Debug)]
pub struct Identified {
    /// Its tensors.
    pub file: TensorFile,
    /// Its variant.
    pub entry: Entry,
    /// What the file says of itself.
    pub description: Description,
    /// How the network is run and its images are prepared.
    pub resolved: Resolved,
    /// The network of the file itself, with its number of classes.
    pub options: Options,
    /// Whether averages stand in the place of weights.
    pub averaged: bool,
}

/// What is wanted of a file of weights.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The variant; by default what the file names.
    pub model: Option<&'a str>,
    /// How the network is to be run, where the user said that.
    pub flags: &'a TrainedWith,
    /// What else is known of the weights, from the table of the hub.
    pub known: &'a TrainedWith,
    /// Whether averages are taken in the place of weights; by default where the file says that they are better.
    pub averages: Option<bool>,
}

/// Reads `path` and finds its network.
///
/// # Errors
/// Where the file cannot be read, names no network, or has no names of its network.
pub fn identify(registry: &Registry, path: &Path, wanted: Wanted<'_>) -> Result<Identified, WeightsFault> {
    let mut file = TensorFile::read(path)?;
    let (entry, description) = describe(registry, &file, wanted.model)?;
    if wanted.averages == Some(true) && !file.has_averages() {
        return Err(WeightsFault::NoAverages { path: path.into() });
    }
    let averaged = file.has_averages() && wanted.averages.or(description.averages_are_better).unwrap_or(false);
    if averaged {
        file.prefer_averages();
    }
    let mistaken = |problem| WeightsFault::Metadata { path: path.into(), problem };
    let options = description.options(&entry, entry.variant.options.classes).map_err(mistaken)?;
    // Names and classes depend on neither input size nor padding, which the names decide.
    let plan = Plan::new(entry.architecture, &options)?;
    let family = entry.architecture.family;
    let said = description.trained_with.or(*wanted.known);
    let resolved = Resolved::new(&entry, detect(&file, family, &plan)?, wanted.flags, &said);
    let options = Options {
        classes: classes_of(&file, family, &plan).unwrap_or(options.classes),
        input_size: resolved.crop.0,
        padding: resolved.padding.0,
        ..options
    };
    Ok(Identified { file, entry, description, resolved, options, averaged })
}

/// Fills the network of `path` with it exactly.
///
/// # Errors
/// As [`identify`], and where the file does not fit its network to the last tensor.
pub fn open(registry: &Registry, path: &Path, wanted: Wanted<'_>, device: Device) -> Result<Opened, WeightsFault> {
    let Identified { file, entry, description, resolved, options, averaged } = identify(registry, path, wanted)?;
    let plan = Plan::new(entry.architecture, &options)?;
    let mut model = Model::new(plan, &ModelOptions { device, kind: Kind::Float, seed: 0 })?;
    model.set_batch_norm(Some(resolved.bn_eps.0), None);
    load(&mut model, entry.architecture.family, &file, Strictness::Exact)?;
    Ok(Opened { entry, model, resolved, description, averaged, run: settings_in(&file) })
}

/// The variant that `file` is for, and what else it says.
///
/// # Errors
/// Where neither the file nor `asked` names a network, or they name two.
fn describe(registry: &Registry, file: &TensorFile, asked: Option<&str>) -> Result<(Entry, Description), WeightsFault> {
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
