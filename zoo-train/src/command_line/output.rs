//! Where a command writes: standard output, or a file that appears whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error};

use super::usage::misused;

/// Refuses to write `what` under a name that says something else than one of `extensions`; devices and pipes say nothing.
pub fn check_name(path: &Path, what: &str, extensions: &[&str]) -> Result<(), Error> {
    let is_special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default();
    if is_special || extensions.contains(&extension.as_str()) {
        return Ok(());
    }
    let named = path.with_extension(extensions[0]);
    misused!("the output is {what}, but the name {} says otherwise: give --output {}", path.display(), named.display())
}

/// What is being written.
pub struct Output {
    into: Box<dyn Write>,
    /// What errors call it.
    name: String,
    /// Where it grows and where it belongs, where these are two places.
    beside: Option<(PathBuf, PathBuf)>,
}

impl Output {
    /// Begins to write to `path`, by default standard output. A device or a pipe is written to as it is.
    pub fn new(path: Option<&Path>) -> Result<Output, Error> {
        let Some(path) = path else {
            return Ok(Output { into: Box::new(io::stdout()), name: "standard output".into(), beside: None });
        };
        let name = path.display().to_string();
        let is_special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
        // A link stays, and the file that it leads to is the one that changes.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let grows = if is_special { path.clone() } else { partial(&path) };
        let file = File::create(&grows).with_context(|| format!("cannot write {name}"))?;
        let beside = (!is_special).then_some((grows, path));
        Ok(Output { into: Box::new(BufWriter::new(file)), name, beside })
    }

    /// Ends it: what was written is at its place only now.
    pub fn finish(mut self) -> Result<(), Error> {
        let flushed = self.into.flush();
        let done = flushed.and_then(|()| match self.beside.take() {
            Some((grows, path)) => {
                let renamed = fs::rename(&grows, path);
                renamed.inspect_err(|_| drop(fs::remove_file(&grows)))
            }
            None => Ok(()),
        });
        done.with_context(|| format!("cannot write {}", self.name))
    }

    /// What errors call it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.into.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((grows, _)) = &self.beside {
            let _ = fs::remove_file(grows);
        }
    }
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".partial");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let mut output = Output::new(Some(&path)).unwrap();
        output.write_all(b"one").unwrap();
        assert!(!path.exists());
        drop(output);
        assert_eq!(names(folder.path()), Vec::<OsString>::new());
        let mut output = Output::new(Some(&path)).unwrap();
        output.write_all(b"two").unwrap();
        output.finish().unwrap();
        assert_eq!(
            (fs::read(&path).unwrap(), names(folder.path())),
            (b"two".to_vec(), vec![OsString::from("out.csv")])
        );
    }

    #[test]
    fn a_full_disk_is_told_with_the_name() {
        let mut output = Output::new(Some(Path::new("/dev/full"))).unwrap();
        output.write_all(b"words").unwrap();
        let error = format!("{:#}", output.finish().unwrap_err());
        assert!(error.contains("/dev/full") && error.contains("No space left"), "{error}");
        assert!(Path::new("/dev/full").exists());
    }
}
