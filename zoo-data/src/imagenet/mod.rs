//! The classes of ImageNet (Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", 2015).
//!
//! Owns the order of the 1000 wnids, their names, and lists of some of them ([`subset`]). A classifier of 1000 classes
//! and a data set of a few are brought together by wnid, never by position. The files are found by
//! [`folder`].

pub mod subset;

use std::path::Path;
use std::sync::LazyLock;

use super::{DataError, Dataset, folder};

/// Wnid and name of every class, in the order of a classifier's outputs.
static CLASSES: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let lines = include_str!("classes.txt").lines();
    lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' ')).collect()
});

/// How many classes there are: 1000.
pub fn count() -> usize {
    CLASSES.len()
}

/// The position of a wnid, such as 0 of `n01440764`, or `None` where the 1000 classes do not have it.
pub fn index(wnid: &str) -> Option<usize> {
    // The order of the outputs is the order of the wnids, so that they can be searched by halving.
    CLASSES.binary_search_by_key(&wnid, |(wnid, _)| wnid).ok()
}

/// The name of the class at a position, such as `tench` at 0; no two classes share one.
pub fn name(index: usize) -> Option<&'static str> {
    CLASSES.get(index).map(|(_, name)| *name)
}

/// The wnid of the class at a position, such as `n01440764` at 0.
pub fn wnid(index: usize) -> Option<&'static str> {
    CLASSES.get(index).map(|(wnid, _)| *wnid)
}

/// Finds the images of all classes, or of those in `subset` (sorted), in the folders `train` and `val` of `root`.
///
/// # Errors
///
/// As [`folder::load`], and where the subset has a class that is none of the 1000.
pub fn load(root: &Path, subset: Option<Vec<String>>, skip_bad: bool) -> Result<Dataset, DataError> {
    let classes = match subset {
        None => CLASSES.iter().map(|(wnid, _)| wnid.to_string()).collect(),
        Some(wnids) => match wnids.iter().find(|wnid| index(wnid).is_none()) {
            None => wnids,
            Some(unknown) => {
                return Err(DataError::Folder {
                    path: root.to_path_buf(),
                    problem: format!("cannot have the class {unknown}, which is not one of ImageNet"),
                    remedy: "list wnids of its 1000 classes with --subset, or use --dataset folder:PATH".into(),
                });
            }
        },
    };
    Ok(Dataset { name: "imagenet".into(), ..folder::load(root, Some(classes), skip_bad)? })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_1000_classes_in_the_order_of_their_wnids() {
        assert_eq!(count(), 1000);
        assert!(CLASSES.is_sorted_by(|one, next| one.0 < next.0));
        for (wnid, name) in CLASSES.iter() {
            assert!(wnid.len() == 9 && wnid.starts_with('n') && wnid[1..].parse::<u32>().is_ok(), "{wnid}");
            assert!(!name.is_empty() && name.trim() == *name, "{wnid}");
        }
        assert_eq!(CLASSES.iter().map(|(_, name)| name).collect::<BTreeSet<_>>().len(), 1000);
    }

    /// Positions that torchvision's and Keras's lists of classes give too.
    #[test]
    fn positions_are_those_of_published_classifiers() {
        let known =
            [("n01440764", 0, "tench"), ("n02102040", 217, "English springer"), ("n03888257", 701, "parachute")];
        for (id, position, called) in known {
            assert_eq!((index(id), wnid(position), name(position)), (Some(position), Some(id), Some(called)));
        }
        assert_eq!((index("n00000000"), index("tench"), name(1000), wnid(1000)), (None, None, None, None));
    }
}
