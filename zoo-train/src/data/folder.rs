//! A data set from folders: `train` and `val`, in each a folder for each class, in each of those JPEG and PNG files.
//!
//! Owns the layout and what is refused of it. Classes are sorted by name, files by path, so that labels are the same on
//! every machine. Hidden files and files that are no images are passed over; links are followed, and folders within the
//! folder of a class belong to it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zoo_core::weights::{IMAGENET_MEAN, IMAGENET_STD};

use super::{DataError, Dataset, ImageFiles, Split, imagenet};

/// The folder of the images to learn from.
pub const TRAIN: &str = "train";
/// The folder of the images to be judged by.
pub const VAL: &str = "val";
/// Extensions of the formats that are read.
const READ: [&str; 3] = ["jpg", "jpeg", "png"];
/// Extensions of formats that are not, whose images must not be lost without a word.
const NOT_READ: [&str; 13] =
    ["webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm", "pbm", "avif", "heic", "heif", "jp2", "jxl"];
/// Deeper than any collection; a link that points back is.
const DEEPEST: usize = 16;
/// The most classes that labels can tell apart.
const MOST_CLASSES: usize = 1 << 16;

/// Finds the images in `root`. With `classes` (sorted), all of those and no others; without, whatever there is. A set
/// without `train` has no training images, for evaluation alone.
///
/// # Errors
///
/// [`DataError::Folder`] for what is not laid out as it should be, [`DataError::Image`] for a file of another format
/// unless `skip_bad`. Whether files can be decoded is found out when they are.
pub fn load(root: &Path, classes: Option<Vec<String>>, skip_bad: bool) -> Result<Dataset, DataError> {
    if !root.is_dir() {
        let remedy = format!("name a folder that holds `{TRAIN}` and `{VAL}` with --dataset");
        return Err(fault(root, "is no folder", remedy));
    }
    let val = Half::read(root.join(VAL))?
        .ok_or_else(|| fault(&root.join(VAL), "is no folder", "put the images to be judged by there, by class"))?;
    let train = Half::read(root.join(TRAIN))?;
    let classes = match (classes, &train) {
        (Some(classes), _) => classes,
        (None, Some(train)) => same_classes(train, &val)?,
        (None, None) => val.classes.keys().cloned().collect(),
    };
    if classes.len() > MOST_CLASSES {
        return Err(fault(root, &format!("has more than {MOST_CLASSES} classes"), "choose some with --subset"));
    }
    let train = train.map_or_else(|| Ok(ImageFiles::new(skip_bad)), |train| train.images(&classes, skip_bad))?;
    let test = val.images(&classes, skip_bad)?;
    let (names, wnids) = named(classes);
    Ok(Dataset {
        name: format!("folder:{}", name_of(root)),
        train: Split::Files(train),
        test: Split::Files(test),
        classes: names,
        wnids,
        mean: IMAGENET_MEAN,
        deviation: IMAGENET_STD,
    })
}

/// `train` or `val`: where it is, and the folders of its classes by name.
struct Half {
    path: PathBuf,
    classes: BTreeMap<String, PathBuf>,
}

impl Half {
    /// Finds the classes; `None` where there is no such folder.
    fn read(path: PathBuf) -> Result<Option<Half>, DataError> {
        if !path.is_dir() {
            return Ok(None);
        }
        let (mut classes, mut image) = (BTreeMap::new(), None);
        for entry in visible(&path)? {
            if entry.is_dir() {
                classes.insert(name_of(&entry), entry);
            } else if is_one_of(&entry, &READ) {
                image = image.or(Some(entry));
            }
        }
        match (classes.is_empty(), image) {
            (false, _) => Ok(Some(Half { path, classes })),
            (true, Some(image)) => {
                let problem = format!("holds images, such as {}, and no folder for each class", name_of(&image));
                Err(fault(&path, &problem, "move each image into a folder that is named as its class"))
            }
            (true, None) => Err(fault(&path, "holds no folders", "give it one for each class, with the images in it")),
        }
    }

