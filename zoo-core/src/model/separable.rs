//! Which steps of a deployed network run as one: a depthwise convolution with the expansion before it and the projection
//! behind it, where nobody else reads what is between them.

use zoo_native::convolution::Separable;

use super::ModelError;
use super::deployed::{Step, StepKind};
use crate::op::Place;
use crate::plan::Plan;

/// Joins what can be joined within a block; the stem goes with the first one.
///
/// # Errors
/// Where convolutions do not match, which a plan rules out.
pub(super) fn join(plan: &Plan, steps: Vec<Step>) -> Result<Vec<Step>, ModelError> {
    let place = |step: &Step| plan.ops[step.output - 1].place;
    let mut joined: Vec<Step> = Vec::with_capacity(steps.len());
    let mut steps = steps.into_iter().peekable();
    while let Some(mut step) = steps.next() {
        let own = place(&step);
        let StepKind::Packed { convolution: depthwise, add: false } = step.kind else {
            joined.push(step);
            continue;
        };
        if !depthwise.is_depthwise() || step.activation.is_some() {
            step.kind = StepKind::Packed { convolution: depthwise, add: false };
            joined.push(step);
            continue;
        }
        let before = joined.pop_if(|before| {
            matches!(&before.kind, StepKind::Packed { convolution, add: false } if !convolution.is_depthwise())
                && before.is_plain()
                && (place(before) == own || place(before) == Place::Stem)
                && reads_alone(&step.inputs, &step.dead, before)
        });
        let mut expand = None;
        if let Some(before) = before {
            step.dead.retain(|value| *value != before.output);
            step.dead.extend(before.dead);
            step.inputs = before.inputs;
            expand = Some(before.kind).and_then(packed);
        }
        let behind = steps.next_if(|behind| {
            matches!(&behind.kind, StepKind::Packed { convolution, .. } if convolution.is_pointwise())
                && behind.is_plain()
                && place(behind) == own
                && behind.inputs[0] == step.output
                && !behind.inputs[1..].contains(&step.output)
                && behind.dead.contains(&step.output)
        });
        let (mut project, mut add) = (None, false);
        if let Some(behind) = behind {
            step.dead.extend(behind.dead.into_iter().filter(|value| *value != step.output));
            step.inputs.extend_from_slice(&behind.inputs[1..]);
            step.output = behind.output;
            add = matches!(behind.kind, StepKind::Packed { add: true, .. });
            project = packed(behind.kind);
        }
        step.kind = if expand.is_none() && project.is_none() {
            StepKind::Packed { convolution: depthwise, add: false }
        } else {
            StepKind::Separable { separable: Separable::new(expand, depthwise, project)?, add }
        };
        joined.push(step);
    }
    Ok(joined)
}

/// Whether what `before` gives is read by such a step and by no other.
fn reads_alone(inputs: &[usize], dead: &[usize], before: &Step) -> bool {
    inputs == [before.output] && dead.contains(&before.output)
}

fn packed(kind: StepKind) -> Option<zoo_native::convolution::Convolution> {
    match kind {
        StepKind::Packed { convolution, .. } => Some(convolution),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Backend, Model, ModelOptions};
    use crate::{Options, Registry};

    #[test]
    fn every_block_is_one_step_and_the_stem_runs_with_the_first() {
        let entry = Registry::default().find("mobilenet-v2").unwrap();
        let plan = Plan::new(entry.architecture, &Options { input_size: 32.into(), ..entry.variant.options }).unwrap();
        let blocks = plan.blocks();
        let deployed = Model::new(plan, &ModelOptions::default()).unwrap().deploy(Backend::Native).unwrap();
        let is_joined = |step: &&Step| matches!(step.kind, StepKind::Separable { .. });
        assert_eq!(deployed.steps.iter().filter(is_joined).count(), blocks);
        assert!(is_joined(&&deployed.steps[0]) && deployed.steps[0].inputs == [0]);
        let adds = deployed.steps.iter().filter(|step| matches!(step.kind, StepKind::Separable { add: true, .. }));
        assert_eq!(adds.count(), 10, "blocks with a residual");
    }
}
