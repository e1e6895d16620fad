//! What Ctrl-C, a terminal that is closed, and the signals of schedulers do.
//!
//! Work that has something to save says so ([`saves`]): it sees that it is to stop and ends by itself. All other work, such as
//! reading data, building a network, measuring its speed or waiting for a lock, is ended at once.
//!
//! SIGTERM, SIGUSR1 and SIGUSR2 come from programs: a scheduler whose time is up, a node that is shut down. They come more
//! than once, so that only Ctrl-C ends a process that is saving. The exit code tells the two apart ([`code`]).

use std::ffi::c_int;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Mutex, Once};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use crate::console::say;
use crate::exit;
use crate::process::signal_name;

/// Time after which it is said why the process is still there.
const SILENCE: Duration = Duration::from_millis(1500);

static ASKED: AtomicBool = AtomicBool::new(false);
/// The first signal, 0 before it.
static FIRST: AtomicI32 = AtomicI32::new(0);
static SAVING: AtomicU32 = AtomicU32::new(0);
static WHAT: Mutex<&str> = Mutex::new("");

/// A flag that the first signal sets; where there is nothing to save, that signal ends the process, and so does Ctrl-C as a
/// later one.
///
/// # Errors
/// Where the system does not let us listen.
pub fn listen() -> io::Result<&'static AtomicBool> {
    static LISTENING: Once = Once::new();
    let mut outcome = Ok(());
    LISTENING.call_once(|| outcome = start());
    outcome.map(|()| &ASKED)
}

fn start() -> io::Result<()> {
    let mut wanted = vec![SIGINT, SIGTERM, SIGUSR1, SIGUSR2];
    // Under nohup a terminal that is closed is to end nothing.
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = Signals::new(wanted)?;
    thread::Builder::new().name("signals".into()).spawn(move || signals.forever().for_each(heard))?;
    Ok(())
}

fn heard(signal: c_int) {
    let is_saving = SAVING.load(Ordering::SeqCst) > 0;
    let is_first = FIRST.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    ASKED.store(true, Ordering::SeqCst);
    if !is_first && is_by_hand(signal) {
        end(exit::INTERRUPTED);
    }
    if !is_saving {
        if is_first {
            say!("stopped before there was anything to save");
        }
        end(code());
    }
    if !is_first {
        return;
    }
    thread::spawn(move || {
        thread::sleep(SILENCE);
        let what = *WHAT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if is_by_hand(signal) {
            say!("stopping: {what}; press Ctrl-C again to end at once");
        } else {
            say!("stopping, as {} asks: {what}", signal_name(signal));
        }
    });
}

/// Whether a person sends it, from a terminal.
fn is_by_hand(signal: c_int) -> bool {
    [SIGINT, SIGHUP].contains(&signal)
}

/// Whether the process has been asked to stop.
pub fn is_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// The exit code of work that was stopped.
pub fn code() -> u8 {
    match FIRST.load(Ordering::SeqCst) {
        SIGINT | SIGHUP => exit::INTERRUPTED,
        // Also where another process of the run was asked, and this one was not.
        _ => exit::AGAIN,
    }
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

fn is_ignored(signal: c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action the call only writes the present one, which is whole where it returns 0.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Ends the process at once, whatever libtorch is doing: `exit` would take it apart while its threads compute.
pub fn end(code: u8) -> ! {
    // SAFETY: _exit has no preconditions, and what we write is not buffered.
    unsafe { libc::_exit(code.into()) }
}
