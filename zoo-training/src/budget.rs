//! Turning wall time into steps.
//!
//! A run's schedule depends on its number of steps, so a budget is turned into steps twice: from a few trial steps
//! before the run, and from the real ones once the warm-up is over. The warm-up is the same for all step counts of one
//! octave (see [`warmup_for`]), and the second estimate stays within it, so that the run
//! is the one that `--steps` with the final count gives.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::progress::time;
use zoo_host::words::counted;
use zoo_settings::Settings;
use zoo_settings::schedule::warmup_for;

/// Share of the budget left for what is not measured: start, checkpoints, the last row, and a machine that slows down on the
/// way. With 0.01, runs of 20 minutes on a virtual machine took 2.8 and 5.3 % longer than they were given.
const RESERVE: f64 = 0.03;

/// Fewer steps than these have no warm-up, and teach next to nothing.
const LEAST_STEPS: u64 = 8;
/// Share of a budget that evaluations may take without a word.
const MOST_EVALUATION: f64 = 0.5;

/// What the steps and evaluations of a run cost, as trial steps tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Seconds of a training step, data included, at each size of the images, smallest first.
    pub steps: Vec<f64>,
    /// Seconds of an evaluation.
    pub evaluation: f64,
    /// Seconds of writing a checkpoint, as each evaluation is followed by one.
    pub saving: f64,
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
    /// Seconds of an evaluation, with the checkpoint behind it.
    pub evaluation: f64,
    /// Steps from one evaluation to the next.
    pub interval: u64,
}

impl Pace {
    /// That of steps of `step` seconds on average, `interval` of which lie between evaluations.
    pub fn of(step: f64, speed: &Speed, settings: &Settings, interval: u64) -> Pace {
        let saving = settings.run.checkpoint_every.map_or(0.0, |every| speed.saving / every.max(1) as f64);
        Pace { step: step + saving, evaluation: speed.evaluation + speed.saving, interval }
    }

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

    /// Why no step fits, and what would do, where that is so after `passed` seconds; with a budget of which evaluations leave
    /// little, that.
    ///
    /// # Errors
    /// The sentence where nothing fits.
    pub fn check(&self, pace: &Pace, passed: f64) -> Result<Option<String>, String> {
        let total = self.total.as_secs_f64();
        let left = total * (1.0 - RESERVE) - passed;
        let (step, evaluation) = (brief(pace.step), brief(pace.evaluation));
        if pace.seconds(1) > left {
            let least = whole((passed + pace.seconds(LEAST_STEPS)) / (1.0 - RESERVE));
            return Err(format!(
                "--budget {} is too short: {} of it have already passed, a step takes {step}, and an evaluation with \
                 its checkpoint {evaluation}; give --budget {least} for {LEAST_STEPS} steps, or evaluate fewer \
                 images with --limit-test",
                whole(total),
                brief(passed)
            ));
        }
        let steps = pace.steps_in(left);
        let evaluations = steps.div_ceil(pace.interval.max(1));
        let evaluating = evaluations as f64 * pace.evaluation;
        if evaluating < total * MOST_EVALUATION && steps >= LEAST_STEPS {
            return Ok(None);
        }
        let often = if evaluations > 1 { ", or fewer evaluations with --evaluate-every," } else { "" };
        Ok(Some(format!(
            "note: of --budget {}, evaluation takes {}, which leaves {} of {step} each; a longer budget, or fewer \
             test images with --limit-test{often} would leave more",
            whole(total),
            brief(evaluating),
            counted(steps, "step")
        )))
    }

    /// The same, once real steps told the pace: within the octave of `planned` steps.
    pub fn second_estimate(&self, pace: &Pace, other: f64, planned: u64) -> u64 {
        let octave = 8 * warmup_for(planned).max(1);
        self.first_estimate(pace, other).clamp(octave, 2 * octave - 1)
    }
}

/// Seconds as people say them, with a digit behind the point where they are few.
fn brief(seconds: f64) -> String {
    if seconds < 9.95 { format!("{seconds:.1} s") } else { time(seconds) }
}

/// Whole seconds or minutes, upwards, as `--budget` takes them.
pub fn whole(seconds: f64) -> String {
    let seconds = seconds.ceil();
    if seconds < 300.0 { format!("{seconds:.0}s") } else { format!("{:.0}m", (seconds / 60.0).ceil()) }
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
    fn a_budget_that_evaluations_use_up_is_told_with_what_would_do() {
        let budget = Budget { total: Duration::from_secs(60) };
        let slow = |evaluation: f64| Pace { step: 0.5, evaluation, interval: 390 };
        assert_eq!(budget.check(&slow(5.0), 4.0), Ok(None));
        let said = budget.check(&slow(40.0), 4.0).unwrap().unwrap();
        assert!(said.contains("evaluation takes 40 s, which leaves 28 steps"), "{said}");
        let refused = budget.check(&slow(70.0), 6.0).unwrap_err();
        assert!(refused.starts_with("--budget 60s is too short: 6.0 s of it have already passed"), "{refused}");
        assert!(refused.contains("give --budget 83s for 8 steps") && refused.contains("--limit-test"), "{refused}");
        // What it says would do does.
        let budget = Budget { total: Duration::from_secs(83) };
        assert!(budget.check(&slow(70.0), 6.0).is_ok() && budget.first_estimate(&slow(70.0), 6.0) >= 8);
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
