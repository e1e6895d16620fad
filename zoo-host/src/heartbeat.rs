//! Signs of life in a lock file: of a process on another machine nothing else tells whether it is still there.
//!
//! Whoever has the lock sets the file's time anew twice a minute, and others read how old it is by the clock of the file
//! system, as those of machines differ.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// Time between two signs.
const EVERY: Duration = Duration::from_secs(30);
/// Time after which a process of another machine is taken to have ended. It may have missed some signs, as file systems of
/// networks are away for minutes.
pub const SILENCE: Duration = Duration::from_secs(600);

/// Probes that this process has made.
static PROBES: AtomicU32 = AtomicU32::new(0);

/// Signs of life, until it is dropped.
#[derive(Debug)]
pub struct Heartbeat(#[expect(dead_code, reason = "that it is dropped ends the thread")] Sender<()>);

impl Heartbeat {
    /// Of the lock file at `path`, as long as `is_ours` says so; `lost` is called where it does not, as this process was away
    /// for so long that another one took the lock over.
    pub fn start(
        path: PathBuf,
        is_ours: impl Fn(&Path) -> bool + Send + 'static,
        lost: impl FnOnce(&Path) + Send + 'static,
    ) -> Heartbeat {
        Heartbeat::every(EVERY, path, is_ours, lost)
    }

    fn every(
        time: Duration,
        path: PathBuf,
        is_ours: impl Fn(&Path) -> bool + Send + 'static,
        lost: impl FnOnce(&Path) + Send + 'static,
    ) -> Heartbeat {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            while receiver.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                if !is_ours(&path) {
                    return lost(&path);
                }
                // A sign that is missed is one of twenty.
                let _ = touch(&path);
            }
        });
        Heartbeat(sender)
    }
}

/// Whether nothing was heard for so long of whoever has the lock file at `path` that it has ended.
pub fn is_silent(path: &Path) -> io::Result<bool> {
    let number = PROBES.fetch_add(1, Ordering::Relaxed);
    let probe = path.with_extension(format!("lock-now-{}-{number}", std::process::id()));
    let now = File::create(&probe).and_then(|file| file.metadata()?.modified());
    let removed = std::fs::remove_file(&probe);
    let (now, heard) = (now?, std::fs::metadata(path)?.modified()?);
    removed?;
    Ok(now.duration_since(heard).is_ok_and(|silence| silence > SILENCE))
}

/// Sets the time of a file to now, as the file system has it.
fn touch(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    // SAFETY: the descriptor is open, and without times the call takes the present one.
    match unsafe { libc::futimens(file.as_raw_fd(), std::ptr::null()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_process_that_gives_signs_is_there_and_one_that_is_silent_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv.lock");
        let file = File::create(&path).unwrap();
        assert!(!is_silent(&path).unwrap());
        file.set_modified(SystemTime::now() - SILENCE - EVERY).unwrap();
        assert!(is_silent(&path).unwrap());
        let (sender, lost) = channel::<()>();
        let heartbeat = Heartbeat::every(Duration::from_millis(20), path.clone(), |_| true, move |_| drop(sender));
        while is_silent(&path).unwrap() {
            thread::sleep(Duration::from_millis(5));
        }
        drop(heartbeat);
        // The thread has ended, and nothing was lost.
        assert!(lost.recv().is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn who_has_lost_the_lock_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, lost) = channel();
        let path = folder.path().join("table.csv.lock");
        let told = move |path: &Path| sender.send(path.to_path_buf()).unwrap();
        let _heartbeat = Heartbeat::every(Duration::from_millis(1), path.clone(), |_| false, told);
        assert_eq!(lost.recv(), Ok(path));
    }
}
