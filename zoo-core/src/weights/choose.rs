//! Which of the tensors in a file are a network's: the set of them and the prefix before their names under which the
//! names of the network are found, for the weights themselves and for averages of them.

use std::collections::HashMap;

use super::file::{Part, Set, TensorFile};
use super::load::{UNREAD, differ_in_columns, same_tensor};
use super::{AVERAGE_PREFIX, Scheme};
use crate::Architecture;
use crate::op::{Op, OpKind};
use crate::plan::Plan;

/// Words of which one stands in the name of a container or a prefix where the tensors are averages of others: timm's
/// `state_dict_ema`, torchvision's `model_ema`, `swa_model`, `ema_state_dict`, `params_ema`, `shadow`.
const AVERAGES: [&str; 8] = ["ema", "swa", "averaged", "average", "averages", "avg", "shadow", "polyak"];
/// What `torch.optim.swa_utils.AveragedModel` counts in, beside `module.` and the names of the network.
const COUNT: &str = "n_averaged";
/// What it puts before the names.
const WRAPPED: &str = "module.";
/// Where PyTorch Lightning puts the weights themselves when the state dict holds their averages.
const UNDER_AVERAGES: &str = "current_model_state";
/// In checkpoints of this project the prefix of an optimizer's state; the name of the parameter follows.
const OPTIMIZER: &str = "optimizer.";
/// Parts of a name that may be a prefix.
const DEEPEST: usize = 12;

/// The layers' weights of a network by every name that they have somewhere, with the spelling and the shape.
pub(super) struct Wanted {
    layers: HashMap<String, Vec<(usize, Layer)>>,
    spellings: Vec<Scheme>,
    /// Layers of the network, and those of them that are no classifier.
    pub count: usize,
    pub backbone: usize,
}

#[derive(Clone)]
struct Layer {
    shape: Vec<i64>,
    is_classifier: bool,
    reads_image: bool,
}

/// How well a part of a file fits a network.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    pub part: Part,
    pub scheme: Scheme,
    /// Layers whose names are there.
    pub names: usize,
    /// Layers whose weights have the shape as well; a classifier may have other rows.
    pub shapes: usize,
    /// Weights beside them that are no layer of the network.
    pub more: usize,
    pub averaged: bool,
}

impl Wanted {
    pub fn new(architecture: &Architecture, plan: &Plan) -> Wanted {
        let mut wanted = Wanted { layers: HashMap::new(), spellings: Vec::new(), count: 0, backbone: 0 };
        for scheme in Scheme::ALL {
            for names in scheme.spellings(architecture, plan) {
                for (op, name) in plan.ops.iter().zip(names).filter(|(op, _)| has_weight(op)) {
                    let layer =
                        Layer { shape: weight_shape(op), is_classifier: op.is_linear(), reads_image: op.reads_image() };
                    let spelled = (wanted.spellings.len(), layer);
                    wanted.layers.entry(format!("{name}.weight")).or_default().push(spelled);
                }
                wanted.spellings.push(scheme);
            }
        }
        let layers = || plan.ops.iter().filter(|op| has_weight(op));
        wanted.count = layers().count();
        wanted.backbone = layers().filter(|op| !op.is_linear()).count();
        wanted
    }

    /// Every set and prefix under which a name of the network is found, the best first.
    pub fn fits(&self, sets: &[Set]) -> Vec<Fit> {
        let mut scores: HashMap<(usize, &str), Vec<(usize, usize)>> = HashMap::new();
        for (at, set) in sets.iter().enumerate() {
            for (name, view) in set.tensors.iter().filter(|(name, _)| name.ends_with(".weight")) {
                let behind_dots = name.match_indices('.').map(|(dot, _)| dot + 1);
                for start in std::iter::once(0).chain(behind_dots).take(DEEPEST) {
                    let Some(layers) = self.layers.get(&name[start..]) else { continue };
                    let none = || vec![(0, 0); self.spellings.len()];
                    let scores = scores.entry((at, &name[..start])).or_insert_with(none);
                    for (spelling, layer) in layers {
                        scores[*spelling].0 += 1;
                        scores[*spelling].1 += usize::from(layer.is_like(view.shape()));
                    }
                }
            }
        }
        let scores = scores.into_iter().filter(|((_, prefix), _)| !prefix.starts_with(OPTIMIZER));
        let mut fits: Vec<Fit> = scores
            .map(|((set, prefix), scores)| {
                // The first of equals: schemes are listed by how usual they are.
                let best = (0..scores.len()).rev().max_by_key(|spelling| scores[*spelling]).unwrap_or(0);
                let (names, shapes) = scores[best];
                let part = Part { set, prefix: prefix.to_string() };
                let more = weights_of(&sets[set], prefix).saturating_sub(names);
                Fit { averaged: is_average(sets, &part), part, scheme: self.spellings[best], names, shapes, more }
            })
            .collect();
        fits.sort_by(|a, b| {
            let key =
                |fit: &Fit| (usize::MAX - fit.names, usize::MAX - fit.shapes, fit.part.set, fit.part.prefix.len());
            key(a).cmp(&key(b)).then_with(|| a.part.prefix.cmp(&b.part.prefix))
        });
        fits
    }
}

