//! A classifier as an engine runs it, with what its images are prepared by: what `eval` and `predict` work with.
//!
//! It comes from a file of weights, whose network is known, or from a file of ONNX, which need not be ours.

use std::path::Path;
use std::rc::Rc;

use anyhow::{Error, bail};
use tch::Device;
use zoo_core::onnx::{Dimension, Element, Graph, Value};
use zoo_core::{ImageSize, Options, Registry};

use super::machine::set_threads;
use super::usage::misused;
use super::weights::WeightsArgs;
use zoo_engines::{Dtype, Engine, OnnxFile, Prepared, Setting, Source, prepare};
use zoo_settings::Settings;
use zoo_training::batch::Input;
use zoo_weights::{Description, Opened, Resolved};

/// A classifier that is ready to run.
pub struct Classifier {
    /// What it is called.
    pub title: String,
    /// What gives the logits.
    pub network: Box<dyn Prepared>,
    /// The engine that it runs on.
    pub engine: &'static dyn Engine,
    /// What it takes.
    pub input: Input,
    /// Its logits.
    pub classes: usize,
    /// How its images are prepared.
    pub resolved: Resolved,
    /// What its file says of itself.
    pub description: Description,
    /// Settings of the run that wrote the file, where it is a checkpoint.
    pub run: Option<Settings>,
    /// Whether it holds averages of weights in place of the weights themselves.
    pub averaged: bool,
    /// What its network was planned with, where this program did that.
    pub options: Option<Options>,
    /// What its file says of its quantization, where it is quantized.
    pub quantized: Option<Quantized>,
    dtype: Dtype,
    is_onnx: bool,
}

/// Where a quantized network comes from, as far as its file says.
#[derive(Clone, Debug, Default)]
pub struct Quantized {
    /// The file that it was quantized from, by its name and hash.
    pub weights: String,
    /// The images that its ranges were taken from, and how.
    pub calibration: String,
}

/// How a classifier is run.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct EngineArgs {
    /// What runs the network: eager (the training model), libtorch (norms folded), zoo (our kernels), onnxruntime or
    /// openvino; logits in f32 differ by rounding only [default: zoo, or onnxruntime for a file of ONNX]
    #[arg(long, alias = "mode", value_name = "NAME", value_parser = super::engine::parse_engine)]
    engine: Option<&'static dyn Engine>,
    /// Number format: f32, or bf16 (libtorch and openvino) [default: f32, or int8 for a quantized file of ONNX]
    #[arg(long, value_name = "NAME", value_parser = super::engine::parse_dtype)]
    dtype: Option<Dtype>,
}

impl Classifier {
    /// Opens what `weights` name, for images of `size` where that is known.
    pub fn open(
        registry: &Registry,
        weights: &WeightsArgs,
        run: &EngineArgs,
        size: Option<ImageSize>,
    ) -> Result<Classifier, Error> {
        match weights.file().filter(|path| OnnxFile::is_named(path)) {
            Some(path) => Classifier::of_onnx(path, weights, run, size),
            None => Classifier::of_model(weights.open(registry, size)?, run),
        }
    }

    /// How images are prepared, and the network is run as far as that is decided here.
    pub fn preparation(&self) -> String {
        if self.is_onnx { self.resolved.of_images() } else { self.resolved.to_string() }
    }

