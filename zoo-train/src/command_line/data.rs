//! `data`: fetch a data set, or prove that it is whole.

use crate::command_line::path;
use std::path::PathBuf;

use anyhow::{Error, bail};
use clap::Subcommand;
use clap::builder::PossibleValuesParser;

use super::usage::misused;
use zoo_data::get::GetOptions;
use zoo_data::sets::{self, Set, Source};
use zoo_data::{Choice, Dataset, Split, data_dir};
use zoo_host::console::tell;
use zoo_host::paths::NoHome;

#[derive(Debug, clap::Args)]
pub struct DataArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch a data set; files that exist are checked and kept, interrupted downloads are resumed
    Get {
        /// The data set
        #[arg(value_parser = PossibleValuesParser::new(sets::fetched().map(|set| set.name)))]
        dataset: String,
        #[command(flatten)]
        place: DataDir,
        /// Fetch the archive from this address in place of the official host
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
        /// Print errors only
        #[arg(long)]
        quiet: bool,
    },
    /// Check every file of a data set: its checksum, or in a folder of images whether each one can be decoded
    Check {
        #[arg(help = sets::forms("or", Set::has_files))]
        dataset: String,
        #[command(flatten)]
        place: DataDir,
        /// Only the classes that this file lists, for imagenet:PATH and folder:PATH
        #[arg(long, value_name = "FILE", value_parser = path::argument())]
        subset: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct DataDir {
    /// Folder of the data sets [default: ~/.cache/zoo/data]
    #[arg(long, value_name = "DIR", value_parser = path::argument())]
    data_dir: Option<PathBuf>,
}

impl DataDir {
    fn path(&self) -> Result<PathBuf, NoHome> {
        data_dir(self.data_dir.as_deref())
    }
}

pub fn run(args: &DataArgs) -> Result<(), Error> {
    match &args.command {
        Command::Get { dataset, place, mirror, quiet } => {
            let options =
                GetOptions { mirror: mirror.clone(), quiet: *quiet, ..GetOptions::into_folder(place.path()?) };
            let set = Choice { dataset, ..Choice::default() }.set()?;
            let Source::Fetched { get, .. } = set.source else { misused!("{} cannot be fetched", set.title) };
            let folder = get(&options)?;
            if !quiet {
                tell!("{} is complete in {}", set.title, folder.display());
            }
        }
        Command::Check { dataset, place, subset } => check(dataset, place, subset.clone())?,
    }
    Ok(())
}

fn check(dataset: &str, place: &DataDir, subset: Option<PathBuf>) -> Result<(), Error> {
    let choice = Choice { dataset, subset, skip_bad: true, ..Choice::default() };
    let set = choice.set()?;
    match set.source {
        Source::Fetched { check, .. } => tell!("{} is complete in {}", set.title, check(&place.path()?)?.display()),
        Source::Folder => check_images(&choice.load()?)?,
        Source::Made => {
            misused!("{dataset} has no files to check: give {}", sets::forms("or", Set::has_files))
        }
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
        bail!("{images} damaged; replace or remove the files, or skip what cannot be decoded with --skip-bad");
    }
    tell!("{train} training and {test} test images of {} classes, all of them intact", dataset.classes.len());
    Ok(())
}