impl Layer {
    fn is_like(&self, shape: &[i64]) -> bool {
        let other_rows = self.is_classifier && shape.len() == self.shape.len() && shape[1..] == self.shape[1..];
        other_rows || same_tensor(shape, &self.shape) || self.reads_image && differ_in_columns(shape, &self.shape)
    }
}

impl TensorFile {
    /// Takes the tensors of the network `plan` of `architecture` out of everything that is in the file: those whose
    /// names fit best, under whatever key and prefix they stand. Averaged weights are found with them, in the layout of any
    /// library ([`has_averages`](TensorFile::has_averages)). Where nothing fits, everything stays as it was read.
    pub fn choose_for(&mut self, architecture: &Architecture, plan: &Plan) {
        let fits = Wanted::new(architecture, plan).fits(self.sets());
        let best = |averaged: bool| fits.iter().find(|fit| fit.averaged == averaged);
        let (mut plain, mut averages) = (best(false), best(true));
        // A name or two in another dictionary are no network.
        if let (Some(one), Some(other)) = (plain, averages) {
            plain = plain.filter(|_| one.names * 2 >= other.names);
            averages = averages.filter(|_| other.names * 2 >= one.names);
        }
        let also = fits.iter().filter(|fit| !fit.averaged && Some(fit.names) == plain.map(|plain| plain.names)).skip(1);
        let also = also.map(|fit| fit.part.clone()).collect();
        let part = |fit: Option<&Fit>| fit.map(|fit| fit.part.clone());
        self.choose(part(plain), part(averages), also);
    }
}

/// How many layers have their weights there.
fn weights_of(set: &Set, prefix: &str) -> usize {
    let names = set.tensors.iter().filter_map(|(name, _)| name.strip_prefix(prefix));
    names.filter(|name| name.ends_with(".weight") && !is_of_loss(name)).count()
}

/// Whether the tensors of a part are averages of others, by what stands around them.
fn is_average(sets: &[Set], part: &Part) -> bool {
    let set = &sets[part.set];
    let mut words =
        [set.path.as_str(), &part.prefix].into_iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    if words.any(|word| AVERAGES.contains(&word)) || part.prefix == AVERAGE_PREFIX {
        return true;
    }
    let counted = part.prefix.strip_suffix(WRAPPED).map(|outer| format!("{outer}{COUNT}"));
    counted.is_some_and(|count| set.tensors.iter().any(|(name, _)| *name == count))
        || (set.path == "state_dict" && sets.iter().any(|set| set.path == UNDER_AVERAGES))
}

/// Whether it has a tensor called `weight` by all. Gains are called by many names.
fn has_weight(op: &Op) -> bool {
    op.has_tensors() && !matches!(op.kind, OpKind::Gain(_))
}

fn weight_shape(op: &Op) -> Vec<i64> {
    op.parameters().first().map(|weight| weight.shape.clone()).unwrap_or_default()
}

/// Whether a tensor is one that nobody reads, so that nobody misses it either: counts of updates, and what the profiler
/// `thop` leaves in every module.
pub(super) fn is_unread(name: &str) -> bool {
    matches!(name.rsplit('.').next(), Some(UNREAD | COUNT | "total_ops" | "total_params"))
}

/// Whether a tensor belongs to a loss or a metric, which networks that were saved as a whole carry along.
pub(super) fn is_of_loss(name: &str) -> bool {
    let outermost = name.split('.').next().unwrap_or_default();
    name.len() > outermost.len() && ["loss", "criteri", "metric"].iter().any(|word| outermost.contains(word))
}
