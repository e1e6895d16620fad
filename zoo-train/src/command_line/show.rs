//! `show`: a network by layer, as a drawing, or against another one.

use crate::command_line::path;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Error, anyhow};
use clap::ValueEnum;
use zoo_core::draw::{self, Detail};
use zoo_core::summary::Summary;
use zoo_core::{Comparison, Entry, Named, Plan, Registry, whole_file};

use super::network::NetworkArgs;
use super::usage::misused;
use zoo_host::console;
use zoo_report as report;

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The model, as `list` names it
    #[arg(value_name = "MODEL")]
    model: String,
    /// Show only the layers that differ from this model, and what each difference costs
    #[arg(long, value_name = "MODEL")]
    against: Option<String>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Output format; svg, png, pdf and dot are drawings [default: by the extension of --output, or table]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Draw every block instead of one box per stage; tables and JSON always have every layer
    #[arg(long)]
    expand: bool,
    /// File to write to in place of standard output
    #[arg(long, short, value_name = "FILE", value_parser = path::argument())]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Svg,
    Png,
    Pdf,
    Dot,
}

impl ShowArgs {
    /// The format that was asked for, by a flag or by the name of the file; the two must agree.
    fn format(&self) -> Result<Format, Error> {
        let extension = self.output.as_ref().and_then(|path| path.extension()?.to_str());
        let named = extension.and_then(|extension| Format::from_str(extension, true).ok());
        match (self.format, named, &self.output) {
            (Some(format), Some(named), Some(path)) if format != named => {
                let format = format!("{format:?}").to_lowercase();
                misused!(
                    "--format {format} and --output {} are two different formats: give one of them",
                    path.display()
                )
            }
            (format, named, _) => Ok(format.or(named).unwrap_or(Format::Table)),
        }
    }
}

pub fn run(registry: &Registry, args: &ShowArgs) -> Result<(), Error> {
    let format = args.format()?;
    let (entry, plan) = args.network.plan(registry, &args.model)?;
    let model = named(&entry, &plan);
    let bytes = match &args.against {
        Some(other) => {
            let (entry, plan) = args.network.plan(registry, other)?;
            comparison(&Comparison::new(model, named(&entry, &plan)), format)?
        }
        None => shown(model, format, args.expand)?,
    };
    write(&bytes, format, args)
}

fn named<'a>(entry: &Entry, plan: &'a Plan) -> Named<'a> {
    let profile = entry.architecture.profile_name(plan.options.profile);
    Named { plan, model: entry.variant.name, profile }
}

fn shown(model: Named<'_>, format: Format, expand: bool) -> Result<Vec<u8>, Error> {
    let detail = if expand { Detail::Expanded } else { Detail::Overview };
    let drawn = |format| draw::draw(model, format, detail);
    Ok(match format {
        Format::Table => Summary::new(model).to_string().into_bytes(),
        Format::Json => json(&Summary::new(model)),
        Format::Svg => drawn(draw::Format::Svg),
        Format::Png => {
            let svg = String::from_utf8(drawn(draw::Format::Svg))?;
            report::raster::png(&svg).map_err(|error| anyhow!("the drawing cannot be made a PNG: {error}"))?
        }
        Format::Pdf => drawn(draw::Format::Pdf),
        Format::Dot => drawn(draw::Format::Dot),
    })
}

fn comparison(comparison: &Comparison, format: Format) -> Result<Vec<u8>, Error> {
    match format {
        Format::Table => Ok(comparison.to_string().into_bytes()),
        Format::Json => Ok(json(comparison)),
        Format::Svg | Format::Png | Format::Pdf | Format::Dot => {
            misused!("--against has no drawing: give --format table or json")
        }
    }
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    // These structures have string keys and finite numbers alone, which JSON always holds.
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

fn write(bytes: &[u8], format: Format, args: &ShowArgs) -> Result<(), Error> {
    match &args.output {
        Some(path) => whole_file::write(path, bytes).with_context(|| format!("cannot write {}", path.display())),
        None if [Format::Pdf, Format::Png].contains(&format) && io::stdout().is_terminal() => {
            misused!("a PDF or PNG is not text: add --output FILE, or > FILE")
        }
        None => {
            console::keep(io::stdout().write_all(bytes));
            Ok(())
        }
    }
}
