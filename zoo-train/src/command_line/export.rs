//! `export`: weights for Python, as safetensors under the names that it expects.

use crate::command_line::path;
use std::path::PathBuf;

use anyhow::{Error, anyhow, bail};
use tch::Tensor;
use zoo_core::Registry;
use zoo_core::weights::{Scheme, named, write_safetensors};

use super::output::check_name;
use super::weights::WeightsArgs;
use zoo_host::console::tell;
use zoo_weights::Description;
use zoo_weights::python::Export;

/// What the name of the file ends in.
const EXTENSION: &str = "safetensors";

#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    weights: WeightsArgs,
    /// Naming scheme of the tensors: zoo, torchvision, timm, lukemelas, separable or tonylins
    #[arg(long, value_name = "NAME", default_value = "timm", value_parser = parse_scheme)]
    scheme: Scheme,
    /// The safetensors file to write
    #[arg(long, short, value_name = "FILE.safetensors", value_parser = path::argument())]
    output: PathBuf,
}

pub fn run(registry: &Registry, args: &ExportArgs) -> Result<(), Error> {
    check_name(&args.output, "safetensors", &[EXTENSION])?;
    let opened = args.weights.open(registry, None)?;
    let (entry, scheme) = (&opened.entry, args.scheme);
    let tensors = named(&opened.model, entry.architecture, scheme)?;
    if let Some(name) = not_finite(&tensors)? {
        bail!("the tensor {name} has values that are no numbers: weights like that are not written");
    }
    let export = Export { entry, plan: opened.model.plan(), bn_eps: opened.resolved.bn_eps.0, scheme };
    let lines = export.lines(&args.output)?;
    let description = Description {
        model: Some(entry.variant.name.to_string()),
        trained_with: opened.resolved.trained_with(),
        averages_are_better: None,
        ..opened.description
    };
    write_safetensors(&args.output, &tensors, &description.to_metadata())?;
    tell!("{} tensors by {scheme} names in {}", tensors.len(), args.output.display());
    tell!("run it with: {}", opened.resolved);
    if lines.is_empty() && matches!(scheme, Scheme::Timm | Scheme::Torchvision) {
        tell!("no name is known that {scheme} has for this network: make one there that has the same layers");
    } else if !lines.is_empty() {
        tell!("in Python:");
        lines.iter().for_each(|line| tell!("    {line}"));
    }
    Ok(())
}

/// The first tensor with a value that is no number, if any.
fn not_finite(tensors: &[(String, Tensor)]) -> Result<Option<&str>, Error> {
    for (name, tensor) in tensors.iter().filter(|(_, tensor)| tensor.is_floating_point()) {
        if tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn parse_scheme(text: &str) -> Result<Scheme, Error> {
    let names = || Scheme::ALL.map(Scheme::name).join(", ");
    Scheme::by_name(text).ok_or_else(|| anyhow!("`{text}` is no naming scheme: give one of {}", names()))
}
