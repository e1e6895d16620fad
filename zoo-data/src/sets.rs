//! The list of data sets: what is known of each before it is read, and the functions that read, fetch and check it.
//!
//! Whatever depends on the data set asks this list; no code outside this crate knows one by its name. To add one, write
//! its loader beside [`cifar10`] and its entry in [`SETS`].

use std::path::{Path, PathBuf};

use zoo_host::words::listed;

use super::choice::Choice;
use super::get::{self, GetOptions};
use super::{DataError, Dataset, cifar10, cifar100, folder, imagenet, imagenette, synthetic};

/// All data sets, in the order in which they are listed to people.
pub static SETS: [Set; 6] = [
    Set {
        name: "cifar10",
        title: "CIFAR-10",
        source: Source::Fetched {
            get: get::cifar10,
            check: |data_dir| get::check(&cifar10::OFFICIAL, data_dir),
            megabytes: [550, 180],
        },
        classes: Some(cifar10::CLASSES.len()),
        images: Some([50_000, 10_000]),
        small: true,
        statistics: Some(cifar10::STATISTICS),
        split: "test",
        load: |choice| cifar10::load(&choice.data_dir()?),
    },
    Set {
        name: "cifar100",
        title: "CIFAR-100",
        source: Source::Fetched {
            get: |options| get::from_archive(&cifar100::OFFICIAL, options),
            check: |data_dir| get::check(&cifar100::OFFICIAL, data_dir),
            megabytes: [360, 190],
        },
        classes: Some(cifar100::CLASSES.len()),
        images: Some([50_000, 10_000]),
        small: true,
        statistics: Some(cifar100::STATISTICS),
        split: "test",
        load: |choice| cifar100::load(&choice.data_dir()?),
    },
    Set {
        name: "imagenette",
        title: "Imagenette",
        source: Source::Fetched {
            get: |options| imagenette::get(&imagenette::OFFICIAL, options),
            check: |data_dir| imagenette::check(&imagenette::OFFICIAL, data_dir),
            megabytes: [700, 350],
        },
        classes: Some(imagenette::OFFICIAL.classes.len()),
        // The archive of that name has a checksum.
        images: Some([9_469, 3_925]),
        small: false,
        statistics: Some(folder::STATISTICS),
        split: folder::VAL,
        load: |choice| imagenette::load(&imagenette::OFFICIAL, &choice.data_dir()?, choice.skip_bad),
    },
    Set {
        name: "imagenet",
        title: "ImageNet",
        source: Source::Folder,
        classes: Some(1000),
        images: None,
        small: false,
        statistics: Some(folder::STATISTICS),
        split: folder::VAL,
        load: |choice| imagenet::load(&choice.path(), choice.classes()?, choice.skip_bad),
    },
    Set {
        name: "folder",
        title: "folder of images",
        source: Source::Folder,
        classes: None,
        images: None,
        small: false,
        statistics: Some(folder::STATISTICS),
        split: folder::VAL,
        load: |choice| folder::load(&choice.path(), choice.classes()?, choice.skip_bad),
    },
    Set {
        name: synthetic::NAME,
        title: "synthetic images",
        source: Source::Made,
        classes: Some(synthetic::CLASSES),
        images: Some(synthetic::IMAGES),
        small: true,
        statistics: None,
        split: "test",
        load: synthetic::load,
    },
];

/// A data set that `--dataset` may name.
#[derive(Debug)]
pub struct Set {
    /// Its name, as `--dataset` takes it and results call it.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Where its images come from.
    pub source: Source,
    /// Its classes, where their number is known before anything is read.
    pub classes: Option<usize>,
    /// Its training and test images, where their numbers are known before anything is read. As many are made where no
    /// others are asked for.
    pub images: Option<[usize; 2]>,
    /// Whether its images are small and all of one size, and kept in memory. They are resized whole to the network's
    /// input, never cropped, and the shipped defaults are for them.
    pub small: bool,
    /// What its pixels are normalised by; none where it is computed from the images.
    pub statistics: Option<Statistics>,
    /// The split that networks are judged by.
    pub split: &'static str,
    pub(crate) load: fn(&Choice) -> Result<Dataset, DataError>,
}

