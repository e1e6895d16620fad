//! What a file of weights is for, where it is not for the network that was asked for: the variants that it fits, and whose
//! names it has.

use super::choose::{Fit, Wanted};
use super::error::quoted;
use super::{Strictness, TensorFile};
use crate::plan::Plan;
use crate::{Architecture, Entry, Options, Registry};

/// Multipliers that are tried beside the variants: twentieths up to this.
const MOST_WIDTH: u32 = 40;

/// Names by which networks that are not in the registry are known; where one of them is found, it is theirs.
const STRANGERS: [(&str, &str); 14] = [
    ("layer1.0.conv1", "a ResNet"),
    ("denseblock1", "a DenseNet"),
    ("patch_embed", "a vision transformer"),
    ("encoder_layer_0", "a vision transformer"),
    ("downsample_layers", "a ConvNeXt"),
    ("stages.0.blocks.0", "a ConvNeXt"),
    ("Mixed_5b", "an Inception"),
    ("fire2", "a SqueezeNet"),
    ("features.3.squeeze", "a SqueezeNet"),
    ("stage2.0.branch1", "a ShuffleNet"),
    ("layers.0.conv1", "kuangliu's networks for CIFAR, whose blocks differ from the papers'"),
    ("backbone.body", "a detector"),
    ("self_attn", "a language model"),
    ("attention.self", "a language model"),
];

/// Variants of the registry whose layers are all in the file by name and shape, with the fewest others beside them; the
/// classifier may have other rows, or be missing. Several may fit, where they differ in no tensor.
pub fn networks_that_fit(registry: &Registry, file: &TensorFile) -> Vec<&'static str> {
    let more = |entry: &Entry| more_than(file, entry.architecture, &entry.variant.options);
    let fitting: Vec<(usize, &'static str)> =
        registry.entries().filter_map(|entry| Some((more(&entry)?, entry.variant.name))).collect();
    let fewest = fitting.iter().map(|(more, _)| *more).min();
    fitting.into_iter().filter(|(more, _)| Some(*more) == fewest).map(|(_, name)| name).collect()
}

fn best(file: &TensorFile, architecture: &Architecture, plan: &Plan) -> Option<(Fit, Wanted)> {
    let wanted = Wanted::new(architecture, plan);
    Some((wanted.fits(file.sets()).into_iter().next()?, wanted))
}

/// How many layers the file has beside those of a network, where it has all of those.
fn more_than(file: &TensorFile, architecture: &Architecture, options: &Options) -> Option<usize> {
    let plan = Plan::new(architecture, options).ok()?;
    let (fit, wanted) = best(file, architecture, &plan)?;
    (fit.names == fit.shapes && fit.shapes >= wanted.backbone).then_some(fit.more)
}

/// What can be done with a file that does not fit `plan` of `architecture`, as a clause.
pub(super) fn way_out(file: &TensorFile, architecture: &Architecture, plan: &Plan, strictness: Strictness) -> String {
    let registry = Registry::default();
    let fitting = networks_that_fit(&registry, file);
    let fits_this =
        best(file, architecture, plan).is_some_and(|(fit, wanted)| fit.shapes >= wanted.backbone && fit.more == 0);
    match fitting.first() {
        Some(name) if !fits_this => return format!("its tensors fit {name}: give --model {name}"),
        None if !fits_this => {
            if let Some((model, width)) = width_that_fits(&registry, file, architecture.family) {
                return format!("its tensors fit {model} with --width {width}");
            }
        }
        _ => {}
    }
    match strictness {
        Strictness::Exact => {
            "give weights whose every tensor fits, or train with these first (`train --weights`)".into()
        }
        Strictness::Strict | Strictness::Partial => "--allow-partial loads the tensors that fit".into(),
    }
}

/// The variant of the table `family` that has the file's shapes at another width, and that width.
fn width_that_fits(registry: &Registry, file: &TensorFile, family: &str) -> Option<(&'static str, f64)> {
    let widths = || (1..=MOST_WIDTH).map(|twentieth| f64::from(twentieth) / 20.0);
    let mut tried = Vec::new();
    for entry in registry.entries().filter(|entry| entry.architecture.family == family) {
        let variant = entry.variant.options;
        let beside_width = (variant.depth, variant.varied);
        if tried.contains(&beside_width) {
            continue;
        }
        tried.push(beside_width);
        let at = |width: &f64| more_than(file, entry.architecture, &Options { width: *width, ..variant }) == Some(0);
        let found = widths().find(at);
        if let Some(width) = found {
            return Some((entry.variant.name, width));
        }
    }
    None
}

/// How many tensors there are, some of their names, and whose they look like, as the end of a sentence.
pub(super) fn found(file: &TensorFile) -> String {
    const SHOWN: usize = 3;
    let names: Vec<String> = file.names().take(SHOWN).map(|name| format!("`{}`", quoted(name))).collect();
    let whose = whose(file).map(|whose| format!(", {whose}")).unwrap_or_default();
    match file.names().count() {
        1 => format!("one tensor, {}{whose}", names.join(", ")),
        count => format!("{count} tensors such as {}{whose}", names.join(", ")),
    }
}

fn whose(file: &TensorFile) -> Option<String> {
    let registry = Registry::default();
    if let Some(name) = networks_that_fit(&registry, file).first() {
        return Some(format!("which fit {name} (--model {name})"));
    }
    let most = registry.entries().filter_map(|entry| {
        let plan = Plan::new(entry.architecture, &entry.variant.options).ok()?;
        let (fit, wanted) = best(file, entry.architecture, &plan)?;
        (fit.names * 2 > wanted.count).then_some((fit.names, fit.scheme, entry))
    });
    if let Some((_, scheme, entry)) = most.max_by_key(|(names, ..)| *names) {
        return Some(format!("with {scheme}'s names for {} but other shapes", entry.architecture.family));
    }
    let names = || file.sets().iter().flat_map(|set| &set.tensors).map(|(name, _)| name);
    let stranger = STRANGERS.iter().find(|(part, _)| names().any(|name| name.contains(part)))?;
    Some(format!("which look like those of {}", stranger.1))
}
