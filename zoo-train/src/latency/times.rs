//! The times of one subject, round by round, and which rounds count.
//!
//! Other work on a machine slows runs and speeds none up, so that rounds which it disturbed can be told: they are slower than
//! those that agree with each other. Owns that choice. When there are rounds enough is the [`protocol`](super::protocol)'s.

use super::NOISY;
use super::statistics::{median, spread};

/// The times of one subject, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times {
    /// Every run of every round, each with its median.
    rounds: Vec<(f64, Vec<f64>)>,
}

impl Times {
    /// Takes a round; one without runs is none.
    pub fn push(&mut self, round: Vec<f64>) {
        if let Some(median) = median(&round) {
            self.rounds.push((median, round));
        }
    }

    /// The median of each round, disturbed ones too; subjects measured together have as many, at the same moments.
    pub fn medians(&self) -> Vec<f64> {
        self.rounds.iter().map(|(median, _)| *median).collect()
    }

    /// All runs.
    pub fn runs(&self) -> impl Iterator<Item = f64> + '_ {
        self.rounds.iter().flat_map(|(_, runs)| runs.iter().copied())
    }

    /// Whether `enough` rounds agree.
    pub fn agree(&self, enough: usize) -> bool {
        self.fastest(enough).is_some()
    }

    /// What counts where `enough` rounds are wanted: the rounds within [`NOISY`] percent of the fastest that so many agree
    /// with, or all of them where so many do not agree.
    pub fn counted(&self, enough: usize) -> Counted {
        let (least, most) = match self.fastest(enough) {
            Some(least) => (least, within(least)),
            None => (0.0, f64::INFINITY),
        };
        let rounds: Vec<_> = self.rounds.iter().filter(|(median, _)| (least..=most).contains(median)).collect();
        Counted {
            runs: rounds.iter().flat_map(|(_, runs)| runs.iter().copied()).collect(),
            disturbed: self.rounds.len() - rounds.len(),
            noise: spread(&rounds.iter().map(|(median, _)| *median).collect::<Vec<f64>>()),
        }
    }

    /// The least median that those of `enough` rounds are within [`NOISY`] percent of.
    fn fastest(&self, enough: usize) -> Option<f64> {
        let mut medians = self.medians();
        medians.sort_by(f64::total_cmp);
        let mut windows = medians.windows(enough.max(1));
        windows.find(|window| window[window.len() - 1] <= within(window[0])).map(|window| window[0])
    }
}

fn within(least: f64) -> f64 {
    least * (1.0 + NOISY / 100.0)
}

/// What counts of the times of a subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Runs, in milliseconds.
    pub runs: Vec<f64>,
    /// Rounds that do not count.
    pub disturbed: usize,
    /// Spread of the medians of those that do, in percent, from the least to the greatest.
    pub noise: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round of two runs around each median.
    fn of(medians: &[f64]) -> Times {
        let mut times = Times::default();
        medians.iter().for_each(|median| times.push(vec![median - 0.1, median + 0.1]));
        times
    }

    #[test]
    fn rounds_that_other_work_slowed_do_not_count() {
        let times = of(&[10.0, 14.0, 10.2, 10.4, 19.0]);
        let counted = times.counted(3);
        assert_eq!((counted.runs.len(), counted.disturbed), (6, 2));
        assert!(counted.runs.iter().all(|run| *run < 11.0));
        assert!((counted.noise - 100.0 * 0.4 / 10.2).abs() < 1e-9, "{}", counted.noise);
        assert_eq!(times.medians().len(), 5);
    }

    #[test]
    fn a_moment_that_was_fast_alone_does_not_count_either() {
        let counted = of(&[5.0, 10.0, 10.2, 10.4]).counted(3);
        assert_eq!((counted.runs.len(), counted.disturbed), (6, 1));
        assert!(counted.runs.iter().all(|run| *run > 9.0));
    }

    #[test]
    fn where_rounds_do_not_agree_all_count_and_the_noise_tells() {
        let times = of(&[10.0, 12.0, 14.0]);
        assert!(!times.agree(2) && times.agree(1));
        let counted = times.counted(2);
        assert_eq!((counted.runs.len(), counted.disturbed), (6, 0));
        assert!(counted.noise > NOISY);
        assert_eq!(Times::default().counted(3), Counted::default());
    }
}
