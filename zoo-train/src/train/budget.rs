//! Turning wall time into steps.
//!
//! A run's schedule depends on its number of steps, so a budget is turned into steps twice: from a few trial steps
//! before the run, and from the real ones once the warm-up is over. The warm-up is the same for all step counts of one
//! octave (see [`warmup_for`](super::schedule::warmup_for)), and the second estimate stays within it, so that the run
//! is the one that `--steps` with the final count gives.

use std::time::Duration;

use super::schedule::warmup_for;

/// Share of the budget left for what is not measured: start, checkpoints, the last row, and a machine that slows down on the
/// way. With 0.01, runs of 20 minutes on a virtual machine took 2.8 and 5.3 % longer than they were given.
const RESERVE: f64 = 0.03;

/// What the steps and evaluations of a run cost, as trial steps tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Speed {
    /// Seconds of a training step, data included, at each size of the images, smallest first.
    pub steps: Vec<f64>,
    /// Seconds of an evaluation.
    pub evaluation: f64,
}

impl Speed {
    /// The same with all steps slower by `factor`.
    pub fn scaled(&self, factor: f64) -> Speed {
        Speed { steps: self.steps.iter().map(|seconds| seconds * factor).collect(), ..self.clone() }
    }
}

/// What a run costs on the whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Seconds of a training step, on average over the run.
    pub step: f64,
    /// Seconds of an evaluation.
    pub evaluation: f64,
    /// Steps from one evaluation to the next.
    pub interval: u64,
}

impl Pace {
    /// Seconds for `steps` steps, with an evaluation each interval and at the end.
    pub fn seconds(&self, steps: u64) -> f64 {
        steps as f64 * self.step + steps.div_ceil(self.interval.max(1)) as f64 * self.evaluation
    }

    /// The most steps that fit into `left` seconds; at least one.
    pub fn steps_in(&self, left: f64) -> u64 {
        let (mut low, mut high) = (1, 1 << 40);
        while low < high {
            let middle = u64::midpoint(low, high + 1);
            if self.seconds(middle) <= left { low = middle } else { high = middle - 1 }
        }
        low
    }
}

/// A budget that is not yet turned into steps for good.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Wall time of the run, evaluation included.
    pub total: Duration,
}

impl Budget {
    /// Steps of the whole run, where `other` seconds go into neither steps nor evaluations.
    pub fn first_estimate(&self, pace: &Pace, other: f64) -> u64 {
        pace.steps_in(self.total.as_secs_f64() * (1.0 - RESERVE) - other)
    }

    /// The same, once real steps told the pace: within the octave of `planned` steps.
    pub fn second_estimate(&self, pace: &Pace, other: f64, planned: u64) -> u64 {
        let octave = 8 * warmup_for(planned).max(1);
        self.first_estimate(pace, other).clamp(octave, 2 * octave - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_fill_the_budget_and_no_more() {
        let pace = Pace { step: 0.1, evaluation: 2.0, interval: 50 };
        let steps = pace.steps_in(100.0);
        assert!(pace.seconds(steps) <= 100.0 && pace.seconds(steps + 1) > 100.0);
        assert_eq!(pace.steps_in(-5.0), 1);
    }

    #[test]
    fn the_second_estimate_keeps_the_warm_up() {
        let budget = Budget { total: Duration::from_secs(100) };
        let slow = Pace { step: 1.0, evaluation: 0.0, interval: 390 };
        for planned in [9, 80, 1000, 3510] {
            for other in [0.0, 50.0, 99.0] {
                let steps = budget.second_estimate(&slow, other, planned);
                assert_eq!(warmup_for(steps), warmup_for(planned), "planned {planned}, {other} s");
            }
        }
    }
}