/// Where the images of a data set come from.
#[derive(Debug)]
pub enum Source {
    /// `data get` fetches it into the folder of the data sets.
    Fetched {
        /// Makes sure that it is complete, and returns its folder.
        get: fn(&GetOptions) -> Result<PathBuf, DataError>,
        /// Proves that it is complete in a folder of data sets, and returns its own.
        check: fn(&Path) -> Result<PathBuf, DataError>,
        /// Room on the disk while it is fetched, and afterwards.
        megabytes: [u32; 2],
    },
    /// A folder of the user's, which is named behind a colon: `folder:PATH`. Some of its classes may be chosen.
    Folder,
    /// This program makes them, as many as are asked for.
    Made,
}

/// Mean and standard deviation of each channel over the training images, pixels taken as 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Means.
    pub mean: [f32; 3],
    /// Standard deviations.
    pub deviation: [f32; 3],
}

impl Set {
    /// As `--dataset` takes it, with its path.
    pub fn form(&self) -> String {
        if matches!(self.source, Source::Folder) { format!("{}:PATH", self.name) } else { self.name.to_string() }
    }

    /// Whether it is read from files.
    pub fn has_files(&self) -> bool {
        !matches!(self.source, Source::Made)
    }
}

/// The data set of that name, with or without a path behind it.
pub fn named(dataset: &str) -> Option<&'static Set> {
    let name = dataset.split_once(':').map_or(dataset, |(name, _)| name);
    SETS.iter().find(|set| set.name == name)
}

/// Whether the images of a data set are small ones in memory.
pub fn is_small(dataset: &str) -> bool {
    named(dataset).is_some_and(|set| set.small)
}

/// The split of a data set that networks are judged by.
pub fn evaluated_split(dataset: &str) -> &'static str {
    named(dataset).map_or(folder::VAL, |set| set.split)
}

/// Those that `data get` fetches.
pub fn fetched() -> impl Iterator<Item = &'static Set> {
    SETS.iter().filter(|set| matches!(set.source, Source::Fetched { .. }))
}

/// The data sets `wanted`, as `--dataset` takes them, with `word` before the last one.
pub fn forms(word: &str, wanted: impl Fn(&Set) -> bool) -> String {
    listed(&SETS.iter().filter(|set| wanted(set)).map(Set::form).collect::<Vec<_>>(), word)
}

/// How much room the data sets take, for whoever has none.
pub(crate) fn room() -> String {
    let room = |(place, set): (usize, &Set)| match (&set.source, place) {
        (Source::Fetched { megabytes: [fetching, after], .. }, 0) => {
            format!("{} takes {fetching} MB while it is downloaded and {after} MB afterwards", set.title)
        }
        (Source::Fetched { megabytes: [fetching, after], .. }, _) => format!("{} {fetching} and {after} MB", set.title),
        _ => String::new(),
    };
    fetched().enumerate().map(room).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_have_no_colon() {
        let names: HashSet<&str> = SETS.iter().map(|set| set.name).collect();
        assert_eq!(names.len(), SETS.len());
        assert!(names.iter().all(|name| !name.contains(':') && !name.is_empty()));
    }

    #[test]
    fn what_is_no_data_set_of_the_list_is_judged_by_val() {
        assert_eq!(
            ["cifar10", "synthetic", "imagenette", "folder:x", "x"].map(evaluated_split),
            ["test", "test", "val", "val", "val"]
        );
        assert_eq!(["cifar10", "synthetic", "imagenet:x", "x"].map(is_small), [true, true, false, false]);
    }

    #[test]
    fn what_is_read_from_files_has_statistics() {
        assert!(SETS.iter().all(|set| set.statistics.is_some() || !set.has_files()));
        assert_eq!(named("imagenet").unwrap().classes, Some(imagenet::count()));
    }
}
