//! What the end of a cell's process means.

use std::os::unix::process::ExitStatusExt;

use super::child::{Cause, Ending};
use zoo_host::exit;
use zoo_host::process::signal_name;
use zoo_results::status::{self, IMPOSSIBLE, OUT_OF_MEMORY};

/// What became of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its row has figures.
    Done,
    /// It was stopped, and goes on another time.
    Stopped,
    /// It failed, and this is its status.
    Failed(String),
}

impl Verdict {
    /// How it ended, where it is not done.
    pub fn unless_done(&self) -> Option<&str> {
        match self {
            Verdict::Done => None,
            Verdict::Stopped => Some("stopped"),
            Verdict::Failed(status) => Some(status),
        }
    }

    /// Of a process that ended so.
    pub fn of(ending: &Ending) -> Verdict {
        match ending.cause {
            Cause::Stopped => return Verdict::Stopped,
            Cause::Timeout => return Verdict::Failed(format!("timeout after {:.0} s", ending.seconds)),
            Cause::Itself => {}
        }
        let lacked_memory = ending.said.iter().any(|line| status::lacks_memory(line));
        let error = ending.said.iter().rev().find_map(|line| line.strip_prefix("error: "));
        let code = ending.status.code().map(|code| u8::try_from(code).unwrap_or(exit::FAILED));
        match (code, ending.status.signal()) {
            (Some(exit::DONE), _) => Verdict::Done,
            // The sweep did not ask for it: somebody else did, such as a guard against a lack of memory.
            (Some(exit::INTERRUPTED | exit::AGAIN), _) => {
                Verdict::Failed("killed (asked to end, not by the sweep)".into())
            }
            (Some(exit::WRONG_USAGE | exit::PERMANENT), _) if error.is_some() => {
                Verdict::Failed(format!("{IMPOSSIBLE}{}", error.unwrap_or_default()))
            }
            (_, Some(signal @ (libc::SIGINT | libc::SIGTERM))) => {
                Verdict::Failed(format!("killed ({})", signal_name(signal)))
            }
            // What the system does where memory lacks; only somebody with `kill -9` does the same.
            (_, Some(libc::SIGKILL)) if ending.memory_kill != Some(false) => Verdict::Failed(OUT_OF_MEMORY.into()),
            (_, Some(_)) if lacked_memory => Verdict::Failed(OUT_OF_MEMORY.into()),
            (_, Some(signal)) => Verdict::Failed(format!("crashed ({})", signal_name(signal))),
            (Some(_), _) if error.is_some() => Verdict::Failed(status::of(error.unwrap_or_default())),
            (code, _) => {
                let panic = ending.said.iter().find(|line| line.contains("panicked at"));
                let code = code.map_or_else(String::new, |code| format!("exit code {code}"));
                Verdict::Failed(format!("crashed ({})", panic.cloned().unwrap_or(code)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;

    use super::*;

    fn verdict(wait_status: i32, said: &[&str], cause: Cause, memory_kill: Option<bool>) -> Verdict {
        let said = said.iter().map(|line| (*line).to_string()).collect();
        let status = ExitStatus::from_raw(wait_status);
        Verdict::of(&Ending { status, cause, output: String::new(), said, seconds: 2.0, memory_kill })
    }

    fn failed(status: &str) -> Verdict {
        Verdict::Failed(status.into())
    }

    #[test]
    fn an_end_has_a_name() {
        let (exit, own) = (|code: i32| code << 8, Cause::Itself);
        assert_eq!(verdict(0, &[], own, None), Verdict::Done);
        for stopped in [75, 130] {
            assert_eq!(verdict(exit(stopped), &[], own, None), failed("killed (asked to end, not by the sweep)"));
            assert_eq!(verdict(exit(stopped), &[], Cause::Stopped, None), Verdict::Stopped);
        }
        assert_eq!(verdict(libc::SIGTERM, &[], own, None), failed("killed (SIGTERM)"));
        assert_eq!(verdict(libc::SIGTERM, &[], Cause::Stopped, None), Verdict::Stopped);
        assert_eq!(verdict(exit(130), &[], Cause::Timeout, None), failed("timeout after 2 s"));
        assert_eq!(verdict(libc::SIGSEGV, &[], own, Some(false)), failed("crashed (SIGSEGV)"));
        assert_eq!(verdict(libc::SIGKILL, &[], own, Some(true)), failed("out-of-memory"));
        assert_eq!(verdict(libc::SIGKILL, &[], own, None), failed("out-of-memory"));
        assert_eq!(verdict(libc::SIGKILL, &[], own, Some(false)), failed("crashed (SIGKILL)"));
        let said = ["memory allocation of 99999 bytes failed"];
        assert_eq!(verdict(libc::SIGABRT, &said, own, Some(false)), failed("out-of-memory"));
        assert_eq!(verdict(exit(1), &["note: x", "error: no such data"], own, None), failed("no such data"));
        assert_eq!(verdict(exit(2), &["error: no such setting"], own, None), failed("impossible: no such setting"));
        assert_eq!(
            verdict(exit(101), &["thread 'main' panicked at a.rs:1:"], own, None),
            failed("crashed (thread 'main' panicked at a.rs:1:)")
        );
        assert_eq!(verdict(exit(7), &[], own, None), failed("crashed (exit code 7)"));
    }
}
