//! A data set from folders: `train` and `val`, in each a folder for each class, in each of those image files.
//!
//! Owns the layout and what is refused of it. Classes are sorted by name, those that are all numbers by number; files by
//! path, so that labels are the same on every machine. What is no image is passed over and counted aloud, hidden files
//! without a word; links are followed, and folders within the folder of a class belong to it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zoo_core::names::{IMAGENET_MEAN, IMAGENET_STD};
use zoo_core::regular_file;

use super::image::{BadImage, ENOUGH, Format};
use super::sets::Statistics;
use super::{DataError, Dataset, ImageFiles, Split, imagenet};
use zoo_host::console::say;

/// The folder of the images to learn from.
pub const TRAIN: &str = "train";
/// The folder of the images to be judged by.
pub const VAL: &str = "val";
/// By which images are normalised: those of ImageNet, as is the custom for photographs.
pub const STATISTICS: Statistics = Statistics { mean: IMAGENET_MEAN, deviation: IMAGENET_STD };
/// Extensions of images. What they hold is told by their contents, when they are decoded; other files are looked into.
const IMAGES: [&str; 23] = [
    "jpg", "jpeg", "jpe", "jfif", "jif", "png", "webp", "gif", "bmp", "dib", "tif", "tiff", "ppm", "pgm", "pbm", "pnm",
    "avif", "heic", "heif", "jp2", "j2k", "jxl", "jls",
];
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
        return Err(fault(root, "is not a folder", remedy));
    }
    let val = Half::read(root.join(VAL))?
        .ok_or_else(|| fault(&root.join(VAL), "is not a folder", "put the test images there, by class"))?;
    let train = Half::read(root.join(TRAIN))?;
    let mut classes = match (classes, &train) {
        (Some(classes), _) => classes,
        (None, Some(train)) => same_classes(train, &val)?,
        (None, None) => val.classes.keys().cloned().collect(),
    };
    by_number(&mut classes);
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
        mean: STATISTICS.mean,
        deviation: STATISTICS.deviation,
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
                // Several that differ in bytes that are no text would become one.
                let name = entry.file_name().unwrap_or_default();
                let Some(name) = name.to_str() else {
                    let escaped = name.as_encoded_bytes().escape_ascii();
                    let problem = format!("holds a folder whose name is not UTF-8: {escaped}");
                    return Err(fault(&path, &problem, "rename it, because it is the name of a class"));
                };
                classes.insert(name.to_string(), entry);
            } else if is_image(&entry) {
                image = image.or(Some(entry));
            }
        }
        match (classes.is_empty(), image) {
            (false, _) => Ok(Some(Half { path, classes })),
            (true, Some(image)) => {
                let problem = format!("holds images, such as {}, but no folder for each class", name_of(&image));
                Err(fault(&path, &problem, "move each image into a folder named after its class"))
            }
            (true, None) => Err(fault(&path, "holds no folders", "give it one for each class, with the images in it")),
        }
    }

    /// The images of `classes`.
    fn images(&self, classes: &[String], skip_bad: bool) -> Result<ImageFiles, DataError> {
        let (mut files, mut passed) = (ImageFiles::new(skip_bad), Vec::new());
        for (label, class) in classes.iter().enumerate() {
            let folder = self.classes.get(class).ok_or_else(|| {
                let lacking = classes.iter().filter(|class| !self.classes.contains_key(*class)).count();
                let problem = match lacking {
                    1 => format!("has no folder for the class {class}"),
                    _ => format!("has no folders for {lacking} of {} classes, such as {class}", classes.len()),
                };
                fault(
                    &self.path,
                    &problem,
                    "add what is missing, or list the classes to use in a file given with --subset",
                )
            })?;
            let before = files.len();
            let mut found = Vec::new();
            walk(folder, DEEPEST, &mut found, &mut passed, &files)?;
            found.sort_unstable();
            found.into_iter().for_each(|path| files.push(path, label as u16));
            if files.len() == before {
                let remedy = "add some, or leave the class out with --subset";
                return Err(fault(folder, "holds no image files", remedy));
            }
        }
        say_passed(&self.path, &passed);
        Ok(files)
    }
}

