//! The learning rate as a pure function of the step.

use serde::{Deserialize, Serialize};

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Half a cosine, to zero (Loshchilov & Hutter 2017, arXiv:1608.03983).
    Cosine,
    /// A straight line, to zero.
    Linear,
}

/// A warm-up from zero, then a decay to zero.
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
}

/// Steps of warm-up for a run of `steps`: the largest power of two within an eighth. Coarse on purpose: while a
/// time budget is still being turned into steps, the warm-up must not depend on the last few of them.
pub fn warmup_for(steps: u64) -> u64 {
    match steps / 8 {
        0 => 0,
        eighth => 1 << eighth.ilog2(),
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
        match self.decay {
            Decay::Cosine => self.peak * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
            Decay::Linear => self.peak * (1.0 - progress),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_to_the_peak_and_falls_to_zero() {
        for decay in [Decay::Cosine, Decay::Linear] {
            let schedule = Schedule { peak: 0.2, decay, warmup: 10, steps: 110 };
            assert!((schedule.rate(0) - 0.02).abs() < 1e-12);
            assert!((schedule.rate(9) - 0.2).abs() < 1e-12);
            assert!((schedule.rate(10) - 0.2).abs() < 1e-12);
            assert!((schedule.rate(60) - 0.1).abs() < 1e-12);
            assert!(schedule.rate(109) < 0.003 && schedule.rate(109) > 0.0);
            assert!((11..110).all(|step| schedule.rate(step) < schedule.rate(step - 1)));
        }
    }

    #[test]
    fn the_warm_up_is_a_power_of_two_within_an_eighth() {
        assert_eq!([0, 7, 8, 100, 3510, 4096].map(warmup_for), [0, 0, 1, 8, 256, 512]);
    }
}
