//! The file system under a path: whether a lock on it holds on other machines, too.
//!
//! Some file systems that several machines share grant locks of the system on each machine by itself. Two machines then both
//! have the lock, and neither is told.

use std::path::{Path, PathBuf};

/// File systems in user space that pass locks on to whoever has them all.
const PASSED_ON: [&str; 5] = ["fuse.ceph", "fuse.ceph-fuse", "fuse.glusterfs", "fuse.juicefs", "fuse.lxcfs"];

/// The type of the file system of `path`, where its locks may hold on this machine alone; none where they hold, or nothing is
/// known of it.
pub fn with_local_locks(path: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let path = std::fs::canonicalize(path).ok()?;
    let Mount { kind, options, .. } = mount_of(&mounts, &path)?;
    has_local_locks(&kind, &options).then_some(kind)
}

/// A file system where it is mounted.
struct Mount {
    at: PathBuf,
    kind: String,
    options: String,
}

/// The mount that `path` is in: the deepest, and of those at one place the last.
fn mount_of(mounts: &str, path: &Path) -> Option<Mount> {
    let all = mounts.lines().filter_map(read).filter(|mount| path.starts_with(&mount.at));
    all.max_by_key(|mount| mount.at.components().count())
}

/// A line of mountinfo: mount point and options before a hyphen, type and options of the file system after it.
fn read(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(4);
    let (at, own) = (unescaped(before.next()?), before.next()?);
    let mut after = after.split(' ');
    let (kind, _source, options) = (after.next()?, after.next()?, after.next().unwrap_or_default());
    Some(Mount { at: at.into(), kind: kind.into(), options: format!("{own},{options}") })
}

/// Blanks and the like stand as `\040` there.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_string(), |text, (escaped, plain)| text.replace(escaped, plain))
}

fn has_local_locks(kind: &str, options: &str) -> bool {
    let has = |names: &[&str]| options.split(',').any(|option| names.contains(&option));
    match kind {
        "nfs" | "nfs4" => has(&["nolock", "local_lock=all", "local_lock=flock"]),
        "lustre" => has(&["localflock"]),
        "cifs" | "smb3" => has(&["nobrl"]),
        // Folders of a host that its virtual machines see.
        "9p" | "virtiofs" | "vboxsf" | "drvfs" => true,
        // The kernel grants the lock where a file system in user space does not take care of it, which cannot be seen.
        kind => (kind == "fuse" || kind.starts_with("fuse.")) && !PASSED_ON.contains(&kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 21 0:40 / /home rw,relatime shared:2 - nfs4 server:/home rw,vers=4.2,local_lock=none
41 21 0:41 / /scratch rw shared:3 master:1 - nfs server:/scratch rw,vers=3,nolock,local_lock=all
42 21 0:42 / /my\\040data rw - fuse.sshfs me@host:/data rw,user_id=0
43 21 0:43 / /fast rw - lustre 10.0.0.1@tcp:/fast rw,flock,lazystatfs
44 21 0:44 / /fast/here rw - lustre 10.0.0.1@tcp:/here rw,localflock
45 21 8:2 / /usb rw - fuseblk /dev/sdb1 rw
46 21 0:46 / /gluster rw - fuse.glusterfs host:/volume rw
47 21 0:47 / /bound rw - fuse /real rw
";

    fn kind(path: &str) -> Option<String> {
        let mount = mount_of(MOUNTS, Path::new(path))?;
        has_local_locks(&mount.kind, &mount.options).then_some(mount.kind)
    }

    #[test]
    fn locks_that_hold_on_one_machine_alone_are_known() {
        assert_eq!(kind("/scratch/me/results").as_deref(), Some("nfs"));
        assert_eq!(kind("/my data/results").as_deref(), Some("fuse.sshfs"));
        assert_eq!(kind("/fast/here/results").as_deref(), Some("lustre"));
        assert_eq!(kind("/bound").as_deref(), Some("fuse"));
        for holds in ["/home/me", "/fast/results", "/fast/hereafter", "/tmp", "/usb", "/gluster/results"] {
            assert_eq!(kind(holds), None, "{holds}");
        }
    }

    #[test]
    fn this_machine_has_mounts() {
        assert!(std::fs::read_to_string("/proc/self/mountinfo").unwrap().lines().all(|line| read(line).is_some()));
        assert_eq!(with_local_locks(Path::new("/proc")), None);
    }
}