/// The classes of both halves, which must be the same.
fn same_classes(train: &Half, val: &Half) -> Result<Vec<String>, DataError> {
    let lacking = |half: &Half, other: &Half| {
        let class = other.classes.keys().find(|class| !half.classes.contains_key(*class))?;
        let problem = format!("has no folder for the class {class}, which {} has", other.path.display());
        Some(fault(&half.path, &problem, "add it, remove the other, or list the classes in a file given with --subset"))
    };
    match lacking(val, train).or_else(|| lacking(train, val)) {
        Some(error) => Err(error),
        None => Ok(train.classes.keys().cloned().collect()),
    }
}

/// Puts the classes in the order of their numbers, where all of them are whole numbers.
///
/// In the order of bytes, as torchvision's `ImageFolder` has them, 10 comes before 2. Whoever names folders by number
/// means the outputs of a network, so that this is said.
fn by_number(classes: &mut [String]) {
    // Of any length; leading zeros say nothing, and among equal numbers the name decides.
    let number = |class: &String| {
        let digits = class.trim_start_matches('0');
        (digits.len(), digits.to_string(), class.clone())
    };
    let numbers = classes.iter().all(|class| !class.is_empty() && class.bytes().all(|byte| byte.is_ascii_digit()));
    if numbers && !classes.is_sorted_by_key(number) {
        let before = classes.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        classes.sort_by_cached_key(number);
        let after = classes.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        say!(
            "note: all class names are numbers and are sorted by number ({after}, ...), not alphabetically ({before}, \
             ...) as in torchvision's ImageFolder"
        );
    }
}

/// Appends the image files in `folder` and the folders in it, of which `deeper` levels may follow, and to `passed` what
/// is no image.
fn walk(
    folder: &Path,
    deeper: usize,
    found: &mut Vec<PathBuf>,
    passed: &mut Vec<PathBuf>,
    files: &ImageFiles,
) -> Result<(), DataError> {
    if deeper == 0 {
        let remedy = "remove the link that points back to a parent folder, or flatten the folder";
        return Err(fault(folder, &format!("is {DEEPEST} folders deep in its class"), remedy));
    }
    for entry in visible(folder)? {
        if entry.is_dir() {
            walk(&entry, deeper - 1, found, passed, files)?;
        } else if fs::metadata(&entry).is_err() {
            files.skip(&entry, "is a broken link")?;
        } else if is_image(&entry) {
            found.push(entry);
        } else {
            passed.push(entry);
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
    let (mut found, mut passed) = (Vec::new(), Vec::new());
    walk(folder, DEEPEST, &mut found, &mut passed, files)?;
    say_passed(folder, &passed);
    found.sort_unstable();
    Ok(found)
}

/// Says which files in `folder` are no images.
fn say_passed(folder: &Path, passed: &[PathBuf]) {
    if let Some(first) = passed.iter().min() {
        let (count, first) = (passed.len(), first.display());
        match count {
            1 => say!("note: {first} is not an image and is skipped"),
            _ => say!("note: {count} files in {} are not images and are skipped, such as {first}", folder.display()),
        }
    }
}

/// The entries of a folder that are not hidden.
fn visible(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |error: io::Error| {
        let remedy = "change its permissions, or name another folder with --dataset";
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

/// Whether a file is an image by its name or, with another name, by how it begins. Only the latter are opened, as there
/// may be a million of the former.
fn is_image(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if extension.is_some_and(|extension| IMAGES.iter().any(|one| extension.eq_ignore_ascii_case(one))) {
        return true;
    }
    let Ok((file, _)) = regular_file::open(path) else { return false };
    let mut beginning = Vec::new();
    // Of a format that is not read, it is an image all the same, and the sentence about it is the decoder's.
    file.take(ENOUGH as u64).read_to_end(&mut beginning).is_ok()
        && matches!(Format::of(&beginning), Ok(_) | Err(BadImage::NotRead(_)))
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
pub fn name_of(path: &Path) -> String {
    let absolute = path.file_name().is_none().then(|| fs::canonicalize(path).ok()).flatten();
    let name = absolute.as_deref().unwrap_or(path).file_name();
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn fault(path: &Path, problem: &str, remedy: impl Into<String>) -> DataError {
    DataError::Folder { path: path.to_path_buf(), problem: problem.to_string(), remedy: remedy.into() }
}
