//! `export` as ONNX: its flags, and what is said of the file.

use std::fs;
use std::path::Path;

use anyhow::Error;
use zoo_core::onnx::{Batch, Dimension, OPSETS, OnnxOptions, Pixels, Value};

use super::export::description;
use zoo_host::console::tell;
use zoo_weights::Opened;
use zoo_weights::python::onnx_lines;

/// How a graph is written; nothing of it is for other formats.
#[derive(Debug, clap::Args)]
pub struct OnnxArgs {
    /// Version of ONNX's operators, 13 to 21 [default: 17]
    #[arg(long, value_name = "N", value_parser = parse_opset)]
    opset: Option<u32>,
    /// Images at once: a number, or dynamic [default: dynamic]
    #[arg(long, value_name = "N|dynamic", value_parser = parse_batch)]
    batch: Option<Batch>,
    /// Take the bytes of pictures (N x H x W x 3, resized and cropped) and normalise them in the graph
    #[arg(long)]
    with_preprocessing: bool,
}

impl OnnxArgs {
    /// The first flag that was given, if any.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            (self.opset.is_some(), "--opset"),
            (self.batch.is_some(), "--batch"),
            (self.with_preprocessing, "--with-preprocessing"),
        ];
        flags.into_iter().find(|(given, _)| *given).map(|(_, flag)| flag)
    }

    /// What the flags say for `opened`.
    fn options(&self, opened: &Opened) -> OnnxOptions {
        let usual = OnnxOptions::default();
        let pixels = Pixels { mean: opened.resolved.mean.0, std: opened.resolved.std.0 };
        OnnxOptions {
            opset: self.opset.unwrap_or(usual.opset),
            batch: self.batch.unwrap_or(usual.batch),
            pixels: self.with_preprocessing.then_some(pixels),
        }
    }
}

/// Writes the network to `output`, and says how it is run.
pub fn write(opened: &Opened, args: &OnnxArgs, output: &Path) -> Result<(), Error> {
    let mut graph = opened.model.to_onnx(&args.options(opened))?;
    graph.name = opened.entry.variant.name.to_string();
    graph.metadata.extend(description(opened).to_pairs());
    graph.write(output)?;
    let size = fs::metadata(output).map_or(0, |metadata| metadata.len());
    tell!("{} as ONNX in {}: {:.1} MB, opset {}", graph.name, output.display(), size as f64 / 1e6, graph.opset);
    graph.inputs.iter().for_each(|input| tell!("input: {}", said(input)));
    graph.outputs.iter().for_each(|output| tell!("output: {}", said(output)));
    tell!("run it with: {}", opened.resolved);
    if args.with_preprocessing {
        tell!("mean and std are in the graph, which takes the bytes of pictures behind resize and crop, red first");
    }
    tell!("in Python:");
    onnx_lines(&graph, output).iter().for_each(|line| tell!("    {line}"));
    Ok(())
}

/// Name, type and shape.
fn said(value: &Value) -> String {
    let size = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => size.to_string(),
        Dimension::Named(name) => name.clone(),
    };
    let sizes: Vec<String> = value.shape.iter().map(size).collect();
    format!("{}, {}, {}", value.name, value.element.name(), sizes.join(" x "))
}

fn parse_opset(text: &str) -> Result<u32, String> {
    let opset = text.parse().ok().filter(|opset| OPSETS.contains(opset));
    opset.ok_or_else(|| format!("expected a whole number from {} to {}", OPSETS.start(), OPSETS.end()))
}

fn parse_batch(text: &str) -> Result<Batch, String> {
    let fixed = text.parse().ok().filter(|images| *images > 0).map(Batch::Fixed);
    let batch = fixed.or_else(|| (text == "dynamic").then_some(Batch::Dynamic));
    batch.ok_or_else(|| "expected a number of images from 1 on, or dynamic".into())
}
