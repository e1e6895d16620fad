//! What a sweep and the processes of its cells owe each other: a polite end, and none that outlives its sweep.

use std::ffi::c_int;
#[cfg(target_os = "linux")]
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::console::say;

/// The variable that tells a cell's process which sweep it belongs to.
pub const SWEEP: &str = "ZOO_SWEEP";
/// What its value begins with; the number of the sweep's process follows. A number alone may be anybody's.
const OURS: &str = "sweep-";

/// Whether this process is a cell's.
static IS_OF_SWEEP: AtomicBool = AtomicBool::new(false);

/// Whether a sweep started this process.
pub fn is_of_sweep() -> bool {
    IS_OF_SWEEP.load(Ordering::Relaxed)
}

/// The value that this sweep gives it.
pub fn this_sweep() -> String {
    format!("{OURS}{}", std::process::id())
}

/// Asks process `id` to end; training saves first. Not by the signal of Ctrl-C: shells have what they start in the background
/// ignore that one, and so would all that it starts.
pub fn ask_to_end(id: u32) {
    if let Ok(id) = libc::pid_t::try_from(id) {
        // SAFETY: kill has no preconditions; where the process has ended it fails, and there is nothing left to do.
        unsafe { libc::kill(id, libc::SIGTERM) };
    }
}

/// Lets the process of `command` be asked to end when this one ends, however that is.
pub fn end_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: the call takes a signal's number, is allowed between fork and exec, and changes nothing but the new process's own
    // setting.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            Ok(())
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// In a process that a sweep started: end when the sweep does, however that ends. A run then saves where it stands. What
/// somebody else put into the variable is said, and nothing more.
pub fn end_with_sweep() {
    let Some(value) = std::env::var_os(SWEEP) else { return };
    let sweep = value.to_str().and_then(|text| text.strip_prefix(OURS)?.parse::<libc::pid_t>().ok());
    let Some(sweep) = sweep.filter(|sweep| *sweep > 0) else {
        say!("note: {SWEEP}={} in the environment is not from a sweep and is ignored", value.to_string_lossy());
        return;
    };
    #[cfg(target_os = "linux")]
    // SAFETY: the call takes a signal's number and changes nothing but this process's own setting.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
    }
    // SAFETY: getppid has no preconditions.
    if unsafe { libc::getppid() } == sweep {
        IS_OF_SWEEP.store(true, Ordering::Relaxed);
        return;
    }
    #[cfg(target_os = "linux")]
    // SAFETY: as above; 0 takes the setting back.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, 0);
    }
    // SAFETY: signal 0 is sent to nobody, and only asks whether the process is there.
    if unsafe { libc::kill(sweep, 0) } == 0 {
        say!("note: {SWEEP} in the environment is from a sweep that did not start this process, and is ignored");
        return;
    }
    // It ended before the lines above could matter.
    say!("error: the sweep that started this process has ended; if there was none, unset {SWEEP}");
    std::process::exit(1);
}

/// How often the system has ended a process for lack of memory; none where it does not tell.
pub fn kills_for_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/vmstat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// The name of a signal that ends a process.
pub fn signal_name(signal: i32) -> String {
    const NAMES: [(c_int, &str); 11] = [
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGKILL, "SIGKILL"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGTERM, "SIGTERM"),
        (libc::SIGINT, "SIGINT"),
        (libc::SIGHUP, "SIGHUP"),
        (libc::SIGUSR1, "SIGUSR1"),
        (libc::SIGUSR2, "SIGUSR2"),
    ];
    let known = NAMES.iter().find(|(number, _)| *number == signal);
    known.map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_string())
}