    /// The images of `classes`.
    fn images(&self, classes: &[String], skip_bad: bool) -> Result<ImageFiles, DataError> {
        let mut files = ImageFiles::new(skip_bad);
        for (label, class) in classes.iter().enumerate() {
            let folder = self.classes.get(class).ok_or_else(|| {
                let lacking = classes.iter().filter(|class| !self.classes.contains_key(*class)).count();
                let problem = match lacking {
                    1 => format!("has no folder for the class {class}"),
                    _ => format!("has no folders for {lacking} of {} classes, the first is {class}", classes.len()),
                };
                fault(&self.path, &problem, "add what is missing, or list what there is in a file named with --subset")
            })?;
            let before = files.len();
            let mut found = Vec::new();
            walk(folder, DEEPEST, &mut found, &files)?;
            found.sort_unstable();
            found.into_iter().for_each(|path| files.push(path, label as u16));
            if files.len() == before {
                let remedy = "put some there, or leave the class out with --subset";
                return Err(fault(folder, "holds no JPEG or PNG files", remedy));
            }
        }
        Ok(files)
    }
}

/// The classes of both halves, which must be the same.
fn same_classes(train: &Half, val: &Half) -> Result<Vec<String>, DataError> {
    let lacking = |half: &Half, other: &Half| {
        let class = other.classes.keys().find(|class| !half.classes.contains_key(*class))?;
        let problem = format!("has no folder for the class {class}, which {} has", other.path.display());
        Some(fault(&half.path, &problem, "add it, remove the other, or list the classes in a file named with --subset"))
    };
    match lacking(val, train).or_else(|| lacking(train, val)) {
        Some(error) => Err(error),
        None => Ok(train.classes.keys().cloned().collect()),
    }
}

/// Appends the image files in `folder` and the folders in it, of which `deeper` levels may follow.
fn walk(folder: &Path, deeper: usize, found: &mut Vec<PathBuf>, files: &ImageFiles) -> Result<(), DataError> {
    if deeper == 0 {
        let remedy = "remove the link that points back to where it is, or flatten the folder";
        return Err(fault(folder, &format!("is {DEEPEST} folders deep in its class"), remedy));
    }
    for entry in visible(folder)? {
        if entry.is_dir() {
            walk(&entry, deeper - 1, found, files)?;
        } else if is_one_of(&entry, &READ) {
            match fs::metadata(&entry) {
                Ok(_) => found.push(entry),
                Err(_) => files.skip(&entry, "is a link to nothing")?,
            }
        } else if is_one_of(&entry, &NOT_READ) {
            files.skip(&entry, "is neither a JPEG nor a PNG file")?;
        }
    }
    Ok(())
}

/// The images in `folder` and in the folders within it, sorted by path; what is not read is for `files` to skip.
///
/// # Errors
///
/// As [`load`].
pub fn images_in(folder: &Path, files: &ImageFiles) -> Result<Vec<PathBuf>, DataError> {
    let mut found = Vec::new();
    walk(folder, DEEPEST, &mut found, files)?;
    found.sort_unstable();
    Ok(found)
}

/// The entries of a folder that are not hidden.
fn visible(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |error: io::Error| {
        let remedy = "change its rights, or name another folder with --dataset";
        fault(folder, &format!("cannot be read ({error})"), remedy)
    };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            entries.push(entry.path());
        }
    }
    Ok(entries)
}

fn is_one_of(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| extensions.iter().any(|one| extension.eq_ignore_ascii_case(one)))
}

/// Names for people: those of ImageNet where all classes are wnids, and then the wnids; else those of the folders.
fn named(classes: Vec<String>) -> (Vec<String>, Option<Vec<String>>) {
    let name = |class: &String| imagenet::index(class).and_then(imagenet::name).map(String::from);
    match classes.iter().map(name).collect() {
        Some(names) => (names, Some(classes)),
        None => (classes, None),
    }
}

/// The last part of a path, for people.
pub(crate) fn name_of(path: &Path) -> String {
    let absolute = path.file_name().is_none().then(|| fs::canonicalize(path).ok()).flatten();
    let name = absolute.as_deref().unwrap_or(path).file_name();
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn fault(path: &Path, problem: &str, remedy: impl Into<String>) -> DataError {
    DataError::Folder { path: path.to_path_buf(), problem: problem.to_string(), remedy: remedy.into() }
}
