//! From a file to its network: which one it is, how it is run, and its weights in it.

use std::path::Path;

use tch::{Device, Kind};
use zoo_core::model::{Model, ModelOptions};
use zoo_core::names::PythonName;
use zoo_core::weights::{
    Said, Strictness, TensorFile, TrainedWith, classes_of, detect, in_channels_of, interpolation, load,
};
use zoo_core::{Entry, InputSize, Options, Plan, Registry};

use super::libraries::{Known, known_by_file, known_by_name, model_of};
use super::resolved::Origin;
use super::{Description, Resolved, WeightsFault};
use zoo_settings::{Settings, settings_in};

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
    /// Which tensors of the file were taken, where there was a choice or some were left out.
    pub account: Option<String>,
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
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// The variant; by default what the file names.
    pub model: Option<&'a str>,
    /// Width, depth and strides, where the user said them.
    pub scale: Scale<'a>,
    /// How the network is to be run, where the user said that.
    pub flags: TrainedWith,
    /// What is known of the weights from where they come; by default what the name of the file tells.
    pub known: Option<&'a Known>,
    /// Whether averages are taken in the place of weights; by default where the file says that they are better.
    pub averages: Option<bool>,
}

/// Width, depth, strides and input channels in place of those of the file and the variant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scale<'a> {
    /// Width multiplier.
    pub width: Option<f64>,
    /// Depth multiplier.
    pub depth: Option<f64>,
    /// Name of the profile.
    pub profile: Option<&'a str>,
    /// Channels of the input.
    pub in_channels: Option<u32>,
}

