//! Where a lock file is, whom it is of, and whether that process is still there.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use zoo_core::regular_file;

use crate::heartbeat::{self, SILENCE};

/// No lock file of ours is longer.
const LONGEST: u64 = 4096;
/// The number that Linux gives the processes of a machine outside of all containers.
const NO_CONTAINER: &str = "4026531836";

/// The lock file of `path`: in a folder, beside a file.
pub(crate) fn lock_file(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.join("run.lock");
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".lock");
    path.with_file_name(name)
}

/// The process that a lock file is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub(crate) process: u32,
    /// When it started, in ticks of the system: numbers of processes come again.
    pub(crate) started: u64,
    /// The machine, and the container on it where there is one.
    pub(crate) host: String,
}

impl Owner {
    pub(crate) fn this_process() -> Owner {
        let process = std::process::id();
        Owner { process, started: started(process).unwrap_or(0), host: host() }
    }

    /// Whom the lock file at `path` is of; none where that is not written there.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Owner>> {
        let text = String::from_utf8_lossy(&regular_file::read(path, LONGEST)?).into_owned();
        let owner = |text: &str| {
            let rest = text.trim_end().strip_prefix("process ")?;
            let (process, rest) = rest.split_once(" started ")?;
            let (started, host) = rest.split_once(" on ")?;
            Some(Owner { process: process.parse().ok()?, started: started.parse().ok()?, host: host.to_string() })
        };
        Ok(owner(&text))
    }

    /// Whether it is of another machine and nothing was heard of it for so long that it has ended.
    pub(crate) fn is_silent(&self, path: &Path) -> bool {
        self.host != host() && heartbeat::is_silent(path).unwrap_or(false)
    }

    /// Whether it is known to have ended: of another host nothing is known.
    pub(crate) fn is_gone(&self) -> bool {
        if self.host != host() {
            return false;
        }
        let Ok(process) = libc::pid_t::try_from(self.process) else { return true };
        // SAFETY: signal 0 is sent to nobody, and only asks whether the process is there.
        let is_missing =
            unsafe { libc::kill(process, 0) } != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
        is_missing || started(self.process).is_some_and(|started| self.started != 0 && started != self.started)
    }

    /// Who has it, and what to do where that cannot be, as one says it of the lock of `path`.
    pub fn of(&self, path: &Path) -> String {
        let (lock_file, minutes) = (lock_file(path), SILENCE.as_secs() / 60);
        format!(
            "process {} on {} has it; if that has ended, wait {minutes} minutes or remove {}",
            self.process,
            self.host,
            lock_file.display()
        )
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "process {} started {} on {}", self.process, self.started, self.host)
    }
}

/// When a process started, in ticks; none where the system does not tell.
fn started(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything; the 22nd is the start.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// The name of this machine, with the number of the container: processes of two have the same numbers, and may see the same
/// name.
fn host() -> String {
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default().to_string_lossy().into_owned();
    let number = space.trim_start_matches("pid:[").trim_end_matches(']');
    if number.is_empty() || number == NO_CONTAINER { hostname() } else { format!("{}, container {number}", hostname()) }
}

fn hostname() -> String {
    let mut name = [0u8; 256];
    // SAFETY: gethostname writes at most as many bytes as it is told there are.
    let failed = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) } != 0;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    if failed { String::new() } else { String::from_utf8_lossy(&name[..end]).replace(['\n', '\r'], " ") }
}
