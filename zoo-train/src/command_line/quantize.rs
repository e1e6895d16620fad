//! `quantize`: a trained network as int8, in ONNX.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Error, bail};
use tch::Device;
use zoo_core::Registry;
use zoo_core::onnx::OnnxOptions;
use zoo_host::console::{say, tell};
use zoo_host::words::counted;
use zoo_quantize::score::{Judge, Score, Sensitivity, sensitivity, within};
use zoo_quantize::{Engine, Made, Method, Options, Processor, QuantizeError, Quantizer};
use zoo_training::channels;
use zoo_weights::Opened;
use zoo_weights::python::onnx_lines;

use super::export::description;
use super::output::check_name;
use super::path;
use super::quantize_data::{Calibration, Images};
use super::seen::Seen;
use super::usage::misused;
use super::weights::WeightsArgs;

/// Layers in float that are listed by name.
const LISTED: usize = 6;

#[derive(Debug, clap::Args)]
pub struct QuantizeArgs {
    #[command(flatten)]
    weights: WeightsArgs,
    /// The data set whose training images show which values layers have, and how many of them [default: 256]
    #[arg(long, value_name = "DATASET[:N]")]
    calibrate: String,
    /// The file to write; with --sensitivity none is needed
    #[arg(long, short, value_name = "FILE.onnx", required_unless_present = "sensitivity", value_parser = path::argument())]
    output: Option<PathBuf>,
    /// How ranges of activations follow from their values: min-max, percentile[:P] or mse
    #[arg(long, value_name = "NAME", default_value = "min-max", value_parser = parse_method)]
    method: Method,
    /// The processor that it will run on, avx2 or vnni: without VNNI weights get 7 bits [default: this one]
    #[arg(long = "for", value_name = "NAME", value_parser = parse_processor)]
    processor: Option<Processor>,
    /// The engine that it will run in, openvino or onnxruntime; networks of ReLU and ReLU6 are the same for both
    #[arg(long, value_name = "NAME", default_value = "openvino", value_parser = parse_engine)]
    engine: Engine,
    /// Layers that stay in float: names, patterns such as `stages.0.*`, and first, last, gates or none
    #[arg(long, value_name = "NAME", num_args = 1.., default_value = "gates")]
    keep_float: Vec<String>,
    /// Keep as many layers in float as it takes to lose at most so many percentage points of top-1
    #[arg(long, value_name = "POINTS", value_parser = parse_drop)]
    max_drop: Option<f64>,
    /// Print what each layer costs when it alone is int8
    #[arg(long)]
    sensitivity: bool,
    /// Leave biases as they are, in place of giving them what rounding takes from the mean of each channel
    #[arg(long)]
    no_bias_correction: bool,
    /// Even out the weights of neighbouring layers first, where nothing or a ReLU stands between them
    #[arg(long)]
    equalize: bool,
    /// Test images that the accuracy is told by, spread over all; 0 tells none
    #[arg(long, value_name = "N", default_value_t = 500)]
    limit_test: usize,
    /// Skip image files that cannot be decoded; they are listed at the end
    #[arg(long)]
    skip_bad: bool,
    /// The folder of the data sets, by default ~/.cache/zoo/data
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub fn run(registry: &Registry, args: &QuantizeArgs) -> Result<(), Error> {
    if let Some(output) = &args.output {
        check_name(output, "ONNX", &["onnx"])?;
    }
    let calibration = Calibration::parse(&args.calibrate)?;
    let judged = args.sensitivity || args.max_drop.is_some();
    if judged && args.limit_test == 0 {
        misused!("--sensitivity and --max-drop need test images: leave --limit-test 0 out");
    }
    let mut opened = args.weights.open(registry, None)?;
    if opened.model.device() != Device::Cpu {
        misused!("int8 networks are made on the CPU: leave --device out");
    }
    channels::check(opened.model.plan().input.c).map_err(Error::msg)?;
    let images = Images::load(&mut opened, &calibration, args.limit_test, args.data_dir.as_deref(), args.skip_bad)?;
    // As it is called elsewhere: a file tells nobody where folders were.
    let calibration = Calibration { dataset: images.dataset.clone(), ..calibration };
    let processor = args.processor.unwrap_or_else(Processor::of_this_machine);
    let options = Options {
        method: args.method,
        bits: processor.weight_bits(),
        engine: args.engine,
        correct: !args.no_bias_correction,
        equalize: args.equalize,
    };
    let graph = opened.model.to_onnx(&OnnxOptions::default())?;
    let quantizer = Quantizer::new(graph, &images.calibration, options)?;
    let kept = match &args.keep_float[..] {
        [one] if one == "none" => BTreeSet::new(),
        words => quantizer.named(words)?,
    };
    let judge = match images.test.is_empty() {
        true => None,
        false => Some(Judge::new(images.test, quantizer.float())?),
    };
    say_how(args, processor, &quantizer, &calibration, images.calibrated);
    let order = match &judge {
        Some(judge) if judged => rank(args, &quantizer, judge, &kept)?,
        _ => Vec::new(),
    };
    let Some(output) = &args.output else { return Ok(()) };
    let (made, score) = choose(args, &quantizer, judge.as_ref(), &kept, &order)?;
    write(&opened, args, processor, &calibration.said(images.calibrated), &made, output)?;
    if let (Some(judge), Some(score)) = (&judge, score) {
        said(judge, &score);
    }
    images.skipped.iter().for_each(|line| say!("{line}"));
    Ok(())
}

/// The costliest layers, where they are asked for or are to be kept in float.
fn rank(
    args: &QuantizeArgs,
    quantizer: &Quantizer,
    judge: &Judge,
    kept: &BTreeSet<String>,
) -> Result<Vec<Sensitivity>, Error> {
    if !args.sensitivity {
        let score = judge.score(&quantizer.make(kept)?.network)?;
        if args.max_drop.is_none_or(|most| judge.drop(&score) <= most) {
            return Ok(Vec::new());
        }
        say!("int8 throughout loses {:.2} points: layers are tried one by one", judge.drop(&score));
    }
    let layers = quantizer.layers().iter().filter(|layer| !kept.contains(*layer)).count();
    let mut seen = Seen::of("layers", layers);
    let mut done = 0;
    let order = sensitivity(quantizer, judge, kept, &mut |_| {
        done += 1;
        seen.at(done);
        true
    })?;
    drop(seen);
    if args.sensitivity {
        table(judge, &order);
    }
    Ok(order)
}

fn table(judge: &Judge, order: &[Sensitivity]) {
    let width = order.iter().map(|layer| layer.layer.len()).max().unwrap_or(0);
    tell!(
        "{:<width$}  {:>11}  {:>10}  {:>9}",
        "alone in int8",
        "lost points",
        "agreement",
        "signal",
        width = width.max(13)
    );
    for Sensitivity { layer, score, drop } in order {
        tell!(
            "{layer:<width$}  {drop:>11.2}  {:>8.2} %  {:>6.1} dB",
            score.agreement,
            score.signal_to_noise,
            width = width.max(13)
        );
    }
    tell!("float: {:.2} % top-1 of {} images", judge.float.top1, judge.float.images);
}

/// The network that is written, and its score where there are images for it.
fn choose(
    args: &QuantizeArgs,
    quantizer: &Quantizer,
    judge: Option<&Judge>,
    kept: &BTreeSet<String>,
    order: &[Sensitivity],
) -> Result<(Made, Option<Score>), Error> {
    match (judge, args.max_drop) {
        (Some(judge), Some(most)) if !order.is_empty() => {
            let (made, score) = within(quantizer, judge, kept, order, most)?;
            if judge.drop(&score) > most {
                bail!(
                    "no choice of layers loses at most {most} points: with one in int8 it still loses {:.2}; more images to \
                     calibrate with, or another --method, may help",
                    judge.drop(&score)
                );
            }
            Ok((made, Some(score)))
        }
        _ => {
            let made = quantizer.make(kept)?;
            let score = judge.map(|judge| judge.score(&made.network)).transpose()?;
            Ok((made, score))
        }
    }
}

/// What is done, before it takes its time.
fn say_how(args: &QuantizeArgs, processor: Processor, quantizer: &Quantizer, data: &Calibration, images: usize) {
    let why = match args.processor {
        Some(_) => "asked for",
        None => "this processor",
    };
    say!(
        "weights of {} bits ({}, {why}), activations of 8 by {} of {}",
        processor.weight_bits(),
        processor.name(),
        args.method,
        data.said(images)
    );
    if args.equalize {
        say!("{} evened out", counted(quantizer.equalized as u64, "pair of layers"));
    }
    for (operator, count) in quantizer.not_quantizable() {
        say!("{count} x {operator} stays in float: there is no int8 kernel for it");
    }
}

fn write(
    opened: &Opened,
    args: &QuantizeArgs,
    processor: Processor,
    calibration: &str,
    made: &Made,
    output: &Path,
) -> Result<(), Error> {
    let mut graph = made.graph.clone();
    graph.name = opened.entry.variant.name.to_string();
    graph.metadata.extend(description(opened).to_pairs());
    let float = serde_json::to_string(&made.float)?;
    let told = [
        ("zoo.quantized", "int8".to_string()),
        ("zoo.quantized.weights", args.weights.title(opened.entry.variant.name)),
        ("zoo.quantized.calibration", calibration.to_string()),
        ("zoo.quantized.method", args.method.to_string()),
        ("zoo.quantized.weight_bits", processor.weight_bits().to_string()),
        ("zoo.quantized.processor", processor.name().to_string()),
        ("zoo.quantized.engine", args.engine.name().to_string()),
        ("zoo.quantized.bias_correction", (!args.no_bias_correction).to_string()),
        ("zoo.quantized.equalized", args.equalize.to_string()),
        ("zoo.quantized.float", float),
    ];
    graph.metadata.extend(told.map(|(key, value)| (key.to_string(), value)));
    graph.write(output)?;
    let size = fs::metadata(output).map_or(0, |metadata| metadata.len());
    tell!("{} as int8 in {}: {:.1} MB", graph.name, output.display(), size as f64 / 1e6);
    match made.float.len() {
        0 => tell!("all {} are int8", counted(made.int8.len() as u64, "layer")),
        count => {
            let shown = made.float.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if count > LISTED { ", ..." } else { "" };
            tell!("{} int8, {count} in float: {shown}{more}", counted(made.int8.len() as u64, "layer"));
        }
    }
    tell!("run it with: {}", opened.resolved);
    tell!("in Python:");
    onnx_lines(&graph, output).iter().for_each(|line| tell!("    {line}"));
    Ok(())
}

fn said(judge: &Judge, score: &Score) {
    tell!(
        "{:.2} % top-1 of {} test images by simulation, {:.2} % in float; {:.2} % of answers are the same",
        score.top1,
        score.images,
        judge.float.top1,
        score.agreement
    );
}

fn parse_method(text: &str) -> Result<Method, String> {
    let unknown = || format!("unknown method `{text}`; expected min-max, percentile, percentile:P or mse");
    Method::find(text).map_err(|error: QuantizeError| error.to_string())?.ok_or_else(unknown)
}

fn parse_processor(text: &str) -> Result<Processor, String> {
    let found = Processor::ALL.into_iter().find(|processor| processor.name() == text);
    found.ok_or_else(|| format!("unknown processor `{text}`; expected avx2 or vnni"))
}

fn parse_engine(text: &str) -> Result<Engine, String> {
    let found = Engine::ALL.into_iter().find(|engine| engine.name() == text);
    found.ok_or_else(|| format!("unknown engine `{text}`; expected openvino or onnxruntime"))
}

fn parse_drop(text: &str) -> Result<f64, String> {
    let points = text.parse().ok().filter(|points| (0.0..=100.0).contains(points));
    points.ok_or_else(|| format!("`{text}` is not percentage points from 0 to 100, such as 0.5"))
}
