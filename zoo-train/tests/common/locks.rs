//! File systems without locks.

use std::fs;
use std::path::Path;

/// A library for `LD_PRELOAD` that makes `flock` fail as on a file system without locks; it is written to `folder`.
pub fn without_locks(folder: &Path) -> String {
    let source = folder.join("flock.c");
    fs::write(&source, "#include <errno.h>\nint flock(int file, int what) { errno = ENOLCK; return -1; }\n").unwrap();
    let library = folder.join("flock.so");
    let mut cc = std::process::Command::new("cc");
    let status = cc.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status().unwrap();
    assert!(status.success());
    library.to_str().unwrap().to_string()
}
