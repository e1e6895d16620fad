//! `predict`: logits for tensors, classes for pictures.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, anyhow, bail};
use tch::{Kind, Tensor};
use zoo_core::Registry;
use zoo_core::model::Mode;
use zoo_core::weights::{TensorFile, write_safetensors};

use super::weights::WeightsArgs;
use crate::console::say;
use crate::data::preprocessing::Preprocessing;
use crate::data::{image, imagenet};
use crate::weights::Opened;

/// Images a batch.
const BATCH: usize = 32;
/// Name of the tensor that is read, and of the one that is written.
const INPUT: &str = "input";
const LOGITS: &str = "logits";

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    weights: WeightsArgs,
    /// A safetensors file with the tensor `input`: f32, N x 3 x H x W, normalised already
    #[arg(long, value_name = "FILE", requires = "output")]
    tensor: Option<PathBuf>,
    /// Where the tensor `logits` goes, or the table of `--images` instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Pictures to name, JPEG or PNG
    #[arg(long, value_name = "PATH", num_args = 1.., required_unless_present = "tensor", conflicts_with = "tensor")]
    images: Vec<PathBuf>,
    /// Classes to name for each picture
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
}

pub fn run(registry: &Registry, args: &Args) -> Result<(), Error> {
    match (&args.tensor, &args.output) {
        (Some(input), Some(output)) => logits(registry, args, input, output),
        _ => classes(registry, args),
    }
}

fn logits(registry: &Registry, args: &Args, input: &Path, output: &Path) -> Result<(), Error> {
    let images = TensorFile::read(input)?.tensor(INPUT)?;
    let shape = images.size();
    let [_, 3, height, width] = shape[..] else {
        bail!("{}: `{INPUT}` has shape {shape:?}, it must be N x 3 x H x W", input.display());
    };
    if images.kind() != Kind::Float || height != width || !(1..=65_535).contains(&height) {
        bail!("{}: `{INPUT}` must be square images in f32, not {:?} {shape:?}", input.display(), images.kind());
    }
    let opened = args.weights.open(registry, Some(height as u32))?;
    let count = shape[0];
    let mut parts = Vec::new();
    for first in (0..count).step_by(BATCH) {
        let batch = images.f_narrow(0, first, (count - first).min(BATCH as i64))?;
        parts.push(run_model(&opened, &batch)?);
    }
    let logits = match parts.is_empty() {
        true => Tensor::f_zeros([0, i64::from(opened.model.plan().options.classes)], (Kind::Float, tch::Device::Cpu))?,
        false => Tensor::f_cat(&parts, 0)?,
    };
    write_safetensors(output, &[(LOGITS.to_string(), logits)], &BTreeMap::new())?;
    Ok(())
}

fn run_model(opened: &Opened, images: &Tensor) -> Result<Tensor, Error> {
    let images = images.f_to_device(opened.model.device())?;
    Ok(tch::no_grad(|| opened.model.forward(&images, Mode::Eval))?.f_to_device(tch::Device::Cpu)?)
}

fn classes(registry: &Registry, args: &Args) -> Result<(), Error> {
    let opened = args.weights.open(registry, None)?;
    let preprocessing = Preprocessing::from(&opened.resolved);
    say!("{}", opened.resolved);
    let names = names(&opened)?;
    let out: Box<dyn Write> = match &args.output {
        Some(path) => {
            Box::new(std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
        }
        None => Box::new(std::io::stdout().lock()),
    };
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["file", "rank", "class", "probability"])?;
    for paths in args.images.chunks(BATCH) {
        let probabilities = run_model(&opened, &batch(paths, &preprocessing)?)?.f_softmax(1, Kind::Float)?;
        let top = i64::from(args.top).min(names.len() as i64);
        let (values, classes) = probabilities.f_topk(top, 1, true, true)?;
        for (row, path) in paths.iter().enumerate() {
            for rank in 0..top {
                let at = [row as i64, rank];
                let class = classes.f_int64_value(&at)? as usize;
                let probability = format!("{:.6}", values.f_double_value(&at)?);
                let file = path.display().to_string();
                table.write_record([file.as_str(), &(rank + 1).to_string(), &names[class], &probability])?;
            }
        }
    }
    table.flush()?;
    Ok(())
}

/// The classes' names: the file's own, or ImageNet's for a thousand of them.
fn names(opened: &Opened) -> Result<Vec<String>, Error> {
    let count = opened.model.plan().options.classes as usize;
    match &opened.description.classes {
        Some(names) if names.len() == count => Ok(names.clone()),
        Some(names) => Err(anyhow!("the weights name {} classes and have {count}: mend zoo.classes", names.len())),
        None if count == imagenet::count() => {
            Ok((0..count).map(|index| imagenet::name(index).unwrap_or_default().to_string()).collect())
        }
        None => Ok((0..count).map(|index| format!("class {index}")).collect()),
    }
}

fn batch(paths: &[PathBuf], preprocessing: &Preprocessing) -> Result<Tensor, Error> {
    let (side, numbers) = (i64::from(preprocessing.crop), preprocessing.numbers());
    let mut pixels = vec![0f32; paths.len() * numbers];
    for (path, into) in paths.iter().zip(pixels.chunks_exact_mut(numbers)) {
        let mut bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let picture = image::decode(&mut bytes).map_err(|bad| anyhow!("{} {bad}", path.display()))?;
        preprocessing.prepare(&picture, into);
    }
    let images = Tensor::f_from_slice(&pixels)?.f_view([paths.len() as i64, side, side, 3])?;
    Ok(images.f_permute([0, 3, 1, 2])?)
}
