//! Locks between processes: of a table, of a run's folder, of a processor.
//!
//! The system's own lock (`flock`) where the file system has it: it goes when its process does. Some file systems have none
//! (of networks, in user space, on clusters where they are switched off), and some grant them on each machine by itself. There
//! a file beside what is locked stands for it, created only where it is not there yet, with process, start and host in it, so
//! that one that was left behind is known: on this machine by its process, of another one by the signs of life that are missing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::console::say;
use crate::heartbeat::Heartbeat;
use crate::owner::lock_file;
use crate::process::is_of_sweep;
use crate::{exit, interrupt, mount};

pub use crate::owner::Owner;

/// How often a lock that another process has is asked for.
const LOOK: Duration = Duration::from_millis(50);
/// Time in which whoever created a lock file has written into it.
const YOUNG: Duration = Duration::from_secs(5);
/// Whether this process has said that there are no locks.
static NOTED: AtomicBool = AtomicBool::new(false);
/// Lock files that this process has put aside.
static ASIDE: AtomicU32 = AtomicU32::new(0);

/// What only one process has at a time; others can have it when this is dropped, or its process has ended.
#[derive(Debug)]
pub struct Lock(Kept);

#[derive(Debug)]
enum Kept {
    System { file: File },
    Beside { path: PathBuf, owner: Owner, also: Option<OnOneMachine>, _signs: Heartbeat },
}

/// A lock of the system that other machines may not see, with the type of the file system.
#[derive(Debug)]
struct OnOneMachine {
    kind: String,
    #[expect(dead_code, reason = "the lock goes when it is dropped")]
    file: File,
}

/// What asking for a lock came to.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours.
    Taken(Lock),
    /// Another process has it; which one, as far as that is known.
    Held(Option<Owner>),
}

impl Lock {
    /// Asks for the lock of the file or folder at `path`; a file that is not there is created.
    ///
    /// # Errors
    /// Where `path` cannot be opened, or its file system has no locks and a lock file cannot be written.
    pub fn attempt(path: &Path) -> io::Result<Attempt> {
        Lock::attempt_by(path, File::try_lock, mount::with_local_locks)
    }

    /// Waits for the lock, as long as `goes_on` says so, which hears who has it and for how long it has been waited for;
    /// none where it says no.
    ///
    /// # Errors
    /// As [`Lock::attempt`].
    pub fn wait(path: &Path, mut goes_on: impl FnMut(Option<&Owner>, Duration) -> bool) -> io::Result<Option<Lock>> {
        let asked = Instant::now();
        loop {
            match Lock::attempt(path)? {
                Attempt::Taken(lock) => return Ok(Some(lock)),
                Attempt::Held(owner) if !goes_on(owner.as_ref(), asked.elapsed()) => return Ok(None),
                Attempt::Held(_) => thread::sleep(LOOK),
            }
        }
    }

    /// Whether it is still that of `path`: somebody may have put another file in the place of the one that was locked.
    pub fn is_of(&self, path: &Path) -> bool {
        match &self.0 {
            Kept::System { file } => {
                let same = file.metadata().ok().zip(std::fs::metadata(path).ok());
                same.is_some_and(|(own, now)| (own.dev(), own.ino()) == (now.dev(), now.ino()))
            }
            // It is told by its name.
            Kept::Beside { .. } => true,
        }
    }

    /// What there is to say where the file system has no locks, or none that other machines see: once in a process, as it goes
    /// for all of a folder, and by a sweep alone, not by the processes of its cells.
    pub fn note(&self) -> Option<String> {
        let note = self.words().filter(|_| !is_of_sweep())?;
        (!NOTED.swap(true, Ordering::Relaxed)).then_some(note)
    }

    fn words(&self) -> Option<String> {
        match &self.0 {
            Kept::System { .. } => None,
            Kept::Beside { path, also, .. } => {
                let (why, how) = match also {
                    None => ("this file system has no locks".to_string(), "instead"),
                    Some(OnOneMachine { kind, .. }) => {
                        (format!("locks of this file system ({kind}) may hold on one machine alone"), "as well")
                    }
                };
                Some(format!("note: {why}; the file {} keeps other processes away {how}", path.display()))
            }
        }
    }