/// Reads `path` and finds its network.
///
/// # Errors
/// Where the file cannot be read, names no network, or has no names of its network.
pub fn identify(registry: &Registry, path: &Path, wanted: Wanted<'_>) -> Result<Identified, WeightsFault> {
    if path.is_dir() {
        let best = Some(path.join("best.safetensors")).filter(|best| best.is_file());
        let such = best.map_or(String::new(), |best| format!(", such as {}", best.display()));
        return Err(WeightsFault::Choice(format!(
            "--weights {}: that is a folder; give a file of weights in it{such}",
            path.display()
        )));
    }
    let mut file = TensorFile::read(path)?;
    let known = wanted.known.cloned().or_else(|| known_by_file(path));
    let (entry, description) = describe(registry, &file, known.as_ref(), wanted)?;
    let mistaken = |problem| WeightsFault::Metadata { path: path.into(), problem };
    let options = description.options(&entry, entry.variant.options.classes).map_err(mistaken)?;
    // Names and classes depend on neither input size nor padding, which the names decide.
    let plan = Plan::new(entry.architecture, &options)?;
    let architecture = entry.architecture;
    file.choose_for(architecture, &plan);
    match wanted.averages {
        Some(true) if !file.has_averages() => return Err(WeightsFault::NoAverages { path: path.into() }),
        Some(false) if !file.has_weights() => return Err(WeightsFault::AveragesAlone { path: path.into() }),
        _ => {}
    }
    let preferred = wanted.averages.or(description.averages_are_better).unwrap_or(false);
    let averaged = file.has_averages() && (preferred || !file.has_weights());
    if averaged {
        file.prefer_averages();
    }
    let scheme = detect(&file, architecture, &plan)?;
    let by_file = known.map(|known| known.trained_with).unwrap_or_default();
    let by_whom = if wanted.known.is_some() { Origin::Hub } else { Origin::FileName };
    let by_name = network_of(&file).map(|name| known_by_name(name, scheme)).unwrap_or_default();
    let by_name = by_script(&file.said, by_name);
    let told = [(description.trained_with, Origin::Metadata), (by_file, by_whom), (by_name, Origin::Arch)];
    let in_channels = wanted.scale.in_channels.or(in_channels_of(&file, architecture, &plan));
    let options = options.with_input(InputSize { in_channels, ..options.input() }, &architecture.rules);
    let channels = options.image(&architecture.rules).c;
    let resolved = Resolved::new(&entry, scheme, &wanted.flags, &told, channels);
    let options = Options {
        classes: classes_of(&file, architecture, &plan).unwrap_or(options.classes),
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
    model.set_norms(Some(resolved.bn_eps.0), None);
    let report = load(&mut model, entry.architecture, &file, Strictness::Exact)?;
    let account = file.account().map(|account| match (averaged, file.has_weights() && file.has_averages()) {
        (true, true) => format!("{account}; --ema false takes the weights without averaging"),
        (false, true) => format!("{account}; --ema takes the averaged weights"),
        _ => account,
    });
    let account = match report.fitted_channels {
        Some(_) => Some(account.map_or_else(|| report.to_string(), |account| format!("{account}; {report}"))),
        None => account,
    };
    Ok(Opened { entry, model, resolved, description, averaged, account, run: settings_in(&file.metadata) })
}

/// The variant that `file` is for, and what else it says, with what is `wanted` in its place.
///
/// # Errors
/// Where neither the file nor the user names a network, or they name two.
fn describe(
    registry: &Registry,
    file: &TensorFile,
    known: Option<&Known>,
    wanted: Wanted<'_>,
) -> Result<(Entry, Description), WeightsFault> {
    let mistaken = |problem| WeightsFault::Metadata { path: file.path.clone(), problem };
    let Scale { width, depth, profile, .. } = wanted.scale;
    let flags = Description {
        width,
        depth,
        profile: profile.map(String::from),
        trained_with: wanted.flags,
        ..Description::default()
    };
    // A flag is the way out where the file's own value makes no sense.
    let mut metadata = file.metadata.clone();
    flags.to_metadata().keys().for_each(|key| drop(metadata.remove(key)));
    let description = Description::from_metadata(&metadata).map_err(mistaken)?;
    let held = description.model.clone().or_else(|| model_named(registry, network_of(file)?));
    let held = held.or_else(|| known.map(|known| known.model.clone()));
    let name = match (wanted.model, held) {
        (Some(asked), Some(held)) if asked != held => {
            let asked = registry.find(asked)?.variant.name.to_string();
            return Err(WeightsFault::OtherModel { path: file.path.clone(), held, asked });
        }
        (Some(name), _) => name.to_string(),
        (None, Some(name)) => name,
        (None, None) => {
            let stranger = network_of(file).map(String::from);
            return Err(WeightsFault::NoModel { path: file.path.clone(), stranger });
        }
    };
    let description = Description {
        width: width.or(description.width),
        depth: depth.or(description.depth),
        profile: flags.profile.or(description.profile),
        ..description
    };
    Ok((registry.find(&name)?, description))
}

/// The variant of a foreign name, which may be ours or one of a table from outside.
fn model_named(registry: &Registry, name: &str) -> Option<String> {
    let before = name.split_once('.').map_or(name, |(before, _)| before);
    let called = |entry: &Entry| {
        let names = entry.architecture.names.iter();
        let given = names.filter_map(|naming| match naming.python.name {
            PythonName::Of(name) => name(entry.variant.name),
            _ => None,
        });
        given.into_iter().any(|given| given == before)
    };
    let known = registry.find(name).ok().or_else(|| registry.entries().find(called));
    model_of(name).or_else(|| known.map(|entry| entry.variant.name.to_string()))
}

/// What timm's script was told of sizes, over the `usual` of the network that it trained.
fn by_script(said: &Said, usual: TrainedWith) -> TrainedWith {
    let side = said.get("args.img_size").and_then(|side| side.parse().ok());
    let share = said.get("args.crop_pct").and_then(|share| share.parse::<f64>().ok());
    let share = share.filter(|share| *share > 0.05 && *share <= 1.0).or_else(|| {
        let (crop, resize) = (usual.crop?, usual.resize??);
        Some(f64::from(crop.shorter()) / f64::from(resize))
    });
    let changed = said.get("args.img_size").is_some() || said.get("args.crop_pct").is_some();
    let Some((crop, share)) = side.or(usual.crop).zip(share).filter(|_| changed) else { return usual };
    let how = said.get("args.interpolation").and_then(interpolation).or(usual.interpolation);
    let resize = Some(Some((f64::from(crop.shorter()) / share).floor() as u32));
    TrainedWith { crop: Some(crop), resize, interpolation: how, ..usual }
}

/// What the scripts of others call the network of their file.
fn network_of(file: &TensorFile) -> Option<&str> {
    file.said.arch().map(|(_, name)| name)
}
