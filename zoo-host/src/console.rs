//! What is said on standard output and standard error.
//!
//! Whoever listens may go away (`| head`), and the disk behind a redirection may be full. That ends no training, no sweep
//! and no measurement: [`say!`] and [`tell!`] never fail. What could not be said of a result is remembered, and the exit
//! code tells it ([`lost`]).

use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

/// Longer than this nobody should wait without a word.
const SILENCE: Duration = Duration::from_secs(1);

/// Why a result could not be printed, the first time that happened.
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes a line about the work (progress, notes, warnings) to standard error.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::console::to_stderr(::std::format_args!($($words)*)) };
}

/// Writes a line of results to standard output.
#[macro_export]
macro_rules! tell {
    ($($words:tt)*) => { $crate::console::to_stdout(::std::format_args!($($words)*)) };
}

pub use crate::{say, tell};

/// Which of several processes of a run this one is.
static SPEAKER: OnceLock<(usize, usize)> = OnceLock::new();

/// Begins each line of this process with its number among those of its run, unless that is 0, which speaks for all.
pub fn speak_as(rank: usize, size: usize) {
    if rank > 0 {
        // Said once, at the start.
        let _ = SPEAKER.set((rank, size));
    }
}

/// What [`say!`] does.
pub fn to_stderr(line: Arguments<'_>) {
    if let Some((rank, size)) = SPEAKER.get() {
        let _ = writeln!(io::stderr(), "rank {rank} of {size}: {line}");
        return;
    }
    // Nobody is left who could be told.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Says `what` is being done, where the work that holds this is not through in a second.
pub fn if_slow(what: String) -> Slow {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        if receiver.recv_timeout(SILENCE) == Err(RecvTimeoutError::Timeout) {
            say!("{what}");
        }
    });
    Slow(sender)
}

/// Work that may take its time.
#[derive(Debug)]
pub struct Slow(#[expect(dead_code, reason = "that it is dropped says that the work is through")] Sender<()>);

/// What [`tell!`] does.
pub fn to_stdout(line: Arguments<'_>) {
    keep(writeln!(io::stdout(), "{line}"));
}

/// Remembers why a result could not be printed, while the work goes on.
pub fn keep(written: io::Result<()>) {
    if let Err(error) = written {
        let mut lost = LOST.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        lost.get_or_insert(error);
    }
}

/// Why results did not reach standard output, if any did not; asked once, at the end.
pub fn lost() -> Option<io::Error> {
    keep(io::stdout().flush());
    LOST.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
}
