//! CIFAR-100 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009) in its official binary layout.
//!
//! Two files hold 50,000 and 10,000 records of [`cifar`], each with a label byte for one of 20 superclasses, which is passed
//! over, before that of its class. [`get`](super::get) fetches them.
//!
//! The archive's MD5 is the official page's. Those of its two files are another project's, which checks them behind that
//! of the archive and whose sums of CIFAR-10's files are the ones here; the files themselves were never at hand, and
//! tests make files of this layout.

use std::path::Path;

use super::cifar::{self, Layout, PIXELS};
use super::manifest::{FileSum, Manifest};
use super::sets::Statistics;
use super::{DataError, Dataset};

/// Bytes of one record: the labels of superclass and class, and the image.
pub const RECORD: usize = 2 + PIXELS;
/// Of the training images.
pub const STATISTICS: Statistics = Statistics { mean: [0.5071, 0.4867, 0.4408], deviation: [0.2675, 0.2565, 0.2761] };
/// The class names, by label: those of `fine_label_names.txt`.
#[rustfmt::skip]
pub const CLASSES: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
    "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
];

const LAYOUT: Layout = Layout { name: "cifar100", labels: 2, classes: &CLASSES, statistics: STATISTICS };

/// The official files and where they are published.
pub const OFFICIAL: Manifest<'static> = Manifest {
    base_url: "https://www.cs.toronto.edu/~kriz",
    archive: "cifar-100-binary.tar.gz",
    archive_md5: "03b5dce01913d631647c71ecec9e9cb8",
    folder: "cifar-100-binary",
    train: &[file("train.bin", 50_000, "6172c7755cfe09b2fe270c85cebc1b15")],
    test: &[file("test.bin", 10_000, "4499cfba6c016c1be1438163640a0898")],
};

const fn file(name: &'static str, images: u64, md5: &'static str) -> FileSum<'static> {
    FileSum { set: LAYOUT.name, name, bytes: images * RECORD as u64, md5 }
}

/// Reads CIFAR-100 from `cifar-100-binary` in `dir`, or from `dir` where that is this folder itself.
///
/// # Errors
///
/// The first file that is missing, cut short, altered or unreadable; nothing is returned of the others then.
pub fn load(dir: &Path) -> Result<Dataset, DataError> {
    load_with(&OFFICIAL, dir)
}

/// As [`load`], for files that another manifest describes.
pub fn load_with(manifest: &Manifest, dir: &Path) -> Result<Dataset, DataError> {
    cifar::load(&LAYOUT, manifest, dir)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Names come in the order of the alphabet, as the official list has them.
    #[test]
    fn there_are_a_hundred_classes_in_their_order() {
        assert_eq!(CLASSES.iter().collect::<BTreeSet<_>>().len(), 100);
        assert!(CLASSES.is_sorted());
        let known = [(0, "apple"), (19, "cattle"), (49, "mountain"), (69, "rocket"), (99, "worm")];
        assert!(known.iter().all(|(label, class)| CLASSES[*label] == *class));
    }

    #[test]
    fn the_official_manifest_is_well_formed() {
        let sizes: Vec<u64> = OFFICIAL.files().map(|file| file.bytes).collect();
        assert_eq!(sizes, [153_700_000, 30_740_000]);
        assert!(OFFICIAL.files().all(|file| file.md5.len() == 32));
    }
}
