//! Imagenette: ten classes of ImageNet that are easily told apart, the shorter side resized to 320 pixels
//! (<https://github.com/fastai/imagenette>).
//!
//! Owns where it is published and the proof that it is whole. Only the archive has a published checksum, so the checksums
//! of its files are written beside them as they come out of an archive that had it; `md5sum -c` understands the list.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zoo_core::regular_file;

use super::archive::visit;
use super::folder::{self, TRAIN, VAL};
use super::get::{GetOptions, complete, fetch, lock};
use super::manifest::{md5_hex, md5_of_file};
use super::{DataError, Dataset};

/// The checksums of the files, beside `train` and `val`.
const SUMS: &str = "MD5SUMS";
const REMEDY: &str = "fetch it with `cargo run -p zoo-train -- data get imagenette`, or name the folder that holds it \
                      with --data-dir";

/// An archive with folders of images, as it is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release<'a> {
    /// Where the archive is found, without its name.
    pub base_url: &'a str,
    /// The archive's name.
    pub archive: &'a str,
    /// The archive's MD5.
    pub archive_md5: &'a str,
    /// The folder that `train` and `val` lie in, inside the archive and inside the data directory.
    pub folder: &'a str,
    /// The wnids of the classes, sorted.
    pub classes: &'a [&'a str],
}

/// The official release; address and MD5 as torchvision's `datasets/imagenette.py` has them.
pub const OFFICIAL: Release<'static> = Release {
    base_url: "https://s3.amazonaws.com/fast-ai-imageclas",
    archive: "imagenette2-320.tgz",
    archive_md5: "3df6f0d01a2c9592104656642f5e78a3",
    folder: "imagenette2-320",
    classes: &[
        "n01440764",
        "n02102040",
        "n02979186",
        "n03000684",
        "n03028079",
        "n03394916",
        "n03417042",
        "n03425413",
        "n03445777",
        "n03888257",
    ],
};

/// Makes sure that the data set is complete below `options.data_dir`, and returns its folder.
///
/// # Errors
///
/// Where the archive cannot be had, is not the official one or cannot be unpacked.
pub fn get(release: &Release, options: &GetOptions) -> Result<PathBuf, DataError> {
    let data_dir = &options.data_dir;
    let _lock = lock(options)?;
    if check(release, data_dir).is_err() {
        let archive = fetch(release.base_url, release.archive, release.archive_md5, options)?;
        unpack(release, &archive, data_dir)?;
        check(release, data_dir)?;
        fs::remove_file(&archive).map_err(DataError::io("remove", &archive))?;
    }
    let folder = data_dir.join(release.folder);
    options.say(&complete(&folder));
    Ok(folder)
}

/// Proves that every file below `data_dir` is as it came out of the archive, and returns their folder.
///
/// # Errors
///
/// The first file that is missing or altered, or the list of checksums where it is missing.
pub fn check(release: &Release, data_dir: &Path) -> Result<PathBuf, DataError> {
    let folder = data_dir.join(release.folder);
    let list = folder.join(SUMS);
    let fault = |path: &Path, problem: &str| DataError::Folder {
        path: path.to_path_buf(),
        problem: problem.to_string(),
        remedy: REMEDY.to_string(),
    };
    let text = regular_file::read_text(&list).map_err(|error| fault(&list, &reason(&error)))?;
    for line in text.lines() {
        let (sum, name) = line.split_once("  ").ok_or_else(|| fault(&list, "is not a list of checksums"))?;
        let path = folder.join(name);
        match md5_of_file(&path) {
            Ok(actual) if actual == sum => {}
            Ok(_) => return Err(fault(&path, "was altered")),
            Err(DataError::Io { source, .. }) => return Err(fault(&path, &reason(&source))),
            Err(error) => return Err(error),
        }
    }
    Ok(folder)
}

/// The data set below `data_dir`, or in `data_dir` where that is its folder itself.
///
/// # Errors
///
/// As [`folder::load`], with the command that fetches it.
pub fn load(release: &Release, data_dir: &Path, skip_bad: bool) -> Result<Dataset, DataError> {
    let inside = data_dir.join(release.folder);
    let folder = if !inside.exists() && data_dir.join(VAL).is_dir() { data_dir } else { &inside };
    if !folder.is_dir() {
        let problem = "is missing".to_string();
        return Err(DataError::Folder { path: folder.to_path_buf(), problem, remedy: REMEDY.to_string() });
    }
    let classes = release.classes.iter().map(|wnid| wnid.to_string()).collect();
    Ok(Dataset { name: "imagenette".into(), ..folder::load(folder, Some(classes), skip_bad)? })
}

/// Takes the images out of the archive, and writes their checksums when all of them are there.
fn unpack(release: &Release, archive: &Path, data_dir: &Path) -> Result<(), DataError> {
    let folder = data_dir.join(release.folder);
    let list = folder.join(SUMS);
    let mut sums = String::new();
    let mut found = BTreeSet::new();
    visit(archive, release.folder, |name, bytes| {
        let Some((half, class)) = place(name, release) else { return Ok(()) };
        let path = folder.join(name);
        let parent = folder.join(half).join(class);
        fs::create_dir_all(&parent).map_err(DataError::io("create", &parent))?;
        let bytes = bytes()?;
        fs::write(&path, &bytes).map_err(DataError::io("write", &path))?;
        sums += &format!("{}  {name}\n", md5_hex(&bytes));
        found.insert((half.to_string(), class.to_string()));
        Ok(())
    })?;
    let wanted = [TRAIN, VAL].iter().flat_map(|half| release.classes.iter().map(move |class| (half, class)));
    for (half, class) in wanted {
        if !found.contains(&(half.to_string(), class.to_string())) {
            let reason = format!("it holds no images in {}/{half}/{class}", release.folder);
            return Err(DataError::Archive { path: archive.to_path_buf(), reason });
        }
    }
    // The list is what says that all of them are there: it appears whole or not at all.
    let part = folder.join(format!("{SUMS}.part"));
    fs::write(&part, sums).map_err(DataError::io("write", &part))?;
    fs::rename(&part, &list).map_err(DataError::io("write", &list))
}

/// Half and class of an image by its path in the archive, such as `train/n01440764/x.JPEG`.
fn place<'a>(name: &'a str, release: &Release) -> Option<(&'a str, &'a str)> {
    let parts: Vec<&str> = name.split('/').collect();
    let [half, class, file] = parts[..] else { return None };
    let wanted = [TRAIN, VAL].contains(&half) && release.classes.contains(&class);
    (wanted && !file.starts_with('.') && file.to_ascii_lowercase().ends_with(".jpeg")).then_some((half, class))
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "is missing".into(),
        _ => format!("cannot be read ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_of_the_classes_have_a_place() {
        let place = |name| place(name, &OFFICIAL);
        assert_eq!(place("train/n01440764/ILSVRC2012_val_00000293.JPEG"), Some(("train", "n01440764")));
        assert_eq!(place("val/n03888257/x.JPEG"), Some(("val", "n03888257")));
        let others =
            ["noisy_imagenette.csv", "train/n01443537/x.JPEG", "test/n01440764/x.JPEG", "val/n01440764/.x.JPEG"];
        assert!(others.iter().all(|name| place(name).is_none()));
    }

    #[test]
    fn the_classes_are_those_of_the_shipped_list() {
        let text = include_str!("../../configs/subsets/imagenette.txt");
        let listed: Vec<&str> = text.lines().filter_map(|line| line.split_once("  # ").map(|(wnid, _)| wnid)).collect();
        assert_eq!(listed, OFFICIAL.classes);
    }
}
