//! When a run counts: warm-up until stable, then interleaved rounds until there are enough.
//!
//! Owns the order of runs and the clock; which rounds count is [`times`](super::times)'. What is run is a [`Subject`]; a network is one, and so is a stub in a test.

use std::time::{Duration, Instant};

use super::LatencyError;
use super::statistics::median;
use super::times::Times;
use super::watch::Watch;

/// Runs of a warm-up window.
const WINDOW: usize = 5;
/// Medians of successive windows that differ by less are stable.
const STABLE: f64 = 0.02;
/// A warm-up ends here at the latest; the noise column then tells the rest.
const WARMUP: (usize, Duration) = (20, Duration::from_secs(10));
/// Rounds that the runs are spread over, at least: enough for an interval, and few enough that switching costs little.
pub const ROUNDS: usize = 15;
/// Rounds at most, where so many do not agree: a machine that is never quiet for long is measured as it is.
const MOST_ROUNDS: usize = 60;

/// Something that takes time.
pub trait Subject {
    /// Runs it once to the end: on a GPU, until the GPU is through.
    ///
    /// # Errors
    /// Where it fails; it is left out from then on.
    fn run(&mut self) -> Result<(), LatencyError>;
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Measured runs, at least.
    pub runs: usize,
    /// Time that they take together, at least.
    pub time: Duration,
}

impl Default for Protocol {
    /// 30 runs and a second.
    fn default() -> Protocol {
        Protocol { runs: 30, time: Duration::from_secs(1) }
    }
}

struct Run<'a> {
    subject: &'a mut dyn Subject,
    /// Runs in a round, by the speed of the warm-up.
    per_round: usize,
    times: Result<Times, LatencyError>,
}

impl Protocol {
    /// Measures `subjects` in turn: each is warmed up, and then every round has some runs of each (A B A B), so that
    /// whatever the machine does meanwhile hits all alike. After a switch one run does not count: it finds the caches full
    /// of another subject's weights.
    pub fn measure(
        &self,
        subjects: &mut [&mut dyn Subject],
        watch: &mut dyn Watch,
    ) -> Vec<Result<Times, LatencyError>> {
        let mut runs: Vec<Run<'_>> = Vec::new();
        for (place, subject) in subjects.iter_mut().enumerate() {
            watch.warms(place);
            let run = self.warm(&mut **subject);
            run.times.as_ref().err().into_iter().for_each(|error| watch.failed(place, error));
            runs.push(run);
        }
        let alone = runs.len() == 1;
        // A warm-up may have been slower than what follows, or rounds be disturbed, and more of them be needed. All have as
        // many, as ratios are taken round by round.
        let mut round = 0;
        while round < ROUNDS || runs.iter().any(|run| run.lacks(self, round < MOST_ROUNDS)) {
            for (place, run) in runs.iter_mut().enumerate() {
                let unmeasured = usize::from(!alone || round == 0);
                let Ok(times) = &mut run.times else { continue };
                match round_of(run.subject, unmeasured, run.per_round) {
                    Ok(found) => {
                        watch.round(place, &found);
                        times.push(found);
                    }
                    Err(error) => {
                        watch.failed(place, &error);
                        run.times = Err(error);
                    }
                }
            }
            round += 1;
        }
        runs.into_iter().map(|run| run.times).collect()
    }

    fn warm<'a>(&self, subject: &'a mut dyn Subject) -> Run<'a> {
        let warmed = warm_up(subject);
        let per_round = match &warmed {
            Ok(typical) => {
                let wanted = (self.time.as_secs_f64() * 1e3 / typical.max(1e-6)).ceil() as usize;
                wanted.max(self.runs).div_ceil(ROUNDS)
            }
            Err(_) => 0,
        };
        Run { subject, per_round, times: warmed.map(|_| Times::default()) }
    }
}

impl Run<'_> {
    /// Whether it has fewer runs or less time than `protocol` promises, or, where they are to `agree`, fewer rounds that do.
    fn lacks(&self, protocol: &Protocol, agree: bool) -> bool {
        let Ok(times) = &self.times else { return false };
        let runs = if agree { times.counted(ROUNDS).runs } else { times.runs().collect() };
        let few = runs.len() < protocol.runs || runs.iter().sum::<f64>() < protocol.time.as_secs_f64() * 1e3;
        few || (agree && !times.agree(ROUNDS))
    }
}

/// The times of `count` runs behind some that do not count.
fn round_of(subject: &mut dyn Subject, unmeasured: usize, count: usize) -> Result<Vec<f64>, LatencyError> {
    for _ in 0..unmeasured {
        subject.run()?;
    }
    (0..count).map(|_| timed(subject)).collect()
}

