//! The times of one subject, round by round, and which rounds count.
//!
//! Other work on a machine comes and goes, so that rounds which it disturbed can be told: they are apart from the many that
//! agree with each other. Owns that choice. When there are rounds enough is the [`protocol`](super::protocol)'s.

use super::statistics::{median, spread};
use zoo_results::timed::NOISY;

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
        self.most().is_some_and(|(_, count)| count >= enough)
    }

    /// What counts where `enough` rounds are wanted: the rounds of the stretch of [`NOISY`] percent that holds most of them,
    /// or all where so many do not agree. Most, and not the fastest: of times that scatter, those are the lucky ones.
    pub fn counted(&self, enough: usize) -> Counted {
        let (least, most) = match self.most() {
            Some((least, count)) if count >= enough => (least, within(least)),
            _ => (0.0, f64::INFINITY),
        };
        let (rounds, others): (Vec<_>, Vec<_>) =
            self.rounds.iter().partition(|(median, _)| (least..=most).contains(median));
        let medians: Vec<f64> = rounds.iter().map(|(median, _)| *median).collect();
        let all = self.medians();
        Counted {
            runs: rounds.iter().flat_map(|(_, runs)| runs.iter().copied()).collect(),
            disturbed: others.len(),
            // A machine that was disturbed for most of the time was not quiet.
            noise: spread(if others.len() > rounds.len() { &all } else { &medians }),
        }
    }

    /// The stretch of [`NOISY`] percent that holds most medians: where it begins, and how many those are; of equals the
    /// fastest.
    fn most(&self) -> Option<(f64, usize)> {
        let mut medians = self.medians();
        medians.sort_by(f64::total_cmp);
        let count = |at: usize| medians[at..].partition_point(|median| *median <= within(medians[at]));
        let stretches = (0..medians.len()).map(|at| (medians[at], count(at)));
        stretches.reduce(|best, next| if next.1 > best.1 { next } else { best })
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
    /// Spread of the medians of those that do, in percent, from the least to the greatest; of all, where those are fewer than
    /// half.
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
    fn moments_that_were_fast_alone_do_not_count_either() {
        let counted = of(&[5.0, 10.0, 10.2, 5.1, 10.4]).counted(2);
        assert_eq!((counted.runs.len(), counted.disturbed), (6, 2));
        assert!(counted.runs.iter().all(|run| *run > 9.0));
    }

    #[test]
    fn times_that_scatter_are_not_taken_at_their_fastest() {
        // From 0.96 to 1.04, most of them in the middle.
        let scattered: Vec<f64> =
            [96, 98, 99, 100, 100, 100, 101, 102, 104].map(|hundredths| f64::from(hundredths) / 10.0).into();
        let found = crate::statistics::median(&of(&scattered).counted(7).runs).unwrap();
        assert!((found - 10.0).abs() < 0.11, "{found}");
    }

    #[test]
    fn a_machine_that_is_disturbed_most_of_the_time_is_noisy() {
        let counted = of(&[10.0, 10.1, 20.0, 15.0, 30.0]).counted(2);
        assert_eq!((counted.runs.len(), counted.disturbed), (4, 3));
        assert!(counted.noise > NOISY);
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
