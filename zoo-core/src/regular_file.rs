//! Reading files that come from outside: regular, bounded and whole.
//!
//! Every reader of a user's file goes through here, so that a pipe, a device or a link to one is refused before it is
//! opened for good (a FIFO would wait for a writer, `/dev/zero` never ends), and no file takes more memory than its
//! reader expects.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The largest text that a person writes and we read (configurations, sweeps, lists of classes), in bytes.
pub const TEXT_LIMIT: u64 = 16 << 20;

/// Opens the file at `path` for reading and gives its length in bytes.
///
/// # Errors
/// Where it cannot be opened, is a folder, or is not a regular file after links were followed.
pub fn open(path: &Path) -> io::Result<(File, u64)> {
    // Without O_NONBLOCK the open itself would wait for the other end of a FIFO. Regular files do not heed it.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(path)?;
    match file.metadata()? {
        metadata if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        metadata if !metadata.is_file() => Err(io::Error::other("it is not a regular file")),
        metadata => Ok((file, metadata.len())),
    }
}

/// The contents of the file at `path`, of at most `limit` bytes.
///
/// # Errors
/// As [`open`], and where the file is longer than `limit`; it need not stay as long as it was when it was opened.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let (file, length) = open(path)?;
    let mut bytes = Vec::with_capacity(length.min(limit) as usize);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(io::Error::other(format!("it is longer than {limit} bytes"))),
        false => Ok(bytes),
    }
}

/// The text of the file at `path`, of at most [`TEXT_LIMIT`] bytes, without a byte order mark.
///
/// # Errors
/// As [`read`], and where the file is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let text = String::from_utf8(read(path, TEXT_LIMIT)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))?;
    Ok(text.strip_prefix('\u{feff}').map(String::from).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status()?;
        assert!(made.success());
        let zeros = folder.path().join("zeros");
        std::os::unix::fs::symlink("/dev/zero", &zeros)?;
        for path in [fifo.as_path(), zeros.as_path(), Path::new("/dev/random")] {
            let error = read(path, 10).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{}: {error}", path.display());
        }
        assert_eq!(read(folder.path(), 10).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        Ok(())
    }

    #[test]
    fn files_are_bounded_and_text_has_no_byte_order_mark() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("text");
        std::fs::write(&path, "\u{feff}words")?;
        assert_eq!(read_text(&path)?, "words");
        assert_eq!(read(&path, 8)?.len(), 8);
        assert!(read(&path, 7).unwrap_err().to_string().contains("longer than 7 bytes"));
        std::fs::write(&path, [0xff, 0xfe, 0x00])?;
        assert!(read_text(&path).unwrap_err().to_string().contains("UTF-8"));
        Ok(())
    }
}
