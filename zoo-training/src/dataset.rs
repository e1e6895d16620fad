//! The data set that settings name.

use std::path::Path;

use zoo_data::choice::Counts;
use zoo_data::{Choice, DataError, Dataset};
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

/// How many classes and images it has, whatever its limits, without reading those that are fetched.
///
/// # Errors
/// As [`load`].
pub fn counts(settings: &Settings) -> Result<Counts, DataError> {
    choice(settings, None).counts()
}
