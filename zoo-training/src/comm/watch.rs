//! Who is still there.
//!
//! Each rank gives a sign of life twice a second, through a connection of its own to the store, and looks there for word of
//! one that ended early. Gloo notices at once that the connection to a process has closed, but not whose it was, nor why.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use zoo_native::comm::{Seat, Store};

use crate::TrainError;
use zoo_host::console::say;
use zoo_host::{exit, interrupt};

/// How often a sign of life is given.
const BEAT: Duration = Duration::from_millis(500);
/// Time in which a rank that lives must have given one.
const SILENCE: Duration = Duration::from_millis(2500);
/// Time that a rank has to see by itself that another one ended; then it is ended where it waits.
const GRACE: Duration = Duration::from_secs(15);
/// Time for which the rank that keeps the store waits for the others to leave it.
const FAREWELL: Duration = Duration::from_secs(10);
/// The keys of the store.
const FAILED: &str = "failed";
const LEFT: &str = "left";

/// Word of a rank that ended early.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Failure {
    rank: usize,
    problem: String,
}

/// The thread that gives signs of life, and what it has learned.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    prefix: String,
    keeps_store: bool,
    names: Vec<String>,
    learned: Arc<Learned>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Learned {
    is_over: AtomicBool,
    failure: Mutex<Option<Failure>>,
}

impl Learned {
    fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Watch {
    /// Starts the thread, with `beats` as its connection. `names` say which rank is which process.
    pub fn start(store: Store, beats: Store, prefix: &str, seat: Seat, keeps_store: bool, names: Vec<String>) -> Watch {
        let learned = Arc::new(Learned::default());
        let (prefix, shared) = (prefix.to_string(), Arc::clone(&learned));
        let thread = thread::spawn({
            let prefix = prefix.clone();
            move || watch(&beats, &prefix, seat, &shared)
        });
        Watch { store, prefix, keeps_store, names, learned, thread: Some(thread) }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What lies behind an error of a call that all ranks make: word of the one that failed, or the name of one that gives no
    /// sign of life; else the error as it is.
    pub fn explain(&self, seat: Seat, error: TrainError) -> TrainError {
        let begun = Instant::now();
        let before = self.beats(seat);
        while begun.elapsed() < SILENCE {
            if let Some(failure) = self.learned.failure() {
                return self.error(seat, &failure);
            }
            thread::sleep(BEAT / 4);
        }
        let (Some(before), Some(now)) = (before, self.beats(seat)) else {
            let problem = format!("ended, and with it the store that all ranks meet at ({error})");
            return self.error(seat, &Failure { rank: 0, problem });
        };
        let silent = (0..seat.size).find(|rank| *rank != seat.rank && before[*rank] == now[*rank]);
        match silent {
            Some(rank) => self.error(
                seat,
                &Failure {
                    rank,
                    problem: "gives no sign of life: it was killed or stopped, or lost its connection".into(),
                },
            ),
            None => TrainError::Meeting(format!(
                "rank {} of {} ends, as a call that all ranks make failed ({error}); where one of them takes so long, give a \
                 longer --rank-timeout, and go on with --resume auto",
                seat.rank, seat.size
            )),
        }
    }

    fn error(&self, seat: Seat, failure: &Failure) -> TrainError {
        let Failure { rank, problem } = failure.clone();
        let name = self.names.get(rank).cloned().unwrap_or_default();
        TrainError::Rank { own: seat.rank, rank, size: seat.size, name, problem }
    }

    /// How many signs of life each rank has given; none where the store does not answer.
    fn beats(&self, seat: Seat) -> Option<Vec<i64>> {
        (0..seat.size).map(|rank| self.store.add(&beat(&self.prefix, rank), 0).ok()).collect()
    }

    /// See [`Comm::leave`](super::Comm::leave).
    pub fn leave(&self, seat: Seat, outcome: Result<(), &TrainError>) {
        self.learned.is_over.store(true, Ordering::SeqCst);
        match outcome {
            // What came from another rank is known.
            Err(TrainError::Rank { .. }) => {}
            Err(error) => {
                let failure = Failure { rank: seat.rank, problem: format!("failed: {error}") };
                let text = serde_json::to_vec(&failure).unwrap_or_default();
                let is_first = self.store.add(&self.key("failures"), 1).is_ok_and(|count| count == 1);
                if is_first {
                    // Where it cannot be said, the others see that this rank is gone.
                    let _ = self.store.set(&self.key(FAILED), &text);
                }
            }
            Ok(()) => {}
        }
        let left = |more: i64| self.store.add(&self.key(LEFT), more).unwrap_or(i64::MAX);
        // Of a failure the others learn with their next sign of life; they cannot go on before this process has ended.
        let patience = if outcome.is_ok() { FAREWELL } else { 4 * BEAT };
        let begun = Instant::now();
        let mut count = left(1);
        while self.keeps_store && count < seat.size as i64 && begun.elapsed() < patience {
            thread::sleep(BEAT / 10);
            count = left(0);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.learned.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn beat(prefix: &str, rank: usize) -> String {
    format!("{prefix}beat/{rank}")
}

/// Gives signs of life until the run is over. Where another rank has failed, or the store is gone, and the run does not see it
/// by itself, the process is ended.
fn watch(store: &Store, prefix: &str, seat: Seat, learned: &Learned) {
    let (own, failed) = (beat(prefix, seat.rank), format!("{prefix}{FAILED}"));
    let mut since: Option<Instant> = None;
    while !learned.is_over.load(Ordering::SeqCst) {
        let is_there = store.add(&own, 1).is_ok();
        let failure = if is_there && store.has(&failed).unwrap_or(false) { read(store, &failed) } else { None };
        if !is_there || failure.is_some() {
            let begun = *since.get_or_insert_with(Instant::now);
            if let Some(failure) = &failure {
                *learned.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
            }
            if begun.elapsed() > GRACE && !learned.is_over.load(Ordering::SeqCst) {
                end(seat, failure.as_ref());
            }
        }
        thread::sleep(BEAT);
    }
}

fn read(store: &Store, key: &str) -> Option<Failure> {
    serde_json::from_slice(&store.get(key, BEAT).ok()?).ok()
}

/// Ends a process that waits where nothing can reach it.
fn end(seat: Seat, failure: Option<&Failure>) -> ! {
    match failure {
        Some(Failure { rank, problem }) => {
            say!("error: rank {} of {} ended, as rank {rank} {problem}", seat.rank, seat.size);
        }
        None => say!("error: rank {} of {} ended, as the store that all ranks meet at is gone", seat.rank, seat.size),
    }
    interrupt::end(exit::FAILED)
}