    /// The number format that it computes with.
    pub fn dtype(&self) -> &'static str {
        self.dtype.name()
    }

    fn of_model(opened: Opened, run: &EngineArgs) -> Result<Classifier, Error> {
        let Opened { entry, model, resolved, description, averaged, run: settings, .. } = opened;
        let options = model.plan().options;
        let (input, classes) = (Input::of(&model), options.classes as usize);
        let engine = run.engine.unwrap_or(zoo_engines::ZOO);
        let dtype = run.dtype.unwrap_or(Dtype::F32);
        let network = prepare(engine, Source::Model(&Rc::new(model)), setting(dtype), input.device)?;
        let title = entry.variant.name.to_string();
        Ok(Classifier {
            title,
            network,
            engine,
            input,
            classes,
            resolved,
            description,
            run: settings,
            averaged,
            options: Some(options),
            quantized: None,
            dtype,
            is_onnx: false,
        })
    }

    fn of_onnx(
        path: &Path,
        weights: &WeightsArgs,
        run: &EngineArgs,
        size: Option<ImageSize>,
    ) -> Result<Classifier, Error> {
        let name = path.display();
        weights.refuse_for_onnx()?;
        let file = OnnxFile::read(path)?;
        let graph = &file.graph;
        let own_dtype = if graph.is_quantized() { Dtype::Int8 } else { Dtype::F32 };
        let dtype = run.dtype.unwrap_or(own_dtype);
        let source = file.source(dtype)?;
        let description = match Description::from_metadata(&graph.metadata) {
            Ok(description) => description,
            Err(problem) => bail!("{name}: {problem}"),
        };
        let ([input], [output]) = (&graph.inputs[..], &graph.outputs[..]) else {
            bail!(
                "{name} has {} inputs and {} outputs: a classifier has one of each",
                graph.inputs.len(),
                graph.outputs.len()
            );
        };
        let flags = weights.flags();
        let wanted = size.or(flags.crop).or(description.trained_with.crop);
        let (channels, own) = match images(input, wanted) {
            Ok(found) => found,
            Err(problem) => bail!("{name}: {problem}"),
        };
        if let Some(size) = size.or(flags.crop).filter(|size| *size != own) {
            misused!("{name} takes images of {own} pixels, not of {size}: export it with --input-size {size}");
        }
        let classes = match output.shape[..] {
            [_, Dimension::Fixed(classes)] if classes > 0 && output.element == Element::F32 => classes as usize,
            _ => bail!("{name}: the output `{}` is not N x classes of float32, as a classifier has it", output.name),
        };
        let resolved = Resolved::of_file(&flags, &description.trained_with, own, channels);
        set_threads(weights.threads());
        let engine = run.engine.unwrap_or(zoo_engines::ONNX_RUNTIME);
        let network = prepare(engine, source, setting(dtype), Device::Cpu)?;
        let title = description.model.clone().unwrap_or_else(|| name.to_string());
        let input = Input { device: Device::Cpu, size: own, channels };
        Ok(Classifier {
            title,
            network,
            engine,
            input,
            classes,
            resolved,
            description,
            run: None,
            averaged: false,
            options: None,
            quantized: quantized(graph),
            dtype,
            is_onnx: true,
        })
    }
}

/// Batches of an evaluation differ: the last one is smaller.
fn setting(dtype: Dtype) -> Setting {
    Setting { dtype, batch: None }
}

/// What a graph says of its quantization, where it has nodes that round to integers.
fn quantized(graph: &Graph) -> Option<Quantized> {
    let told = |key: &str| graph.metadata.get(key).cloned().unwrap_or_default();
    let parts = [told("zoo.quantized.calibration"), told("zoo.quantized.method")];
    let calibration = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    graph.is_quantized().then(|| Quantized { weights: told("zoo.quantized.weights"), calibration })
}

/// Channels and size of the images that a network takes; where it takes any size, they have the one that is wanted.
fn images(input: &Value, wanted: Option<ImageSize>) -> Result<(u32, ImageSize), String> {
    if input.element == Element::U8 {
        return Err(format!(
            "the input `{}` is bytes of pictures, which the network normalises itself; for this command, export it without \
             --with-preprocessing",
            input.name
        ));
    }
    let wrong = || format!("the input `{}` is not N x C x H x W of float32: it does not take images", input.name);
    let [_, channels, height, width] = &input.shape[..] else { return Err(wrong()) };
    if input.element != Element::F32 {
        return Err(wrong());
    }
    let side = |dimension: &Dimension, wanted: Option<u32>| match dimension {
        Dimension::Fixed(side) => u32::try_from(*side).ok(),
        Dimension::Named(_) => wanted.or(Some(224)),
    };
    let channels = side(channels, None).ok_or_else(wrong)?;
    let height = side(height, wanted.map(|size| size.height)).ok_or_else(wrong)?;
    let width = side(width, wanted.map(|size| size.width)).ok_or_else(wrong)?;
    let size = ImageSize { height, width };
    if size.is_valid() && (1..=3).contains(&channels) { Ok((channels, size)) } else { Err(wrong()) }
}
