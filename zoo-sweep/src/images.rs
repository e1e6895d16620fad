//! What is known of the images of a data set before any is decoded: how many there are, and of how many classes.

use zoo_data::imagenet::{self, subset};
use zoo_data::{Dataset, folder};
use zoo_host::paths::expand;
use zoo_settings::Settings;

/// Counts of a data set.
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
    /// Those of the data set that `settings` name, without its limits. Files are listed and not decoded.
    ///
    /// # Errors
    /// Where a folder is not laid out as it should be, or there is no such data set.
    pub fn of(settings: &Settings) -> Result<Counts, String> {
        let known = |classes, train, test| Ok(Counts { classes, train, test });
        let classes = settings.data.subset.as_deref().map(|file| subset::read(&expand(file)));
        let classes = classes.transpose().map_err(|error| error.to_string())?;
        let listed = match settings.data.dataset.split_once(':').unwrap_or((&settings.data.dataset, "")) {
            ("cifar10", "") => return known(10, 50_000, 10_000),
            // The archive of that name has a checksum.
            ("imagenette", "") => return known(10, 9_469, 3_925),
            ("synthetic", "") => {
                return known(
                    10,
                    settings.data.limit_train.unwrap_or(10_240),
                    settings.data.limit_test.unwrap_or(1_000),
                );
            }
            ("folder", path) if !path.is_empty() => folder::load(&expand(path), classes, settings.data.skip_bad),
            ("imagenet", path) if !path.is_empty() => imagenet::load(&expand(path), classes, settings.data.skip_bad),
            _ => {
                return Err(format!(
                    "unknown data set `{}`: give dataset = \"cifar10\", \"imagenette\", \"imagenet:PATH\", \"folder:PATH\" \
                     or \"synthetic\"",
                    settings.data.dataset
                ));
            }
        };
        let Dataset { classes, train, test, .. } = listed.map_err(|error| error.to_string())?;
        known(classes.len(), train.len(), test.len())
    }

    /// The same as far as `settings` do not limit it.
    pub fn limited(self, settings: &Settings) -> Counts {
        let within = |limit: Option<usize>, all: usize| limit.map_or(all, |limit| limit.min(all));
        Counts {
            train: within(settings.data.limit_train, self.train),
            test: within(settings.data.limit_test, self.test),
            ..self
        }
    }
}
