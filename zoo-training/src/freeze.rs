//! Which operations a fine-tuning run leaves as they are, at each step.

use zoo_core::Plan;
use zoo_settings::freeze::Freeze;

/// Frozen operations of `plan` after `epochs` of training, where every `unfreeze_every` epochs another stage from
/// the end is freed: first the last convolution, then the stages, the stem with the first of them.
///
/// # Errors
/// Where the network has fewer stages than are to be frozen.
pub fn operations(freeze: Freeze, plan: &Plan, epochs: f64, unfreeze_every: Option<f64>) -> Result<usize, String> {
    let stages = plan.stages();
    // Counted like stages, the last convolution is one more.
    let first = match freeze {
        Freeze::None => 0,
        Freeze::Backbone => stages + 1,
        Freeze::Stages(count) if count <= stages => count,
        Freeze::Stages(count) => return Err(format!("--freeze stages:{count}: the network has {stages} stages")),
    };
    let freed = unfreeze_every.map_or(0, |every| (epochs / every) as u32);
    Ok(match first.saturating_sub(freed) {
        0 => 0,
        left if left > stages => plan.backbone(),
        left => plan.up_to_stage(left),
    })
}

#[cfg(test)]
mod tests {
    use zoo_core::arch::MOBILENET_V2;
    use zoo_core::{Options, Place};

    use super::*;

    fn plan() -> Plan {
        Plan::new(&MOBILENET_V2, &Options::DEFAULT).unwrap()
    }

    #[test]
    fn stages_are_freed_from_the_end() -> Result<(), String> {
        let plan = plan();
        let at = |epochs: f64| operations(Freeze::Backbone, &plan, epochs, Some(2.0));
        assert_eq!(at(1.9)?, plan.backbone());
        assert_eq!(plan.ops[at(2.0)?].place, Place::Head);
        assert_eq!(plan.ops[at(4.0)?].place, Place::Stage { stage: 6, block: 0 });
        assert_eq!(at(100.0)?, 0);
        assert_eq!(operations(Freeze::Stages(1), &plan, 50.0, None)?, plan.up_to_stage(1));
        assert!(operations(Freeze::Stages(8), &plan, 0.0, None).is_err());
        Ok(())
    }
}
