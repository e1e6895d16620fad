//! Turning wall time into steps.
//!
//! A run's schedule depends on its number of steps, so a budget is turned into steps twice: from a few trial steps
//! before the run, and from the real ones once the warm-up is over. The warm-up is the same for all step counts of one
//! octave (see [`warmup_for`](super::schedule::warmup_for)), and the second estimate stays within it, so that the run
//! is the one that `--steps` with the final count gives.

use std::time::Duration;

use super::schedule::warmup_for;

/// Share of the budget left for what is not measured: start, checkpoints, the last row.
const RESERVE: f64 = 0.01;

/// What a run costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Seconds of a training step, data included.
    pub step: f64,
    /// Seconds of an evaluation.
    pub evaluation: f64,
}

impl Speed {
    /// Seconds for `steps` more steps, with an evaluation every `per_epoch` steps and at the end.
    pub fn seconds(&self, steps: u64, per_epoch: u64) -> f64 {
        steps as f64 * self.step + steps.div_ceil(per_epoch.max(1)) as f64 * self.evaluation
    }

    /// The most steps that fit into `left` seconds; at least one.
    pub fn steps_in(&self, left: f64, per_epoch: u64) -> u64 {
        let (mut low, mut high) = (1, 1 << 40);
        while low < high {
            let middle = u64::midpoint(low, high + 1);
            if self.seconds(middle, per_epoch) <= left { low = middle } else { high = middle - 1 }
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
    /// Steps of the whole run, from trial steps, `elapsed` seconds into it.
    pub fn first_estimate(&self, speed: &Speed, elapsed: f64, per_epoch: u64) -> u64 {
        speed.steps_in(self.total.as_secs_f64() * (1.0 - RESERVE) - elapsed, per_epoch)
    }

    /// Steps of the whole run once `done` of the `planned` steps took `elapsed` seconds: within the octave of `planned`.
    pub fn second_estimate(&self, speed: &Speed, elapsed: f64, done: u64, planned: u64, per_epoch: u64) -> u64 {
        let left = self.total.as_secs_f64() * (1.0 - RESERVE) - elapsed;
        let octave = 8 * warmup_for(planned).max(1);
        (done + speed.steps_in(left, per_epoch)).clamp(octave, 2 * octave - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_fill_the_budget_and_no_more() {
        let speed = Speed { step: 0.1, evaluation: 2.0 };
        let steps = speed.steps_in(100.0, 50);
        assert!(speed.seconds(steps, 50) <= 100.0 && speed.seconds(steps + 1, 50) > 100.0);
        assert_eq!(speed.steps_in(-5.0, 50), 1);
    }

    #[test]
    fn the_second_estimate_keeps_the_warm_up() {
        let budget = Budget { total: Duration::from_secs(100) };
        let slow = Speed { step: 1.0, evaluation: 0.0 };
        for planned in [9, 80, 1000, 3510] {
            for elapsed in [0.0, 50.0, 99.0] {
                let steps = budget.second_estimate(&slow, elapsed, 10, planned, 390);
                assert_eq!(warmup_for(steps), warmup_for(planned), "planned {planned}, {elapsed} s");
            }
        }
    }
}
