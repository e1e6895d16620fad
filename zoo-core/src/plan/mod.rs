//! Plan: a network as a flat list of primitive operations with shapes.
//!
//! A table is turned into a plan by the `const fn` that [`network!`](crate::network) writes; counts, summaries, tch
//! modules, weight names and drawings all read the plan. Nothing here knows a particular architecture.

mod builder;
pub(crate) mod error;
mod image_size;
mod options;
mod rules;

pub use builder::{PlanBuilder, Value};
pub use error::PlanError;
pub(crate) use image_size::MAX_SIDE;
pub use image_size::{ImageSize, ImageSizeError, InputSize};
pub(crate) use options::MAX_MULTIPLIER;
pub use options::{Options, Rules};
pub use rules::{DepthRounding, Draw, Init, Norm, Padding, Scaling, WidthRounding};

use crate::Architecture;
use crate::op::{Cost, Op, OpKind, Place, Shape};

/// A network, described to the last operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The options it was made with.
    pub options: Options,
    /// What the table says once.
    pub rules: Rules,
    /// Shape of one input image.
    pub input: Shape,
    /// The operations in the order they run.
    pub ops: Vec<Op>,
    /// What all operations cost together.
    pub cost: Cost,
}

impl Plan {
    /// Plans `architecture` with `options`.
    ///
    /// # Errors
    /// Where an option is out of range, the network would be too large to describe, or two layers share a name.
    ///
    /// ```
    /// use zoo_core::{Options, Plan, arch::MOBILENET_V2};
    /// let plan = Plan::new(&MOBILENET_V2, &Options { dropout: 0.2, ..Options::DEFAULT })?;
    /// assert_eq!((plan.cost.params, plan.cost.macs), (3_504_872, 300_774_272));
    /// # Ok::<(), zoo_core::PlanError>(())
    /// ```
    pub fn new(architecture: &Architecture, options: &Options) -> Result<Plan, PlanError> {
        Plan::of(options, &architecture.rules, architecture.build)
    }

    /// Plans what `build` emits, without a table. It is called twice and must do the same both times.
    ///
    /// # Errors
    /// As [`new`](Plan::new).
    pub fn of(options: &Options, rules: &Rules, build: impl Fn(&mut PlanBuilder<'_>)) -> Result<Plan, PlanError> {
        let mut count = PlanBuilder::counting(options, rules);
        build(&mut count);
        count.finish()?;
        let mut ops = vec![Op::NONE; count.len()];
        let mut fill = PlanBuilder::filling(options, rules, &mut ops);
        build(&mut fill);
        let cost = fill.finish()?;
        number(&mut ops)?;
        let input = options.image(rules);
        Ok(Plan { options: *options, rules: *rules, input, ops, cost })
    }

    /// Operations of the backbone: everything up to the pooled features that the classifier reads.
    pub fn backbone(&self) -> usize {
        let pool = self.ops.iter().rposition(|op| op.place == Place::Top && matches!(op.kind, OpKind::Pool(_)));
        let top = || self.ops.iter().position(|op| op.place == Place::Top);
        pool.map(|pool| pool + 1).or_else(top).unwrap_or(self.ops.len())
    }

    /// Operations of the stem and the first `stages` stages.
    pub fn up_to_stage(&self, stages: u32) -> usize {
        let beyond = |op: &Op| match op.place {
            Place::Stem => false,
            Place::Stage { stage, .. } => stage >= stages,
            Place::Head | Place::Top => true,
        };
        self.ops.iter().position(beyond).unwrap_or(self.ops.len())
    }

    /// Number of stages.
    pub fn stages(&self) -> u32 {
        let stage = |op: &Op| match op.place {
            Place::Stage { stage, .. } => Some(stage + 1),
            _ => None,
        };
        self.ops.iter().filter_map(stage).max().unwrap_or(0)
    }

    /// Number of blocks in the stages.
    pub fn blocks(&self) -> usize {
        let mut places: Vec<Place> = self.ops.iter().map(|op| op.place).collect();
        places.dedup();
        places.iter().filter(|place| matches!(place, Place::Stage { .. })).count()
    }
}

/// Numbers what has no tensors and shares its name with others of the block. Tensors are known by their names, so two
/// layers that have some must not share one.
fn number(ops: &mut [Op]) -> Result<(), PlanError> {
    let mut names = std::collections::HashMap::new();
    for op in ops {
        let count: &mut u32 = names.entry(op.name()).or_default();
        if *count > 0 && op.has_tensors() {
            return Err(PlanError::DuplicateLayer { part: op.part });
        }
        op.number = *count;
        *count += 1;
    }
    Ok(())
}