/// Runs until the medians of successive windows agree; the last of them, in milliseconds.
fn warm_up(subject: &mut dyn Subject) -> Result<f64, LatencyError> {
    let begun = Instant::now();
    let mut before = f64::INFINITY;
    for window in 1.. {
        let times = (0..WINDOW).map(|_| timed(subject)).collect::<Result<Vec<f64>, LatencyError>>()?;
        let now = median(&times).unwrap_or(0.0);
        let stable = (now - before).abs() <= STABLE * now;
        if stable || window >= WARMUP.0 || begun.elapsed() >= WARMUP.1 {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

/// One run in milliseconds.
fn timed(subject: &mut dyn Subject) -> Result<f64, LatencyError> {
    let begun = Instant::now();
    subject.run()?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Takes the time it is told, to well under a microsecond, and notes when it ran.
    struct Stub<'a> {
        name: char,
        milliseconds: f64,
        runs: &'a RefCell<String>,
        fails_at: usize,
        /// So many runs at first take a hundred times as long.
        slow_runs: usize,
    }

    impl Subject for Stub<'_> {
        fn run(&mut self) -> Result<(), LatencyError> {
            let begun = Instant::now();
            let mut runs = self.runs.borrow_mut();
            runs.push(self.name);
            let count = runs.chars().filter(|name| *name == self.name).count();
            let milliseconds = self.milliseconds * if count <= self.slow_runs { 100.0 } else { 1.0 };
            if count >= self.fails_at {
                return Err(LatencyError::Setting("out of luck".into()));
            }
            while begun.elapsed().as_secs_f64() * 1e3 < milliseconds {
                std::hint::spin_loop();
            }
            Ok(())
        }
    }

    fn stub(name: char, milliseconds: f64, runs: &RefCell<String>) -> Stub<'_> {
        Stub { name, milliseconds, runs, fails_at: usize::MAX, slow_runs: 0 }
    }

    #[test]
    fn the_harness_adds_under_one_percent_to_a_network_of_constant_time() {
        let runs = RefCell::default();
        let mut subject = stub('a', 1.0, &runs);
        let protocol = Protocol { runs: 60, time: Duration::ZERO };
        let times = protocol.measure(&mut [&mut subject], &mut ()).remove(0).unwrap();
        let found = median(&times.counted(ROUNDS).runs).unwrap();
        assert!((1.0..1.01).contains(&found), "{found} ms");
    }

    #[test]
    fn there_are_as_many_runs_and_as_much_time_as_asked_for() {
        let runs = RefCell::default();
        let (mut fast, mut slow) = (stub('a', 0.02, &runs), stub('b', 0.5, &runs));
        // Slow in the warm-up alone, which says how many runs a round has.
        fast.slow_runs = 20;
        let protocol = Protocol { runs: 33, time: Duration::from_millis(10) };
        let all = protocol.measure(&mut [&mut fast, &mut slow], &mut ());
        let all: Vec<Times> = all.into_iter().map(Result::unwrap).collect();
        let rounds = |times: &Times| times.medians().len();
        for times in &all {
            // On a machine that is too busy for rounds to agree, the last of them count all.
            let agreed = rounds(times) < MOST_ROUNDS;
            let runs: Vec<f64> = if agreed { times.counted(ROUNDS).runs } else { times.runs().collect() };
            assert!(runs.len() >= 33 && runs.iter().sum::<f64>() >= 10.0, "{agreed}: {runs:?}");
        }
        assert!(rounds(&all[0]) >= ROUNDS && rounds(&all[0]) == rounds(&all[1]));
    }

    #[test]
    fn rounds_that_are_disturbed_are_made_up_for() {
        let made_up_for = || {
            let runs = RefCell::default();
            let mut subject = stub('a', 0.2, &runs);
            // Through the warm-up and two rounds of two.
            subject.slow_runs = 2 * WINDOW + 4;
            let protocol = Protocol { runs: 2 * ROUNDS, time: Duration::ZERO };
            let times = protocol.measure(&mut [&mut subject], &mut ()).remove(0).unwrap();
            let counted = times.counted(ROUNDS);
            counted.disturbed >= 1
                && counted.noise <= zoo_results::timed::NOISY
                && times.medians().len() > ROUNDS
                && counted.runs.len() >= 2 * ROUNDS
                && median(&counted.runs).unwrap() < 0.4
        };
        // Other tests disturb more than two.
        assert!((0..8).any(|_| made_up_for()));
    }

    #[test]
    fn subjects_are_interleaved_with_a_run_uncounted_after_each_switch() {
        let runs = RefCell::default();
        let (mut a, mut b) = (stub('a', 0.0, &runs), stub('b', 0.0, &runs));
        let all = Protocol { runs: 30, time: Duration::ZERO }.measure(&mut [&mut a, &mut b], &mut ());
        assert!(all.iter().all(|times| times.as_ref().unwrap().runs().count() >= 30));
        let text = runs.borrow().clone();
        assert!(text.ends_with(&"aaabbb".repeat(ROUNDS)), "{text}");
    }

    #[test]
    fn one_that_fails_leaves_the_others_alone() {
        let runs = RefCell::default();
        let (mut early, mut late, mut good) = (stub('a', 0.0, &runs), stub('b', 0.0, &runs), stub('c', 0.0, &runs));
        (early.fails_at, late.fails_at) = (2, 150);
        let protocol = Protocol { runs: 200, time: Duration::ZERO };
        let all = protocol.measure(&mut [&mut early, &mut late, &mut good], &mut ());
        let outcomes: Vec<bool> = all.iter().map(Result::is_ok).collect();
        assert_eq!(outcomes, [false, false, true]);
        assert!(all[2].as_ref().unwrap().runs().count() >= 200);
    }
}
