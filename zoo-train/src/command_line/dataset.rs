//! The data set that settings name, from `--dataset` and `--subset`.

use std::path::Path;

use anyhow::{Error, bail};

use super::usage::misused;
use zoo_data::imagenet::subset;
use zoo_data::{Dataset, cifar10, folder, imagenet, imagenette, synthetic};
use zoo_host::paths::expand;
use zoo_settings::Settings;

/// Images of the synthetic data set, unless limited.
const SYNTHETIC: (usize, usize) = (10_240, 1_000);
const SYNTHETIC_CLASSES: usize = 10;
/// More is taken for a slip of the finger.
const SYNTHETIC_BYTES: usize = 16 << 30;

/// The data set that the settings name.
pub fn load_dataset(settings: &Settings, data_dir: Option<&Path>) -> Result<Dataset, Error> {
    let data_dir = || zoo_data::data_dir(data_dir);
    let (name, path) = settings.data.dataset.split_once(':').unwrap_or((&settings.data.dataset, ""));
    let subset = settings.data.subset.as_deref().map(|file| subset::read(&expand(file))).transpose()?;
    if subset.is_some() && !["folder", "imagenet"].contains(&name) {
        bail!("--subset goes with --dataset folder:PATH or imagenet:PATH: leave it out, or name one of those");
    }
    match (name, path) {
        ("folder" | "imagenet", "") => bail!("--dataset {name} needs a folder: give --dataset {name}:PATH"),
        ("folder", path) => Ok(folder::load(&expand(path), subset, settings.data.skip_bad)?),
        ("imagenet", path) => Ok(imagenet::load(&expand(path), subset, settings.data.skip_bad)?),
        ("imagenette", "") => Ok(imagenette::load(&imagenette::OFFICIAL, &data_dir()?, settings.data.skip_bad)?),
        ("cifar10", "") => Ok(cifar10::load(&data_dir()?)?),
        ("synthetic", "") => {
            let train = settings.data.limit_train.unwrap_or(SYNTHETIC.0);
            let test = settings.data.limit_test.unwrap_or(SYNTHETIC.1);
            let side = settings.network.input_size.shorter() as usize;
            for (flag, images) in [("--limit-train", train), ("--limit-test", test)] {
                if images.saturating_mul(3 * side * side) > SYNTHETIC_BYTES {
                    bail!(
                        "{flag} {images} asks for more than 16 GiB of synthetic images: choose fewer or smaller ones"
                    );
                }
            }
            Ok(synthetic::generate(settings.run.seed, train, test, side, SYNTHETIC_CLASSES))
        }
        _ => misused!(
            "unknown data set `{}`: give --dataset cifar10, imagenette, imagenet:PATH, folder:PATH or synthetic",
            settings.data.dataset
        ),
    }
}
