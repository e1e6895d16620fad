//! The column `status` of a row: `done`, or why a cell has no figures.

/// Of a row with figures.
pub const DONE: &str = "done";
/// Of a training run that ended by its `patience`, with figures.
pub const STOPPED_EARLY: &str = "stopped early";
/// Of a training run that was stopped, and goes on another time.
pub const INTERRUPTED: &str = "interrupted";

/// Words by which libtorch, Rust and C++ tell of a lack of memory.
const NO_MEMORY: [&str; 6] = [
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "Cannot allocate memory",
    "bad_alloc",
    "memory allocation of",
];

/// What stands in front of a status, or for it, where memory did not suffice.
pub const OUT_OF_MEMORY: &str = "out-of-memory";

/// What stands in front of the status of a cell that cannot work as it is, however often it is tried: of settings that
/// cannot be.
pub const IMPOSSIBLE: &str = "impossible: ";

/// What the status of a run begins with whose loss was no number: with the same seed it comes to the same.
pub const NON_FINITE: &str = "non-finite loss at step ";

/// Whether a cell of this status would fail again however often it were tried.
pub fn is_permanent(status: &str) -> bool {
    [IMPOSSIBLE, NON_FINITE].iter().any(|words| status.starts_with(words))
}

/// Whether a row of this status has figures.
pub fn is_done(status: &str) -> bool {
    [DONE, STOPPED_EARLY].contains(&status)
}

/// Whether `text` tells of a lack of memory.
pub fn lacks_memory(text: &str) -> bool {
    NO_MEMORY.iter().any(|words| text.contains(words))
}

/// The status of a cell that failed with `error`.
pub fn of(error: &str) -> String {
    if lacks_memory(error) { format!("{OUT_OF_MEMORY}: {error}") } else { error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_is_named_so() {
        assert_eq!(of("CUDA out of memory"), "out-of-memory: CUDA out of memory");
        assert_eq!(of("no profile `large`"), "no profile `large`");
    }

    #[test]
    fn what_another_try_may_mend_is_not_permanent() {
        assert!(is_permanent("impossible: no profile `large`") && is_permanent("non-finite loss at step 3"));
        assert!(!is_permanent("out-of-memory") && !is_permanent("timeout after 2 s") && !is_permanent("done"));
    }

    #[test]
    fn a_run_that_stopped_early_has_figures() {
        assert!(is_done("done") && is_done("stopped early"));
        assert!(!is_done("interrupted") && !is_done(""));
    }
}
