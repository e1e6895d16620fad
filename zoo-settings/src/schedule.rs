//! The learning rate as a pure function of the step.

use serde::{Deserialize, Serialize};

/// How the learning rate goes on after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Half a cosine, to zero (Loshchilov & Hutter 2017, arXiv:1608.03983).
    Cosine,
    /// A straight line, to zero.
    Linear,
    /// The same after a longer rise: a triangle, as short runs like it (Smith & Topin 2018, arXiv:1708.07120).
    OneCycle,
    /// A factor each interval, evenly in between.
    Exponential,
    /// A factor at the end of each interval, as TensorFlow's staircase.
    Step,
    /// It stays.
    Constant,
}

/// A warm-up from zero, then a decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The rate at the end of the warm-up.
    pub peak: f64,
    /// How it falls.
    pub decay: Decay,
    /// Steps of the warm-up.
    pub warmup: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// What the rate is multiplied with in an interval.
    pub factor: f64,
    /// Steps of an interval, counted from the first step of the run; not always whole.
    pub interval: f64,
}

/// Steps of warm-up for a run of `steps`: the largest power of two within an eighth. Coarse on purpose: while a
/// time budget is still being turned into steps, the warm-up must not depend on the last few of them.
pub fn warmup_for(steps: u64) -> u64 {
    match steps / 8 {
        0 => 0,
        eighth => 1 << eighth.ilog2(),
    }
}

impl Decay {
    /// Steps of warm-up for a run of `steps`, where none are asked for: those of [`warmup_for`], of one cycle twice as many.
    pub fn warmup_for(self, steps: u64) -> u64 {
        match self {
            Decay::OneCycle => 2 * warmup_for(steps),
            _ => warmup_for(steps),
        }
    }
}

impl Schedule {
    /// The learning rate of step `step`, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let falling = self.steps.saturating_sub(self.warmup).max(1) as f64;
        let progress = ((step - self.warmup) as f64 / falling).min(1.0);
        let intervals = step as f64 / self.interval;
        self.peak
            * match self.decay {
                Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
                Decay::Linear | Decay::OneCycle => 1.0 - progress,
                Decay::Exponential => self.factor.powf(intervals),
                Decay::Step => self.factor.powf(intervals.floor()),
                Decay::Constant => 1.0,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(decay: Decay) -> Schedule {
        Schedule { peak: 0.2, decay, warmup: 10, steps: 110, factor: 0.97, interval: 24.0 }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn rises_to_the_peak_and_falls_to_zero() {
        for decay in [Decay::Cosine, Decay::Linear, Decay::OneCycle] {
            let schedule = schedule(decay);
            assert!(close(schedule.rate(0), 0.02) && close(schedule.rate(9), 0.2) && close(schedule.rate(10), 0.2));
            assert!(close(schedule.rate(60), 0.1));
            assert!(schedule.rate(109) < 0.003 && schedule.rate(109) > 0.0);
            assert!((11..110).all(|step| schedule.rate(step) < schedule.rate(step - 1)));
        }
    }

    /// EfficientNet's: 0.97 every 2.4 epochs, here of ten steps.
    #[test]
    fn decays_by_a_factor_each_interval() {
        let (even, stairs) = (schedule(Decay::Exponential), schedule(Decay::Step));
        for intervals in 1..4 {
            let factor = 0.97f64.powi(intervals as i32);
            assert!(close(even.rate(24 * intervals), 0.2 * factor) && close(stairs.rate(24 * intervals), 0.2 * factor));
        }
        assert!(close(stairs.rate(47), stairs.rate(24)) && even.rate(47) < even.rate(24));
        assert!(close(even.rate(12), 0.2 * 0.97f64.sqrt()));
        assert!(close(schedule(Decay::Constant).rate(109), 0.2));
    }

    #[test]
    fn the_warm_up_is_a_power_of_two_within_an_eighth() {
        assert_eq!([0, 7, 8, 100, 3510, 4096].map(warmup_for), [0, 0, 1, 8, 256, 512]);
        assert_eq!(Decay::OneCycle.warmup_for(3510), 512);
    }
}
