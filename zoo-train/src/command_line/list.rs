//! `list`: every variant with its exact counts, over a grid of options where one is asked for.

use crate::command_line::path;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error};
use clap::ValueEnum;
use zoo_core::summary::grouped;
use zoo_core::{Entry, InputSize, Options, Overrides, Registry, whole_file};

use super::network::with_channels;
use super::usage::misused;
use zoo_host::console::{self, say, tell};
use zoo_host::glob::matches;
use zoo_results::cells;
use zoo_results::count::{self, Row};

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only names that match this pattern, where * is any text and ? is any character
    #[arg(value_name = "GLOB")]
    pattern: Option<String>,
    #[command(flatten)]
    grid: GridArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// File to write to in place of standard output
    #[arg(long, short, value_name = "FILE", value_parser = path::argument())]
    output: Option<PathBuf>,
    /// Add to the CSV file given with --output, leaving out what it holds already
    #[arg(long, requires = "output")]
    append: bool,
}

/// Options in place of each variant's own; several values of an axis give a row each.
#[derive(Debug, clap::Args)]
struct GridArgs {
    /// Width multipliers, such as 1,0.75,0.5
    #[arg(long, value_name = "A,..", value_delimiter = ',')]
    widths: Vec<f64>,
    /// Depth multipliers
    #[arg(long, value_name = "D,..", value_delimiter = ',')]
    depths: Vec<f64>,
    /// Input sizes in pixels: sides, or HEIGHTxWIDTH
    #[arg(long, value_name = "R,..", value_delimiter = ',')]
    input_sizes: Vec<InputSize>,
    /// Input channels in place of the table's
    #[arg(long, value_name = "N")]
    in_channels: Option<u32>,
    /// Number of classes
    #[arg(long, value_name = "C")]
    classes: Option<u32>,
    /// Strides for small images: native, stem1 or cifar
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

pub fn run(registry: &Registry, args: &ListArgs) -> Result<(), Error> {
    let pattern = args.pattern.as_deref().unwrap_or("*");
    let mut rows = Vec::new();
    for entry in registry.entries().filter(|entry| matches(pattern, entry.variant.name)) {
        for options in args.grid.options(&entry)? {
            rows.push(Row::of(&entry, &options).with_context(|| format!("{} cannot be counted", entry.variant.name))?);
        }
    }
    if rows.is_empty() {
        misused!("no model matches `{pattern}`; `list` without a pattern shows all names");
    }
    if let Some(path) = args.output.as_deref().filter(|_| args.append) {
        return append(path, &rows);
    }
    let mut bytes = Vec::new();
    print(&mut bytes, args.format, &rows)?;
    match &args.output {
        Some(path) => whole_file::write(path, &bytes).with_context(|| format!("cannot write {}", path.display())),
        None => {
            console::keep(std::io::stdout().write_all(&bytes));
            Ok(())
        }
    }
}

fn append(path: &Path, rows: &[Row]) -> Result<(), Error> {
    let appended = count::append(path, rows)?;
    for warning in &appended.warnings {
        say!("warning: {warning}");
    }
    tell!("{}: {} of {} rows added, the others were already there", path.display(), appended.added, rows.len());
    Ok(())
}

impl GridArgs {
    /// Every combination of the axes that were given, on top of `entry`.
    fn options(&self, entry: &Entry) -> Result<Vec<Options>, Error> {
        let own = entry.variant.options;
        let profile = self.profile.as_deref();
        let widths = if self.widths.is_empty() { vec![own.width] } else { self.widths.clone() };
        let depths = if self.depths.is_empty() { vec![own.depth] } else { self.depths.clone() };
        let sizes = if self.input_sizes.is_empty() { vec![own.input()] } else { self.input_sizes.clone() };
        let mut grid = Vec::new();
        for &width in &widths {
            for &depth in &depths {
                let (width, depth) = (Some(width), Some(depth));
                for &size in &sizes {
                    let input = Some(with_channels(size, self.in_channels)?);
                    let given =
                        Overrides { width, depth, profile, input, classes: self.classes, ..Overrides::default() };
                    grid.push(given.over(entry)?);
                }
            }
        }
        Ok(grid)
    }
}

fn print(out: &mut impl Write, format: Format, rows: &[Row]) -> Result<(), Error> {
    match format {
        Format::Table => table(out, rows)?,
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(out);
            writer.write_record(cells::header::<Row>())?;
            for row in rows {
                writer.write_record(cells::write(row)?)?;
            }
            writer.flush()?;
        }
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, rows)?;
            writeln!(out)?;
        }
    }
    Ok(())
}

fn table(out: &mut impl Write, rows: &[Row]) -> Result<(), Error> {
    let longest = rows.iter().map(|row| row.model.len()).max().unwrap_or(0);
    writeln!(
        out,
        "{:longest$}  {:>5}  {:>5}  {:>7}  {:>12}  {:>15}",
        "model", "width", "depth", "input", "parameters", "MACs"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:longest$}  {:>5}  {:>5}  {:>7}  {:>12}  {:>15}",
            row.model,
            row.width,
            row.depth,
            row.input_size,
            grouped(row.params),
            grouped(row.macs),
        )?;
    }
    Ok(())
}
