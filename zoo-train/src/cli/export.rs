//! `export`: weights for Python, as safetensors under the names that it expects.

use std::path::PathBuf;

use anyhow::{Error, anyhow};
use zoo_core::Registry;
use zoo_core::weights::{Scheme, named, write_safetensors};

use super::weights::WeightsArgs;
use crate::console::tell;
use crate::weights::Description;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    weights: WeightsArgs,
    /// Whose names the tensors get: zoo, torchvision, timm, lukemelas, separable or tonylins
    #[arg(long, value_name = "NAME", default_value = "timm", value_parser = parse_scheme)]
    scheme: Scheme,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

pub fn run(registry: &Registry, args: &Args) -> Result<(), Error> {
    let opened = args.weights.open(registry, None)?;
    let family = opened.entry.architecture.family;
    let tensors = named(&opened.model, family, args.scheme)?;
    let description = Description {
        model: Some(opened.entry.variant.name.to_string()),
        trained_with: opened.resolved.trained_with(),
        averages_are_better: None,
        ..opened.description
    };
    write_safetensors(&args.output, &tensors, &description.to_metadata())?;
    tell!("{} tensors by {} names in {}", tensors.len(), args.scheme, args.output.display());
    tell!("run it with: {}", opened.resolved);
    Ok(())
}

fn parse_scheme(text: &str) -> Result<Scheme, Error> {
    let names = || Scheme::ALL.map(Scheme::name).join(", ");
    Scheme::by_name(text).ok_or_else(|| anyhow!("`{text}` is no naming scheme: give one of {}", names()))
}
