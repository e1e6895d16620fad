//! `data`: fetch a data set, or prove that it is whole.

use std::path::PathBuf;

use anyhow::Error;
use clap::{Subcommand, ValueEnum};

use crate::data::get::{self, GetOptions};
use crate::data::{cifar10, default_data_dir};

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
    /// Check every file of a data set
    Check {
        /// Which one
        dataset: Name,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    Cifar10,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The folder of the data sets, by default ~/.cache/zoo/data
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Place {
    fn path(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(default_data_dir)
    }
}

pub fn run(args: &Args) -> Result<(), Error> {
    match &args.command {
        Command::Get { dataset: Name::Cifar10, place, mirror, quiet } => {
            let options =
                GetOptions { data_dir: place.path(), mirror: mirror.clone(), quiet: *quiet, ..GetOptions::default() };
            let folder = get::cifar10(&options)?;
            if !quiet {
                println!("CIFAR-10 is whole in {}", folder.display());
            }
        }
        Command::Check { dataset: Name::Cifar10, place } => {
            let folder = get::check(&cifar10::OFFICIAL, &place.path())?;
            println!("CIFAR-10 is whole in {}", folder.display());
        }
    }
    Ok(())
}
