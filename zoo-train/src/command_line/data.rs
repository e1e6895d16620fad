//! `data`: fetch a data set, or prove that it is whole.

use crate::command_line::path;
use std::path::{Path, PathBuf};

use anyhow::{Error, bail};
use clap::{Subcommand, ValueEnum};

use super::usage::misused;
use zoo_data::get::{self, GetOptions};
use zoo_data::imagenet::subset;
use zoo_data::{Dataset, Split, cifar10, data_dir, folder, imagenet, imagenette};
use zoo_host::console::tell;
use zoo_host::paths::{NoHome, expand};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch a data set; what is there already is checked and kept, what was interrupted goes on
    Get {
        /// Which one
        dataset: Name,
        #[command(flatten)]
        place: Place,
        /// Fetch the archive from this address in place of the official host
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
        /// Print errors only
        #[arg(long)]
        quiet: bool,
    },
    /// Check every file of a data set: its checksum, or of a folder whether each image is whole
    Check {
        /// cifar10, imagenette, imagenet:PATH or folder:PATH
        dataset: String,
        #[command(flatten)]
        place: Place,
        /// Only the classes that this file lists, for imagenet:PATH and folder:PATH
        #[arg(long, value_name = "FILE", value_parser = path::argument())]
        subset: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    Cifar10,
    Imagenette,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The folder of the data sets, by default ~/.cache/zoo/data
    #[arg(long, value_name = "DIR", value_parser = path::argument())]
    data_dir: Option<PathBuf>,
}

impl Place {
    fn path(&self) -> Result<PathBuf, NoHome> {
        data_dir(self.data_dir.as_deref())
    }
}

pub fn run(args: &Args) -> Result<(), Error> {
    match &args.command {
        Command::Get { dataset, place, mirror, quiet } => {
            let options =
                GetOptions { mirror: mirror.clone(), quiet: *quiet, ..GetOptions::into_folder(place.path()?) };
            let (name, folder) = match dataset {
                Name::Cifar10 => ("CIFAR-10", get::cifar10(&options)?),
                Name::Imagenette => ("Imagenette", imagenette::get(&imagenette::OFFICIAL, &options)?),
            };
            if !quiet {
                tell!("{name} is whole in {}", folder.display());
            }
        }
        Command::Check { dataset, place, subset } => check(dataset, place, subset.as_deref())?,
    }
    Ok(())
}

fn check(dataset: &str, place: &Place, subset: Option<&Path>) -> Result<(), Error> {
    let classes = subset.map(subset::read).transpose()?;
    match dataset.split_once(':').unwrap_or((dataset, "")) {
        ("cifar10", "") => tell!("CIFAR-10 is whole in {}", get::check(&cifar10::OFFICIAL, &place.path()?)?.display()),
        ("imagenette", "") => {
            tell!("Imagenette is whole in {}", imagenette::check(&imagenette::OFFICIAL, &place.path()?)?.display());
        }
        ("folder", path) if !path.is_empty() => check_images(&folder::load(&expand(path), classes, true)?)?,
        ("imagenet", path) if !path.is_empty() => check_images(&imagenet::load(&expand(path), classes, true)?)?,
        _ => misused!("unknown data set `{dataset}`: give cifar10, imagenette, imagenet:PATH or folder:PATH"),
    }
    Ok(())
}

/// Looks at all images of a folder, and lists those that are not whole.
fn check_images(dataset: &Dataset) -> Result<(), Error> {
    for split in [&dataset.train, &dataset.test] {
        if let Split::Files(files) = split {
            files.check_all()?;
        }
    }
    let (train, test) = (dataset.train.len(), dataset.test.len());
    let bad: Vec<String> = [dataset.train.skipped(), dataset.test.skipped()].concat();
    bad.iter().for_each(|line| tell!("{line}"));
    if !bad.is_empty() {
        let images = if bad.len() == 1 { "1 image is".into() } else { format!("{} images are", bad.len()) };
        bail!(
            "{images} not whole; replace or remove the files, or train without what cannot be decoded with --skip-bad"
        );
    }
    tell!("{train} training and {test} test images of {} classes, and all are whole", dataset.classes.len());
    Ok(())
}
