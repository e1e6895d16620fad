//! The layout of the cache: `refs` name the commit of a revision, `snapshots` its files as links to `blobs`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zoo_core::regular_file;

use super::REVISION;

/// What is there of `file` in the newest revision that is known here.
pub(super) fn cached(folder: &Path, file: &str) -> Option<PathBuf> {
    let commit = regular_file::read_text(&folder.join("refs").join(REVISION)).ok()?;
    let path = folder.join("snapshots").join(commit.trim()).join(file);
    path.is_file().then_some(path)
}

/// Puts a blob into the snapshot of its commit, which becomes the newest.
pub(super) fn place(folder: &Path, commit: &str, file: &str, etag: &str) -> io::Result<PathBuf> {
    let snapshot = folder.join("snapshots").join(commit);
    let path = snapshot.join(file);
    fs::create_dir_all(&snapshot)?;
    if path.symlink_metadata().is_ok() {
        fs::remove_file(&path)?;
    }
    let up = "../".repeat(2 + file.matches('/').count());
    if std::os::unix::fs::symlink(format!("{up}blobs/{etag}"), &path).is_err() {
        // A file system without links has the file itself there, as Python's tools do it.
        fs::rename(folder.join("blobs").join(etag), &path)?;
    }
    let refs = folder.join("refs");
    fs::create_dir_all(&refs)?;
    let partial = refs.join(format!("{REVISION}.part"));
    fs::write(&partial, commit)?;
    fs::rename(&partial, refs.join(REVISION))?;
    Ok(path)
}
