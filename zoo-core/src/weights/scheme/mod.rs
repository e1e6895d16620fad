//! Naming schemes: what others call the tensors of these networks.
//!
//! Each scheme is a short walk over the plan in a file of its own, from a layer to its name there. Who has which families
//! is said here; shapes, files and loading are not.

mod lukemelas;
mod separable;
mod timm;
mod tonylins;
mod torchvision;

use crate::op::{Op, Place};
use crate::plan::Plan;

/// Who named the tensors of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Our own names, those of [`Op::name`].
    Zoo,
    /// torchvision's `MobileNetV2`, `MobileNetV3` and `EfficientNet`.
    Torchvision,
    /// timm's `EfficientNet` and `MobileNetV3` classes, which also hold MobileNetV1, V2 and EfficientNet-Lite.
    Timm,
    /// The `efficientnet_pytorch` of Luke Melas-Kyriazi and its offshoots: EfficientNet and EfficientNet-Lite.
    Lukemelas,
    /// MobileNetV1 as `stem`, `blocks.K.dw` and `.pw`, `classifier`.
    Separable,
    /// MobileNetV2 as its early ports have it: `features.N.conv.M`, all parts of a block in one row.
    Tonylins,
}

/// The families that others have names for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    MobileNetV1,
    MobileNetV2,
    MobileNetV3,
    EfficientNet,
    EfficientNetLite,
}

/// An operation with tensors, and what of its surroundings the schemes ask for.
struct Layer<'a> {
    family: Family,
    op: &'a Op,
    /// Blocks before its own, over all stages.
    index: u32,
    /// Blocks and stages of the network.
    blocks: u32,
    stages: u32,
    /// Whether its block begins with an expansion.
    expands: bool,
    /// Whether its block has squeeze-and-excitation.
    squeezes: bool,
}

impl Layer<'_> {
    fn is_norm(&self) -> bool {
        self.op.is_norm()
    }

    /// `conv` or `norm`, by what the layer is.
    fn pick<'n>(&self, conv: &'n str, norm: &'n str) -> &'n str {
        if self.is_norm() { norm } else { conv }
    }
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

    /// Names of the layers of `plan`, one an operation, empty for operations without tensors; nothing where the scheme
    /// has no such family.
    ///
    /// ```
    /// use zoo_core::{Options, Plan, arch::MOBILENET_V2, weights::Scheme};
    /// let plan = Plan::new(&MOBILENET_V2, &Options::DEFAULT)?;
    /// let layers = Scheme::Torchvision.layers(MOBILENET_V2.family, &plan).unwrap();
    /// assert_eq!((layers[0].as_str(), layers[1].as_str()), ("features.0.0", "features.0.1"));
    /// # Ok::<(), zoo_core::PlanError>(())
    /// ```
    pub fn layers(self, family: &str, plan: &Plan) -> Option<Vec<String>> {
        self.spellings(family, plan).into_iter().next()
    }

    /// As [`layers`](Scheme::layers), in every spelling that the scheme has, the usual one first.
    pub(super) fn spellings(self, family: &str, plan: &Plan) -> Vec<Vec<String>> {
        if self == Scheme::Zoo {
            let name = |op: &Op| if op.has_tensors() { op.name() } else { String::new() };
            return vec![plan.ops.iter().map(name).collect()];
        }
        let Some(family) = Family::of(family) else { return Vec::new() };
        let layers = surroundings(family, plan);
        let named = |name: &dyn Fn(&Layer<'_>) -> Option<String>| {
            let name = |layer: &Layer<'_>| if layer.op.has_tensors() { name(layer) } else { Some(String::new()) };
            layers.iter().map(name).collect::<Option<Vec<String>>>()
        };
        match self {
            Scheme::Zoo => Vec::new(),
            Scheme::Torchvision => named(&torchvision::layer).into_iter().collect(),
            Scheme::Timm => named(&timm::layer).into_iter().collect(),
            Scheme::Lukemelas => named(&lukemelas::layer).into_iter().collect(),
            Scheme::Separable => named(&separable::layer).into_iter().collect(),
            Scheme::Tonylins => {
                let spelled = |spelling| named(&|layer: &Layer<'_>| tonylins::layer(layer, spelling));
                tonylins::SPELLINGS.iter().filter_map(spelled).collect()
            }
        }
    }

    /// Whether the scheme keeps the weight of a 1 x 1 convolution behind the pooling as a matrix.
    pub(super) fn is_matrix(self, op: &Op) -> bool {
        self == Scheme::Torchvision && op.place == Place::Top && op.is_convolution()
    }
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl Family {
    /// The family of a table, by the name of its constant.
    pub(super) fn of(table: &str) -> Option<Family> {
        match table {
            "mobilenet-v1" => Some(Family::MobileNetV1),
            "mobilenet-v2" | "mobilenet-v2-deep" => Some(Family::MobileNetV2),
            "mobilenet-v3-large"
            | "mobilenet-v3-large-minimalistic"
            | "mobilenet-v3-small"
            | "mobilenet-v3-small-minimalistic" => Some(Family::MobileNetV3),
            "efficientnet" => Some(Family::EfficientNet),
            "efficientnet-lite" => Some(Family::EfficientNetLite),
            _ => None,
        }
    }
}

fn surroundings(family: Family, plan: &Plan) -> Vec<Layer<'_>> {
    let blocks = plan.blocks() as u32;
    let stages = plan.ops.iter().filter_map(|op| match op.place {
        Place::Stage { stage, .. } => Some(stage + 1),
        _ => None,
    });
    let stages = stages.max().unwrap_or(0);
    let in_block = |place: Place, part: &str| plan.ops.iter().any(|op| op.place == place && op.part == part);
    let mut index = 0;
    let mut previous = Place::Stem;
    let mut about = (false, false);
    plan.ops
        .iter()
        .map(|op| {
            if op.place != previous {
                index += u32::from(matches!(previous, Place::Stage { .. }));
                about = (in_block(op.place, "expand"), in_block(op.place, "se.reduce"));
                previous = op.place;
            }
            Layer { family, op, index, blocks, stages, expands: about.0, squeezes: about.1 }
        })
        .collect()
}
