//! CIFAR-10 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009) in its official binary layout.
//!
//! Six files hold 10,000 records of [`cifar`] each. [`get`](super::get) fetches them.

use std::path::Path;

use super::cifar::{self, Layout, PIXELS};
use super::manifest::{FileSum, Manifest};
use super::sets::Statistics;
use super::{DataError, Dataset};

/// Bytes of one record: the label and the image.
pub const RECORD: usize = 1 + PIXELS;
/// The class names, by label.
pub const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
/// Of the training images.
pub const STATISTICS: Statistics = Statistics { mean: [0.4914, 0.4822, 0.4465], deviation: [0.2470, 0.2435, 0.2616] };

const LAYOUT: Layout = Layout { name: "cifar10", labels: 1, classes: &CLASSES, statistics: STATISTICS };

/// The official files and where they are published.
pub const OFFICIAL: Manifest<'static> = Manifest {
    base_url: "https://www.cs.toronto.edu/~kriz",
    archive: "cifar-10-binary.tar.gz",
    archive_md5: "c32a1d4ab5d03f1284b67883e8d87530",
    folder: "cifar-10-batches-bin",
    train: &[
        batch("data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"),
        batch("data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692"),
        batch("data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421"),
        batch("data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb"),
        batch("data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d"),
    ],
    test: &[batch("test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d")],
};

const fn batch(name: &'static str, md5: &'static str) -> FileSum<'static> {
    FileSum { set: LAYOUT.name, name, bytes: 10_000 * RECORD as u64, md5 }
}

/// Reads CIFAR-10 from `cifar-10-batches-bin` in `dir`, or from `dir` where that is this folder itself.
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
    use super::*;

    #[test]
    fn the_official_manifest_is_well_formed() {
        assert_eq!(OFFICIAL.files().count(), 6);
        for file in OFFICIAL.files() {
            assert_eq!((file.bytes, file.md5.len()), (30_730_000, 32), "{}", file.name);
        }
    }
}