    fn attempt_by(
        path: &Path,
        system: impl Fn(&File) -> Result<(), TryLockError>,
        on_one_machine: impl Fn(&Path) -> Option<String>,
    ) -> io::Result<Attempt> {
        let file = open(path)?;
        match system(&file) {
            Ok(()) => match on_one_machine(path) {
                None => Ok(Attempt::Taken(Lock(Kept::System { file }))),
                Some(kind) => beside(path, Some(OnOneMachine { kind, file })),
            },
            Err(TryLockError::WouldBlock) => Ok(Attempt::Held(None)),
            // ENOSYS, ENOLCK, EOPNOTSUPP, of folders on NFS EBADF: whatever it is, there is no lock of the system.
            Err(TryLockError::Error(_)) => beside(path, None),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Kept::Beside { path, owner, .. } = &self.0
            && Owner::read(path).ok().flatten().as_ref() == Some(owner)
        {
            // One that stays is known to be of a process that has ended.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What is locked, for writing where possible: file systems of networks lock nothing else.
fn open(path: &Path) -> io::Result<File> {
    // A pipe in its place would have us wait for whoever opens its other end.
    let mut options = OpenOptions::new();
    options.custom_flags(libc::O_NONBLOCK);
    if path.is_dir() {
        return options.read(true).open(path);
    }
    options.clone().append(true).create(true).open(path).or_else(|_| options.read(true).open(path))
}

fn beside(path: &Path, also: Option<OnOneMachine>) -> io::Result<Attempt> {
    let (path, owner) = (lock_file(path), Owner::this_process());
    // A second time where one was left behind.
    for _ in 0..2 {
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                let written = file.write_all(owner.to_string().as_bytes()).and_then(|()| file.sync_data());
                if let Err(error) = written {
                    let _ = std::fs::remove_file(&path);
                    return Err(error);
                }
                let signs = signs(&path, &owner);
                return Ok(Attempt::Taken(Lock(Kept::Beside { path, owner, also, _signs: signs })));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        match Owner::read(&path) {
            Ok(Some(other)) if other.is_gone() || other.is_silent(&path) => remove(&path, Some(&other))?,
            Ok(Some(other)) => return Ok(Attempt::Held(Some(other))),
            // Created, and not written yet; or its process was killed in between.
            Ok(None) if is_young(&path) => return Ok(Attempt::Held(None)),
            Ok(None) => remove(&path, None)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Attempt::Held(Owner::read(&path).ok().flatten()))
}

/// Signs of life of `owner`, this process. Where others took it to have ended and go on with what is locked, it does end: to
/// save would spoil their work.
fn signs(path: &Path, owner: &Owner) -> Heartbeat {
    let owner = owner.clone();
    let is_ours = move |path: &Path| match Owner::read(path) {
        Ok(Some(other)) => other == owner,
        // Removed by hand, or out of reach for the moment.
        Ok(None) | Err(_) => true,
    };
    Heartbeat::start(path.into(), is_ours, |path| {
        say!("error: this process stood still for so long that another one took over {}; it ends", path.display());
        interrupt::end(exit::AGAIN);
    })
}

/// Removes a lock file that was left behind by `owner`; one that another process has put in its place meanwhile is put back.
fn remove(path: &Path, owner: Option<&Owner>) -> io::Result<()> {
    let number = ASIDE.fetch_add(1, Ordering::Relaxed);
    let aside = path.with_extension(format!("lock-{}-{number}", std::process::id()));
    match std::fs::rename(path, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    if Owner::read(&aside)?.as_ref() == owner {
        return std::fs::remove_file(&aside);
    }
    std::fs::rename(&aside, path)
}

fn is_young(path: &Path) -> bool {
    let written = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    written.ok().and_then(|at| at.elapsed().ok()).is_none_or(|age| age < YOUNG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(code: i32) -> impl Fn(&File) -> Result<(), TryLockError> {
        move |_: &File| Err(TryLockError::Error(io::Error::from_raw_os_error(code)))
    }

    /// Asks where the system has no locks, and says so by `code`.
    fn without(path: &Path, code: i32) -> io::Result<Attempt> {
        Lock::attempt_by(path, none(code), |_| None)
    }

    fn taken(attempt: io::Result<Attempt>) -> Option<Lock> {
        match attempt.unwrap() {
            Attempt::Taken(lock) => Some(lock),
            Attempt::Held(_) => None,
        }
    }

    #[test]
    fn one_at_a_time_has_the_lock_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("table.csv"), folder.path().into()] {
            let lock = taken(Lock::attempt(&path)).unwrap();
            assert_eq!(lock.words(), None);
            assert!(taken(Lock::attempt(&path)).is_none());
            assert!(Lock::wait(&path, |_, waited| waited < Duration::from_millis(60)).unwrap().is_none());
            drop(lock);
            let lock = taken(Lock::attempt(&path)).unwrap();
            assert!(lock.is_of(&path) && !lock.is_of(&std::env::temp_dir()));
            assert!(!lock_file(&path).exists());
        }
    }

    #[test]
    fn a_file_stands_for_the_lock_where_the_file_system_has_none() {
        let folder = tempfile::tempdir().unwrap();
        for code in [libc::ENOSYS, libc::ENOLCK, libc::EOPNOTSUPP, libc::EBADF] {
            for path in [folder.path().join("table.csv"), folder.path().into()] {
                let lock = taken(without(&path, code)).unwrap();
                let note = lock.words().unwrap();
                assert!(note.contains("no locks") && note.contains(".lock"), "{note}");
                let Attempt::Held(Some(owner)) = without(&path, code).unwrap() else { panic!("{code}") };
                assert_eq!(owner, Owner::this_process());
                assert!(owner.of(&path).contains(&lock_file(&path).display().to_string()));
                drop(lock);
                assert!(!lock_file(&path).exists());
                assert!(taken(without(&path, code)).is_some());
            }
        }
    }

    #[test]
    fn a_file_stands_beside_a_lock_that_may_hold_on_one_machine_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let granted = || Lock::attempt_by(&path, |_| Ok(()), |_| Some("fuse.sshfs".into()));
        let lock = taken(granted()).unwrap();
        let note = lock.words().unwrap();
        assert!(
            note.contains("(fuse.sshfs) may hold on one machine alone") && note.contains("table.csv.lock"),
            "{note}"
        );
        // As another machine, whose system grants the lock, too.
        assert!(taken(granted()).is_none());
        drop(lock);
        assert!(!lock_file(&path).exists());
        assert!(taken(granted()).is_some());
    }

    #[test]
    fn a_lock_file_of_a_process_that_has_ended_is_removed_and_one_of_another_host_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, this) = (folder.path().join("table.csv"), Owner::this_process());
        let ended = {
            let mut child = std::process::Command::new("true").spawn().unwrap();
            child.wait().unwrap();
            child.id()
        };
        for gone in [Owner { process: ended, ..this.clone() }, Owner { started: this.started + 1, ..this.clone() }] {
            std::fs::write(lock_file(&path), gone.to_string()).unwrap();
            assert!(taken(without(&path, libc::ENOLCK)).is_some(), "{gone}");
        }
        let far = Owner { process: ended, host: "another".into(), ..this };
        std::fs::write(lock_file(&path), far.to_string()).unwrap();
        assert!(taken(without(&path, libc::ENOLCK)).is_none());
        // Until nothing was heard of it for long.
        let file = File::options().write(true).open(lock_file(&path)).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(3600)).unwrap();
        assert!(taken(without(&path, libc::ENOLCK)).is_some());
        std::fs::write(lock_file(&path), far.to_string()).unwrap();
        // One that was put there meanwhile is not removed.
        remove(&lock_file(&path), Some(&Owner::this_process())).unwrap();
        assert_eq!(Owner::read(&lock_file(&path)).unwrap(), Some(far));
    }

    #[test]
    fn a_lock_file_with_nothing_in_it_is_held_until_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let file = File::create(lock_file(&path)).unwrap();
        assert!(taken(without(&path, libc::ENOLCK)).is_none());
        file.set_modified(std::time::SystemTime::now() - 2 * YOUNG).unwrap();
        assert!(taken(without(&path, libc::ENOLCK)).is_some());
    }

    #[test]
    fn of_many_at_once_one_takes_over_what_was_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let gone = Owner { started: Owner::this_process().started + 1, ..Owner::this_process() };
        for _ in 0..20 {
            std::fs::write(lock_file(&path), gone.to_string()).unwrap();
            let both = thread::scope(|scope| {
                let tries = [(); 2].map(|()| scope.spawn(|| taken(without(&path, libc::ENOLCK))));
                tries.map(|one| one.join().unwrap())
            });
            assert!(both.iter().flatten().count() <= 1);
        }
    }
}
