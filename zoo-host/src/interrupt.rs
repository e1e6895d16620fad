//! What Ctrl-C, a polite kill and a terminal that is closed do.
//!
//! Work that has something to save says so ([`saves`]): it sees that it is to stop and ends by itself. All other work, such as
//! reading data, building a network, measuring its speed or waiting for a lock, is ended at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::console::say;

/// The exit code of work that was stopped.
pub const INTERRUPTED: i32 = 130;
/// Time after which it is said why the process is still there.
const SILENCE: Duration = Duration::from_millis(1500);

static ASKED: AtomicBool = AtomicBool::new(false);
static SAVING: AtomicU32 = AtomicU32::new(0);
static WHAT: Mutex<&str> = Mutex::new("");

/// A flag that the first signal sets; the second one ends the process at once, and so does the first where there is nothing
/// to save.
///
/// # Errors
/// Where the system does not let us listen, or somebody does already.
pub fn listen() -> Result<&'static AtomicBool, ctrlc::Error> {
    ctrlc::set_handler(|| {
        let is_saving = SAVING.load(Ordering::SeqCst) > 0;
        let is_second = ASKED.swap(true, Ordering::SeqCst);
        if is_second || !is_saving {
            if !is_second {
                say!("stopped before there was anything to save");
            }
            end();
        }
        thread::spawn(|| {
            thread::sleep(SILENCE);
            let what = *WHAT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            say!("stopping: {what}; press Ctrl-C again to end at once");
        });
    })?;
    Ok(&ASKED)
}

/// Whether the process has been asked to stop.
pub fn is_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// While it lives, a signal only sets the flag; `what` is said where that takes its time, such as `the step is ended, then
/// saved`.
pub fn saves(what: &'static str) -> Saving {
    *WHAT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = what;
    SAVING.fetch_add(1, Ordering::SeqCst);
    Saving(())
}

/// Work that has something to save.
#[derive(Debug)]
pub struct Saving(());

impl Drop for Saving {
    fn drop(&mut self) {
        SAVING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Lets a write beyond the largest file that the shell allows (`ulimit -f`) fail with a sentence, in place of ending the
/// process without one.
pub fn survive_limits() {
    // SAFETY: to ignore a signal runs no code of ours.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

fn end() -> ! {
    // Not by `exit`, which takes libtorch apart while its threads compute.
    // SAFETY: _exit has no preconditions, and what we write is not buffered.
    unsafe { libc::_exit(INTERRUPTED) }
}
