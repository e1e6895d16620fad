//! `list`: every variant with its exact counts.

use std::io::Write;

use anyhow::{Error, bail};
use clap::ValueEnum;
use serde::Serialize;
use zoo_core::summary::grouped;
use zoo_core::{Plan, Registry};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only names that match: * stands for anything, ? for one character
    #[arg(value_name = "GLOB")]
    pattern: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

/// A row; the order of its fields is the order of the columns.
#[derive(Debug, Serialize)]
struct Row {
    model: &'static str,
    family: &'static str,
    width: f64,
    depth: f64,
    input_size: u32,
    params: u64,
    buffers: u64,
    macs: u64,
}

pub fn run(registry: &Registry, args: &Args) -> Result<(), Error> {
    let pattern = args.pattern.as_deref().unwrap_or("*");
    let rows = rows(registry, pattern)?;
    if rows.is_empty() {
        bail!("no model matches `{pattern}`; `list` without a pattern shows all names");
    }
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Table => table(&mut out, &rows)?,
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(out);
            rows.iter().try_for_each(|row| writer.serialize(row))?;
            writer.flush()?;
        }
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &rows)?;
            writeln!(out)?;
        }
    }
    Ok(())
}

fn rows(registry: &Registry, pattern: &str) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for entry in registry.entries().filter(|entry| matches(pattern, entry.variant.name)) {
        let options = entry.variant.options;
        let cost = Plan::new(entry.architecture, &options)?.cost;
        rows.push(Row {
            model: entry.variant.name,
            family: entry.architecture.family,
            width: options.width,
            depth: options.depth,
            input_size: options.input_size,
            params: cost.params,
            buffers: cost.buffers,
            macs: cost.macs,
        });
    }
    Ok(rows)
}

fn table(out: &mut impl Write, rows: &[Row]) -> Result<(), Error> {
    let longest = rows.iter().map(|row| row.model.len()).max().unwrap_or(0);
    writeln!(
        out,
        "{:longest$}  {:>5}  {:>5}  {:>5}  {:>12}  {:>15}",
        "model", "width", "depth", "input", "parameters", "MACs"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:longest$}  {:>5}  {:>5}  {:>5}  {:>12}  {:>15}",
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

/// Whether `name` matches a pattern of `*`, `?` and plain characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| matches(rest, &name[at..]))
        }
        Some(wanted) => name.chars().next().is_some_and(|c| {
            (wanted == '?' || wanted == c) && matches(&pattern[wanted.len_utf8()..], &name[c.len_utf8()..])
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn globs() {
        assert!(matches("*", "efficientnet-b0"));
        assert!(matches("efficientnet-b?", "efficientnet-b0"));
        assert!(matches("*v3*0.5", "mobilenet-v3-large-0.5"));
        assert!(!matches("efficientnet-b?", "efficientnet-lite0"));
        assert!(!matches("mobilenet", "mobilenet-v1"));
        assert!(!matches("", "mobilenet-v1"));
    }
}
