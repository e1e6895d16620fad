//! A data set as it was asked for, and what is wrong with that.

use std::path::{Path, PathBuf};

use thiserror::Error;
use zoo_core::nearest;
use zoo_host::paths::expand;

use super::imagenet::subset;
use super::sets::{SETS, Set, Source, forms, named};
use super::{DataError, Dataset, data_dir, synthetic};

/// A data set that was asked for and cannot be, whatever files there are.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChoiceError {
    /// No data set has that name.
    #[error(
        "unknown data set `{name}`{}; expected one of {}",
        nearest.as_ref().map_or_else(String::new, |form| format!(", did you mean `{form}`?")),
        SETS.iter().map(Set::form).collect::<Vec<_>>().join(", ")
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        nearest: Option<String>,
    },

    /// It lies in a folder, and none is named.
    #[error("the data set `{name}` needs the path of a folder: give `{name}:PATH`")]
    NoPath {
        /// Its name.
        name: &'static str,
    },

    /// Classes were chosen of a data set that is taken whole.
    #[error(
        "--subset goes with --dataset {}: leave it out, or name one of those",
        forms("or", |set| matches!(set.source, Source::Folder))
    )]
    Subset,

    /// Far too many images are to be made.
    #[error("{flag} {images} asks for more than 16 GiB of synthetic images: choose fewer or smaller ones")]
    TooMany {
        /// By which flag.
        flag: &'static str,
        /// How many.
        images: usize,
    },
}

/// A data set as it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Choice<'a> {
    /// Its name, with the path of its folder where it takes one: `--dataset`.
    pub dataset: &'a str,
    /// The file that lists the classes to take: `--subset`.
    pub subset: Option<PathBuf>,
    /// The folder of the data sets, where it is not the usual one: `--data-dir`.
    pub data_dir: Option<&'a Path>,
    /// Whether files that are no images are left out: `--skip-bad`.
    pub skip_bad: bool,
    /// How many training images are wanted. Where images are files or records, all are read.
    pub train: Option<usize>,
    /// How many test images are wanted.
    pub test: Option<usize>,
    /// Height and width of images that are made.
    pub side: usize,
    /// Seed of images that are made.
    pub seed: u64,
}

impl Choice<'_> {
    /// Its entry in the list.
    ///
    /// # Errors
    /// Where there is none, its folder is not named, or it cannot be taken in part.
    pub fn set(&self) -> Result<&'static Set, ChoiceError> {
        let (name, path) = self.dataset.split_once(':').unwrap_or((self.dataset, ""));
        let set = named(name).filter(|set| path.is_empty() || matches!(set.source, Source::Folder));
        let set = set.ok_or_else(|| ChoiceError::Unknown {
            name: self.dataset.into(),
            nearest: nearest(name, SETS.iter().map(|set| set.name)).and_then(named).map(Set::form),
        })?;
        match set.source {
            Source::Folder if path.is_empty() => Err(ChoiceError::NoPath { name: set.name }),
            Source::Fetched { .. } | Source::Made if self.subset.is_some() => Err(ChoiceError::Subset),
            _ => Ok(set),
        }
    }

    /// Reads it. Image files are found and not decoded.
    ///
    /// # Errors
    /// As [`set`](Self::set), and where its files are missing or not as they should be.
    pub fn load(&self) -> Result<Dataset, DataError> {
        (self.set()?.load)(self)
    }

    /// How many classes and images it has, as far as possible without reading it. Files are counted.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn counts(&self) -> Result<Counts, DataError> {
        let set = self.set()?;
        match (set.classes, set.images, &set.source) {
            (Some(classes), Some(_), Source::Made) => {
                let [train, test] = self.made();
                Ok(Counts { classes, train, test })
            }
            (Some(classes), Some([train, test]), _) => Ok(Counts { classes, train, test }),
            _ => {
                let Dataset { classes, train, test, .. } = self.load()?;
                Ok(Counts { classes: classes.len(), train: train.len(), test: test.len() })
            }
        }
    }

    /// How many training and test images are made.
    pub(crate) fn made(&self) -> [usize; 2] {
        let [train, test] = synthetic::IMAGES;
        [self.train.unwrap_or(train), self.test.unwrap_or(test)]
    }

    /// The folder that is named with it.
    pub(crate) fn path(&self) -> PathBuf {
        expand(self.dataset.split_once(':').map_or("", |(_, path)| path))
    }

    /// The classes to take, where not all are.
    pub(crate) fn classes(&self) -> Result<Option<Vec<String>>, DataError> {
        self.subset.as_deref().map(subset::read).transpose()
    }

    pub(crate) fn data_dir(&self) -> Result<PathBuf, DataError> {
        Ok(data_dir(self.data_dir)?)
    }
}

/// How many classes and images a data set has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Classes.
    pub classes: usize,
    /// Images to learn from.
    pub train: usize,
    /// Images to be judged by.
    pub test: usize,
}

impl Counts {
    /// The same with at most so many images.
    #[must_use]
    pub fn limited(self, train: Option<usize>, test: Option<usize>) -> Counts {
        let within = |limit: Option<usize>, all: usize| limit.map_or(all, |limit| limit.min(all));
        Counts { train: within(train, self.train), test: within(test, self.test), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dataset: &str) -> Choice<'_> {
        Choice { dataset, side: 4, ..Choice::default() }
    }

    #[test]
    fn each_mistake_is_named_with_the_way_out() {
        let error = |choice: Choice| choice.load().unwrap_err().to_string();
        let unknown = error(of("cifar11"));
        let start = "unknown data set `cifar11`, did you mean `cifar10`?; expected one of cifar10, ";
        assert!(
            unknown.starts_with(start) && unknown.ends_with(", imagenet:PATH, folder:PATH, synthetic"),
            "{unknown}"
        );
        assert!(error(of("fodler:x")).contains("did you mean `folder:PATH`?"));
        assert!(error(of("nothing alike")).starts_with("unknown data set `nothing alike`; expected one of "));
        assert!(error(of("cifar10:x")).contains("did you mean `cifar10`?"));
        assert_eq!(error(of("imagenet")), "the data set `imagenet` needs the path of a folder: give `imagenet:PATH`");
        assert!(error(of("folder:")).ends_with("give `folder:PATH`"));
        let some = error(Choice { subset: Some("x".into()), ..of("imagenette") });
        assert!(some.starts_with("--subset goes with --dataset imagenet:PATH or folder:PATH: "), "{some}");
        let many = error(Choice { train: Some(usize::MAX), ..of("synthetic") });
        assert!(many.contains("--limit-train 18446744073709551615 asks for more than 16 GiB"), "{many}");
    }

    /// What is known before anything is read.
    #[test]
    fn a_loader_gives_what_the_list_says() {
        let choice = Choice { train: Some(30), test: Some(20), ..of("synthetic") };
        let (set, data) = (choice.set().unwrap(), choice.load().unwrap());
        let counts = Counts { classes: data.classes.len(), train: data.train.len(), test: data.test.len() };
        assert_eq!(data.name, set.name);
        assert_eq!(choice.counts().unwrap(), counts);
        assert_eq!(of("synthetic").counts().unwrap(), Counts { classes: 10, train: 10_240, test: 1_000 });
        assert_eq!(of("cifar10").counts().unwrap(), Counts { classes: 10, train: 50_000, test: 10_000 });
    }
}
