//! The data set that settings name.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::comm::Comm;
use zoo_data::choice::Counts;
use zoo_data::{Choice, DataError, Dataset, ImageFiles, Split, sets};
use zoo_host::paths::expand;
use zoo_settings::Settings;

/// What `settings` say of the data set, in the folder `data_dir` where it is not the usual one.
fn choice<'a>(settings: &'a Settings, data_dir: Option<&'a Path>) -> Choice<'a> {
    Choice {
        dataset: &settings.data.dataset,
        subset: settings.data.subset.as_deref().map(expand),
        data_dir,
        skip_bad: settings.data.skip_bad,
        train: settings.data.limit_train,
        test: settings.data.limit_test,
        side: settings.network.input_size.shorter() as usize,
        seed: settings.run.seed,
    }
}

/// Reads it whole, whatever its limits.
///
/// # Errors
/// Where there is none of that name, or its files are not as they should be.
pub fn load(settings: &Settings, data_dir: Option<&Path>) -> Result<Dataset, DataError> {
    choice(settings, data_dir).load()
}

/// The same for one of several ranks. Image files are listed by rank 0 alone: a folder of a million takes minutes on a file
/// server, and no two ranks may see different ones. Images that are kept in memory are read by each.
///
/// # Errors
/// As [`load`], and where a rank is gone.
pub fn load_for(comm: &Comm, settings: &Settings, data_dir: Option<&Path>) -> Result<Dataset, TrainError> {
    if !comm.is_shared() || sets::is_small(&settings.data.dataset) {
        return Ok(load(settings, data_dir)?);
    }
    let mut own = None;
    let listed = comm.first(|| {
        let dataset = load(settings, data_dir)?;
        let listed = Listed::of(&dataset);
        own = Some(dataset);
        Ok(listed)
    })?;
    match (own, listed) {
        (Some(dataset), _) => Ok(dataset),
        (None, Some(listed)) => Ok(listed.dataset(settings.data.skip_bad)),
        (None, None) => Ok(load(settings, data_dir)?),
    }
}

/// A data set of files, as rank 0 tells it to the others.
#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    name: String,
    train: Vec<(PathBuf, u16)>,
    test: Vec<(PathBuf, u16)>,
    classes: Vec<String>,
    wnids: Option<Vec<String>>,
    mean: [f32; 3],
    deviation: [f32; 3],
}

impl Listed {
    /// None where its images are not files.
    fn of(dataset: &Dataset) -> Option<Listed> {
        let files = |split: &Split| match split {
            Split::Files(files) => {
                Some((0..files.len()).map(|index| (files.path(index).to_path_buf(), files.label(index))).collect())
            }
            _ => None,
        };
        let Dataset { name, train, test, classes, wnids, mean, deviation } = dataset;
        Some(Listed {
            name: name.clone(),
            train: files(train)?,
            test: files(test)?,
            classes: classes.clone(),
            wnids: wnids.clone(),
            mean: *mean,
            deviation: *deviation,
        })
    }

    fn dataset(self, skip_bad: bool) -> Dataset {
        let split = |files: Vec<(PathBuf, u16)>| {
            let mut list = ImageFiles::new(skip_bad);
            files.into_iter().for_each(|(path, label)| list.push(path, label));
            Split::Files(list)
        };
        let Listed { name, train, test, classes, wnids, mean, deviation } = self;
        Dataset { name, train: split(train), test: split(test), classes, wnids, mean, deviation }
    }
}

/// How many classes and images it has, whatever its limits, without reading those that are fetched.
///
/// # Errors
/// As [`load`].
pub fn counts(settings: &Settings) -> Result<Counts, DataError> {
    choice(settings, None).counts()
}
