//! Exit codes: what a process tells whoever started it, be that a person, a script or a scheduler.

/// The work is done.
pub const DONE: u8 = 0;
/// It failed; another try may work.
pub const FAILED: u8 = 1;
/// The command cannot be carried out as it was typed.
pub const WRONG_USAGE: u8 = 2;
/// It failed, and would fail again however often it were tried.
pub const PERMANENT: u8 = 42;
/// It was told to end before it was done (`EX_TEMPFAIL` of sysexits.h): the same command continues.
pub const AGAIN: u8 = 75;
/// Somebody pressed Ctrl-C: 128 and the number of the signal, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// All of them, each with what it means to whoever decides what comes next.
pub const ALL: [(u8, &str); 6] = [
    (DONE, "done"),
    (FAILED, "failed, and another try may work"),
    (WRONG_USAGE, "wrong usage: the command, or a file that it names, has to be changed"),
    (PERMANENT, "failed for good: another try fails in the same way"),
    (AGAIN, "stopped by SIGTERM, SIGUSR1 or SIGUSR2, and saved: the same command continues"),
    (INTERRUPTED, "stopped by Ctrl-C or a closed terminal, and saved: the same command continues"),
];
