//! Taking the wanted files out of a `.tar.gz`, and nothing else.
//!
//! An archive from the network decides neither where a file goes nor how much is written: files are found by their
//! name in the manifest, read into memory up to the length that the manifest gives, checked, and only then written
//! under a name of ours. Links, devices, `..` and absolute paths thus have no effect.

use std::io::{BufReader, Read};
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use tar::Archive;

use zoo_core::regular_file;

use super::DataError;
use super::manifest::Manifest;

/// The longest file that [`visit`] takes out of an archive: a wrong archive must not fill the memory.
const LONGEST: u64 = 256 << 20;

/// Unpacks the files of `manifest` from `archive` into `folder`, each checked before it is written.
///
/// # Errors
///
/// [`DataError::Archive`] where the archive is broken or lacks a file, [`DataError::Altered`] and [`DataError::Size`]
/// where a file in it is not the official one. What was already written is whole.
pub fn unpack(manifest: &Manifest, archive: &Path, folder: &Path) -> Result<(), DataError> {
    let mut missing: Vec<&str> = manifest.files().map(|file| file.name).collect();
    visit(archive, manifest.folder, |name, bytes| {
        let Some(file) = manifest.file(name) else {
            return Ok(());
        };
        file.store(folder, &bytes()?)?;
        missing.retain(|other| *other != name);
        Ok(())
    })?;
    match missing.first() {
        None => Ok(()),
        Some(name) => Err(broken(archive, format!("it does not hold {}/{name}", manifest.folder))),
    }
}

/// Calls `each` for every plain file in `folder` of the `.tar.gz` at `archive`, with its path below `folder`, in which
/// there is no `..`, and a function that reads it.
pub(crate) fn visit(
    archive: &Path,
    folder: &str,
    mut each: impl FnMut(&str, &mut dyn FnMut() -> Result<Vec<u8>, DataError>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let (file, _) = regular_file::open(archive).map_err(DataError::io("read", archive))?;
    let mut tar = Archive::new(GzDecoder::new(BufReader::new(file)));
    let unreadable = |error: std::io::Error| broken(archive, error.to_string());
    for entry in tar.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(unreadable)?.into_owned();
        let Some(name) = name_in(&path, folder) else {
            continue;
        };
        each(&name, &mut || {
            if entry.size() > LONGEST {
                return Err(broken(archive, format!("{name} has {} bytes", entry.size())));
            }
            let mut bytes = Vec::new();
            (&mut entry).take(LONGEST).read_to_end(&mut bytes).map_err(unreadable)?;
            Ok(bytes)
        })?;
    }
    Ok(())
}

/// What follows `folder/` in `path`, with or without `./` before it, if it is made of names only.
fn name_in(path: &Path, folder: &str) -> Option<String> {
    let mut parts = path.components().filter(|part| *part != Component::CurDir).map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    if parts.next()?? != folder {
        return None;
    }
    let names: Vec<&str> = parts.collect::<Option<_>>()?;
    (!names.is_empty()).then(|| names.join("/"))
}

fn broken(archive: &Path, reason: String) -> DataError {
    DataError::Archive { path: archive.to_path_buf(), reason }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::manifest::FileSum;

    const LETTERS: Manifest = Manifest {
        base_url: "",
        archive: "letters.tar.gz",
        archive_md5: "",
        folder: "letters",
        train: &[FileSum { set: "letters", name: "abc.bin", bytes: 3, md5: "900150983cd24fb0d6963f7d28e17f72" }],
        test: &[],
    };

    /// Writes an archive; paths go into the header raw, as `tar` itself refuses `..`.
    fn archive(dir: &Path, entries: &[(&str, tar::EntryType, &[u8])]) -> std::path::PathBuf {
        let path = dir.join(LETTERS.archive);
        let mut builder = tar::Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
        for (name, kind, bytes) in entries {
            let mut header = tar::Header::new_ustar();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            if *kind == tar::EntryType::Symlink {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
        path
    }

    fn unpack_in(dir: &Path, entries: &[(&str, tar::EntryType, &[u8])]) -> Result<(), DataError> {
        unpack(&LETTERS, &archive(dir, entries), &dir.join("out/letters"))
    }

    const FILE: tar::EntryType = tar::EntryType::Regular;

    #[test]
    fn only_the_wanted_file_comes_out() {
        let dir = tempfile::tempdir().unwrap();
        let entries: [(&str, _, &[u8]); 4] = [
            ("letters/readme.html", FILE, b"hello"),
            ("../letters/abc.bin", FILE, b"evil"),
            ("/letters/abc.bin", FILE, b"evil"),
            ("./letters/abc.bin", FILE, b"abc"),
        ];
        unpack_in(dir.path(), &entries).unwrap();
        let names = fs::read_dir(dir.path().join("out/letters")).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["abc.bin"]);
        assert_eq!(fs::read(dir.path().join("out/letters/abc.bin")).unwrap(), b"abc");
    }

    #[test]
    fn a_link_does_not_count_as_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = unpack_in(dir.path(), &[("letters/abc.bin", tar::EntryType::Symlink, b"")]).unwrap_err();
        assert!(error.to_string().contains("does not hold letters/abc.bin"), "{error}");
        assert!(!dir.path().join("out").exists());
    }

    #[test]
    fn an_altered_file_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let error = unpack_in(dir.path(), &[("letters/abc.bin", FILE, b"abd")]).unwrap_err();
        assert!(matches!(error, DataError::Altered { .. }), "{error}");
        assert!(!dir.path().join("out").exists());
    }

    #[test]
    fn a_cut_archive_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let noise: Vec<u8> = (0..60_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let path = archive(dir.path(), &[("letters/noise.bin", FILE, &noise), ("letters/abc.bin", FILE, b"abc")]);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = unpack(&LETTERS, &path, &dir.path().join("out")).unwrap_err();
        assert!(matches!(&error, DataError::Archive { .. }), "{error}");
        fs::write(&path, b"not gzip at all").unwrap();
        assert!(matches!(unpack(&LETTERS, &path, &dir.path().join("out")), Err(DataError::Archive { .. })));
    }
}
