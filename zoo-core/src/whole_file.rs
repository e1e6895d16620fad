//! Files that appear whole or not at all: they grow beside their place, are synced, and then take it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path`, as [`write_with`] does.
///
/// # Errors
/// Where the file system refuses; an earlier file is still there then.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes what `fill` writes to `path`. An earlier file there is kept until all is written, and for good where that fails. A
/// device or a pipe is written to as it is, and a link stays.
///
/// # Errors
/// Where the file system refuses, or `fill` fails; an earlier file is still there then.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        let mut device = BufWriter::new(File::options().write(true).open(path)?);
        fill(&mut device)?;
        return device.flush();
    }
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let partial = beside(&path);
    let filled = || {
        let mut file = BufWriter::new(File::create(&partial)?);
        fill(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&partial, &path)
    };
    filled().inspect_err(|_| drop(fs::remove_file(&partial)))
}

/// The name under which the file grows.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".partial");
    path.with_file_name(name)
}
