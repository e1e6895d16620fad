//! `export`: a network for others, as weights by the names that Python expects or as a graph of ONNX.

use std::path::{Path, PathBuf};

use anyhow::{Error, anyhow, bail};
use tch::Tensor;
use zoo_core::weights::{Scheme, named, write_safetensors};
use zoo_core::{ImageSize, Registry};

use super::output::check_name;
use super::usage::misused;
use super::weights::WeightsArgs;
use super::{export_onnx, path};
use zoo_host::console::tell;
use zoo_weights::python::Export;
use zoo_weights::{Description, Opened};

#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    weights: WeightsArgs,
    /// The file to write, such as m.safetensors or m.onnx
    #[arg(long, short, value_name = "FILE", value_parser = path::argument())]
    output: PathBuf,
    /// safetensors or onnx [default: what the name of the file ends in]
    #[arg(long, value_name = "NAME", value_parser = Format::parse)]
    format: Option<Format>,
    /// Size of the input in pixels: a side, or HEIGHTxWIDTH [default: that of the weights]
    #[arg(long, value_name = "R|HxW", conflicts_with = "crop")]
    input_size: Option<ImageSize>,
    /// Naming scheme of the tensors of safetensors: zoo, torchvision, timm, lukemelas, separable or tonylins [default: timm]
    #[arg(long, value_name = "NAME", value_parser = parse_scheme)]
    scheme: Option<Scheme>,
    #[command(flatten, next_help_heading = "ONNX")]
    onnx: export_onnx::OnnxArgs,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Safetensors,
    Onnx,
}

impl Format {
    const ALL: [Format; 2] = [Format::Safetensors, Format::Onnx];

    /// What the name of a file ends in.
    fn extension(self) -> &'static str {
        match self {
            Format::Safetensors => "safetensors",
            Format::Onnx => "onnx",
        }
    }

    fn parse(text: &str) -> Result<Format, String> {
        let found = Format::ALL.into_iter().find(|format| format.extension() == text);
        found.ok_or_else(|| format!("unknown format `{text}`; expected safetensors or onnx"))
    }

    /// What is asked for, or else what the name of the file says.
    fn of(asked: Option<Format>, output: &Path) -> Result<Format, Error> {
        let extension = output.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        let said = Format::ALL.into_iter().find(|format| extension.as_deref() == Some(format.extension()));
        match (asked, said) {
            (Some(Format::Onnx), _) => check_name(output, "ONNX", &["onnx"]).map(|()| Format::Onnx),
            (None, Some(said)) => Ok(said),
            _ => check_name(output, "safetensors", &["safetensors"]).map(|()| Format::Safetensors),
        }
    }
}

pub fn run(registry: &Registry, args: &ExportArgs) -> Result<(), Error> {
    match Format::of(args.format, &args.output)? {
        Format::Onnx => {
            if args.scheme.is_some() {
                misused!("--scheme names the tensors of safetensors, and ONNX has the layers' own names: leave it out");
            }
            export_onnx::write(&args.weights.open(registry, args.input_size)?, &args.onnx, &args.output)
        }
        Format::Safetensors => {
            if let Some(flag) = args.onnx.given() {
                misused!("{flag} is for ONNX, and safetensors are written: leave it out, or give --output FILE.onnx");
            }
            weights(&args.weights.open(registry, args.input_size)?, args.scheme.unwrap_or(Scheme::Timm), &args.output)
        }
    }
}

/// What a file says of the network in it.
pub fn description(opened: &Opened) -> Description {
    Description {
        model: Some(opened.entry.variant.name.to_string()),
        trained_with: opened.resolved.trained_with(),
        averages_are_better: None,
        ..opened.description.clone()
    }
}

fn weights(opened: &Opened, scheme: Scheme, output: &Path) -> Result<(), Error> {
    let entry = &opened.entry;
    let tensors = named(&opened.model, entry.architecture, scheme)?;
    if let Some(name) = not_finite(&tensors)? {
        bail!("the tensor {name} has values that are NaN or infinite: such weights are not written");
    }
    let export = Export { entry, plan: opened.model.plan(), bn_eps: opened.resolved.bn_eps.0, scheme };
    let lines = export.lines(output)?;
    write_safetensors(output, &tensors, &description(opened).to_metadata())?;
    tell!("{} tensors by {scheme} names in {}", tensors.len(), output.display());
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
