//! Where the time goes: a network's time and MACs by stage.

use std::time::Instant;

use zoo_core::{Op, Place};

use super::LatencyError;
use super::network::Network;
use super::statistics::median;

/// A part of the network with what it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// `stem`, `stages.0` and so on, `head` or `top`; `stem+stages.0` where the engine runs both as one.
    pub name: String,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Median time in milliseconds.
    pub ms: f64,
    /// Share of the sum over all stages, in percent.
    pub share: f64,
}

/// Times each stage over `runs` runs; none where the engine has no steps that could be told apart.
///
/// # Errors
/// Where a run fails.
pub fn measure(network: &Network, runs: usize) -> Result<Option<Vec<Stage>>, LatencyError> {
    let stage_of = |op: &Op| match op.place {
        Place::Stem => "stem".to_string(),
        Place::Stage { stage, .. } => format!("stages.{stage}"),
        Place::Head => "head".to_string(),
        Place::Top => "top".to_string(),
    };
    let plan = network.plan();
    let names: Vec<String> = plan.ops.iter().map(stage_of).collect();
    let mut order = names.clone();
    order.dedup();
    let mut place: Vec<usize> =
        names.iter().map(|name| order.iter().position(|stage| stage == name).unwrap_or(0)).collect();
    let mut is_told = vec![false; order.len()];
    if !network.run_observed(&mut |op| is_told[place[op]] = true)? {
        return Ok(None);
    }
    merge_untold(&mut order, &mut place, &is_told);
    let mut times = vec![Vec::new(); order.len()];
    for _ in 0..runs.max(1) {
        let mut sums = vec![0.0; order.len()];
        let mut before = Instant::now();
        network.run_observed(&mut |op| {
            let now = Instant::now();
            sums[place[op]] += (now - before).as_secs_f64() * 1e3;
            before = now;
        })?;
        times.iter_mut().zip(sums).for_each(|(times, sum)| times.push(sum));
    }
    let medians: Vec<f64> = times.iter().map(|times| median(times).unwrap_or(0.0)).collect();
    let total: f64 = medians.iter().sum();
    let stages = order.into_iter().zip(medians).enumerate().map(|(index, (name, ms))| {
        let ops = plan.ops.iter().zip(&place).filter(|(_, place)| **place == index);
        // The plan has been made, so every cost is known to fit.
        let macs = ops.map(|(op, _)| op.cost().map_or(0, |cost| cost.macs)).sum();
        Stage { name, macs, ms, share: 100.0 * ms / total.max(f64::MIN_POSITIVE) }
    });
    Ok(Some(stages.collect()))
}

/// Joins stages that run within the one behind them to it: the time of that one is theirs, too, and so its MACs must be.
fn merge_untold(names: &mut Vec<String>, place: &mut [usize], is_told: &[bool]) {
    let (mut kept, mut waiting, mut target) = (Vec::new(), Vec::new(), Vec::new());
    for (name, is_told) in std::mem::take(names).into_iter().zip(is_told) {
        target.push(kept.len());
        waiting.push(name);
        if *is_told {
            kept.push(waiting.join("+"));
            waiting.clear();
        }
    }
    place.iter_mut().for_each(|stage| *stage = target[*stage]);
    // The last operation of a network is always told of.
    *names = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_runs_within_the_next_one_is_counted_there() {
        let mut names = ["stem", "stages.0", "stages.1", "top"].map(String::from).to_vec();
        let mut place = vec![0, 0, 1, 2, 2, 3];
        merge_untold(&mut names, &mut place, &[false, true, false, true]);
        assert_eq!((names, place), (vec!["stem+stages.0".to_string(), "stages.1+top".into()], vec![0, 0, 0, 1, 1, 1]));
    }
}
