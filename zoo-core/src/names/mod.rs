//! What others call the tensors of a network, and what they train its weights with.
//!
//! Each project has a file with its ways of naming: short walks from a layer to its name there. Which of them are for a
//! network its table says (`names`), so that a table of another crate brings its own. Shapes, files and loading are not
//! here.

pub mod lukemelas;
mod python;
pub mod separable;
pub mod timm;
pub mod tonylins;
pub mod torchvision;
mod trained_with;

pub use python::{Python, PythonName};
pub use trained_with::{
    IMAGENET_MEAN, IMAGENET_STD, Interpolation, LEAST_DEVIATION, MOST_OF_PIXELS, TrainedWith, are_deviations,
    are_means, channels, deviations, epsilon, interpolation, interpolation_name, is_epsilon, multiplier, padding,
    padding_name, resize,
};

use crate::Architecture;
use crate::op::{Op, Place};
use crate::plan::Plan;

/// Who named the tensors of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// Our own names, those of [`Op::name`].
    Zoo,
    /// torchvision's model classes.
    Torchvision,
    /// timm's model classes.
    Timm,
    /// The `efficientnet_pytorch` of Luke Melas-Kyriazi and its offshoots: EfficientNet and EfficientNet-Lite.
    Lukemelas,
    /// MobileNetV1 as `stem`, `blocks.K.dw` and `.pw`, `classifier`.
    Separable,
    /// MobileNetV2 as its early ports have it: `features.N.conv.M`, all parts of a block in one row.
    Tonylins,
}

/// One way in which a project names the tensors of a family.
#[derive(Clone, Copy, Debug)]
pub struct Naming {
    /// The project.
    pub scheme: Scheme,
    /// The name of a layer that has tensors, without the last word (`weight`); none where there is no such layer. A gain is
    /// a tensor and not a layer there: its name is whole.
    pub layer: fn(&Layer<'_>) -> Option<String>,
    /// Whether the weight of a 1 x 1 convolution is kept as a matrix, or a gain as a map of one pixel.
    pub is_matrix: fn(&Layer<'_>) -> bool,
    /// What a variant's weights are trained with there.
    pub habit: fn(&str) -> TrainedWith,
    /// How Python makes a network of these names.
    pub python: Python,
}

/// An operation with tensors, and what of its surroundings names depend on.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// The operation.
    pub op: &'a Op,
    /// Blocks before its own, over all stages.
    pub index: u32,
    /// Blocks of the network.
    pub blocks: u32,
    /// Stages of the network.
    pub stages: u32,
    /// The operations of its block.
    pub block: &'a [Op],
}

impl Layer<'_> {
    /// Whether it is a norm.
    pub fn is_norm(&self) -> bool {
        self.op.is_norm()
    }

    /// `conv` or `norm`, by what the layer is.
    pub fn pick<'n>(&self, conv: &'n str, norm: &'n str) -> &'n str {
        if self.is_norm() { norm } else { conv }
    }

    /// Whether its block has a layer of that name, such as `expand`.
    pub fn has(&self, part: &str) -> bool {
        self.block.iter().any(|op| op.part == part)
    }
}

/// No weight is kept as a matrix.
pub fn no_matrix(_: &Layer<'_>) -> bool {
    false
}

impl Scheme {
    /// All of them, the most widely used first.
    pub const ALL: [Scheme; 6] =
        [Scheme::Zoo, Scheme::Torchvision, Scheme::Timm, Scheme::Lukemelas, Scheme::Separable, Scheme::Tonylins];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Zoo => "zoo",
            Scheme::Torchvision => "torchvision",
            Scheme::Timm => "timm",
            Scheme::Lukemelas => "lukemelas",
            Scheme::Separable => "separable",
            Scheme::Tonylins => "tonylins",
        }
    }

    /// The scheme of that name.
    pub fn by_name(name: &str) -> Option<Scheme> {
        Scheme::ALL.into_iter().find(|scheme| scheme.name() == name)
    }

    /// Its ways of naming the layers of `architecture`, the usual one first.
    pub fn namings(self, architecture: &Architecture) -> impl Iterator<Item = &'static Naming> {
        architecture.names.iter().filter(move |naming| naming.scheme == self)
    }

    /// Names of the layers of `plan`, one an operation, empty for operations without tensors; nothing where the scheme
    /// has no such network.
    ///
    /// ```
    /// use zoo_core::{Options, Plan, arch::MOBILENET_V2, names::Scheme};
    /// let plan = Plan::new(&MOBILENET_V2, &Options::DEFAULT)?;
    /// let layers = Scheme::Torchvision.layers(&MOBILENET_V2, &plan).unwrap();
    /// assert_eq!((layers[0].as_str(), layers[1].as_str()), ("features.0.0", "features.0.1"));
    /// # Ok::<(), zoo_core::PlanError>(())
    /// ```
    pub fn layers(self, architecture: &Architecture, plan: &Plan) -> Option<Vec<String>> {
        self.spellings(architecture, plan).into_iter().next()
    }

    /// As [`layers`](Scheme::layers), in every spelling that the scheme has, the usual one first.
    pub fn spellings(self, architecture: &Architecture, plan: &Plan) -> Vec<Vec<String>> {
        if self == Scheme::Zoo {
            let name = |op: &Op| if op.has_tensors() { op.name() } else { String::new() };
            return vec![plan.ops.iter().map(name).collect()];
        }
        let layers = layers(plan);
        let named = |naming: &Naming| {
            let name = |layer: &Layer<'_>| {
                if layer.op.has_tensors() { (naming.layer)(layer) } else { Some(String::new()) }
            };
            layers.iter().map(name).collect::<Option<Vec<String>>>()
        };
        self.namings(architecture).filter_map(named).collect()
    }

    /// Which weights of 1 x 1 convolutions the scheme keeps as matrices, an answer an operation.
    pub fn matrices(self, architecture: &Architecture, plan: &Plan) -> Vec<bool> {
        match self.namings(architecture).next() {
            Some(naming) => layers(plan).iter().map(|layer| (naming.is_matrix)(layer)).collect(),
            None => vec![false; plan.ops.len()],
        }
    }
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The name of a tensor: its layer's and, behind it, its own word. A gain of others is a tensor and not a layer.
pub fn tensor_name(scheme: Scheme, op: &Op, layer: &str, word: &str) -> String {
    match op.kind {
        crate::op::OpKind::Gain(_) if scheme != Scheme::Zoo => layer.to_string(),
        _ => format!("{layer}.{word}"),
    }
}

/// The operations of a plan with their surroundings.
fn layers(plan: &Plan) -> Vec<Layer<'_>> {
    let (blocks, stages) = (plan.blocks() as u32, plan.stages());
    let mut index = 0;
    let mut layers = Vec::with_capacity(plan.ops.len());
    for block in plan.ops.chunk_by(|a, b| a.place == b.place) {
        layers.extend(block.iter().map(|op| Layer { op, index, blocks, stages, block }));
        index += u32::from(matches!(block[0].place, Place::Stage { .. }));
    }
    layers
}
