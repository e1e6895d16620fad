//! `predict`: logits for tensors, classes for pictures.

use crate::command_line::path;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, anyhow, bail};
use tch::{Device, Kind, Tensor};
use zoo_core::weights::{TensorFile, write_safetensors};
use zoo_core::{ImageSize, Registry};

use super::classifier::{Classifier, EngineArgs};
use super::output::{Output, check_name};
use super::seen::Seen;
use super::weights::{self, WeightsArgs};
use zoo_data::image::Rgb;
use zoo_data::{ImageFiles, Preprocessing, folder, imagenet};
use zoo_host::console::say;
use zoo_training::channels;

/// Images a batch.
const BATCH: usize = 32;
/// Name of the tensor that is read, and of the one that is written.
const INPUT: &str = "input";
const LOGITS: &str = "logits";

#[derive(Debug, clap::Args)]
pub struct PredictArgs {
    #[command(flatten)]
    weights: WeightsArgs,
    /// A safetensors file with the tensor `input`: f32, N x C x H x W, normalised already
    #[arg(long, value_name = "FILE", requires = "output", value_parser = path::argument())]
    tensor: Option<PathBuf>,
    /// Where the tensor `logits` goes, or the table of `--images` instead of to standard output
    #[arg(long, short, value_name = "FILE", value_parser = path::argument())]
    output: Option<PathBuf>,
    /// Images to classify (JPEG, PNG, WebP, GIF or BMP), and folders of them
    #[arg(
        long,
        value_name = "PATH",
        num_args = 1..,
        required_unless_present = "tensor",
        conflicts_with = "tensor",
        value_parser = path::argument()
    )]
    images: Vec<PathBuf>,
    /// Skip images that cannot be decoded; they are listed at the end
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    engine: EngineArgs,
    /// Classes to print for each image
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
}

pub fn run(registry: &Registry, args: &PredictArgs) -> Result<(), Error> {
    match (&args.tensor, &args.output) {
        (Some(_), Some(output)) => check_name(output, "safetensors", &["safetensors"])?,
        (None, Some(output)) => check_name(output, "CSV", &["csv", "txt", ""])?,
        _ => {}
    }
    match (&args.tensor, &args.output) {
        (Some(input), Some(output)) => logits(registry, args, input, output),
        _ => classes(registry, args),
    }
}

fn logits(registry: &Registry, args: &PredictArgs, input: &Path, output: &Path) -> Result<(), Error> {
    let images = TensorFile::read(input)?.tensor(INPUT)?;
    let shape = images.size();
    let [_, _, height, width] = shape[..] else {
        bail!("{}: `{INPUT}` has shape {shape:?}, it must be N x C x H x W", input.display());
    };
    let side = |length: i64| u32::try_from(length).unwrap_or(0);
    let size = ImageSize { height: side(height), width: side(width) };
    if images.kind() != Kind::Float || !size.is_valid() {
        bail!(
            "{}: `{INPUT}` must be images in f32 of 1 to 65,535 pixels a side, not {:?} {shape:?}",
            input.display(),
            images.kind()
        );
    }
    if images.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
        bail!("{}: `{INPUT}` has values that are NaN or infinite: correct the images", input.display());
    }
    if shape[0] == 0 {
        bail!("{}: `{INPUT}` has shape {shape:?}, which holds no images: give at least one", input.display());
    }
    let opened = Classifier::open(registry, &args.weights, &args.engine, Some(size))?;
    // How it is run; images that are tensors are prepared already.
    say!("{}", opened.preparation());
    let count = shape[0];
    let mut parts = Vec::new();
    for first in (0..count).step_by(BATCH) {
        let batch = images.f_narrow(0, first, (count - first).min(BATCH as i64))?;
        let name = |row: usize| format!("image {} of {}", first as usize + row, input.display());
        parts.push(logits_of(&opened, &batch, name)?);
    }
    let logits = Tensor::f_cat(&parts, 0)?;
    write_safetensors(output, &[(LOGITS.to_string(), logits)], &BTreeMap::new())?;
    Ok(())
}

/// Logits of a batch, all of which must be numbers; `name` tells what an image is called.
fn logits_of(opened: &Classifier, images: &Tensor, name: impl Fn(usize) -> String) -> Result<Tensor, Error> {
    let logits = opened.network.logits(&images.f_to_device(opened.input.device)?)?.f_to_device(Device::Cpu)?;
    let finite = logits.f_isfinite()?.f_all_dim(1, false)?;
    for row in 0..logits.size()[0] {
        if finite.f_int64_value(&[row])? == 0 {
            bail!("the logits of {} are NaN or infinite: {}", name(row as usize), weights::NO_NUMBERS);
        }
    }
    Ok(logits)
}

fn classes(registry: &Registry, args: &PredictArgs) -> Result<(), Error> {
    let files = pictures(&args.images, args.skip_bad)?;
    let mut opened = Classifier::open(registry, &args.weights, &args.engine, None)?;
    let channels = opened.input.channels;
    channels::check(channels).map_err(Error::msg)?;
    opened.resolved = opened.resolved.for_pictures();
    let preprocessing = Preprocessing::from(&opened.resolved);
    say!("{}", opened.preparation());
    let names = names(&opened)?;
    let mut table = csv::Writer::from_writer(Output::new(args.output.as_deref())?);
    let unwritable = |table: &csv::Writer<Output>| format!("cannot write {}", table.get_ref().name());
    table.write_record(["file", "rank", "class", "probability"])?;
    let top = i64::from(args.top).min(names.len() as i64);
    let mut decoded = 0;
    // Rows on the terminal tell how far it is by themselves.
    let mut told = args.output.is_some().then(|| Seen::new(files.len()));
    for first in (0..files.len()).step_by(BATCH) {
        let (images, seen) = batch(&files, first..(first + BATCH).min(files.len()), &preprocessing, channels)?;
        if seen.is_empty() {
            continue; // All of them were skipped.
        }
        decoded += seen.len();
        let name = |row: usize| files.path(seen[row]).display().to_string();
        let probabilities = logits_of(&opened, &images, name)?.f_softmax(1, Kind::Float)?;
        let (values, classes) = probabilities.f_topk(top, 1, true, true)?;
        for row in 0..seen.len() {
            for rank in 0..top {
                let at = [row as i64, rank];
                let class = classes.f_int64_value(&at)? as usize;
                let probability = format!("{:.6}", values.f_double_value(&at)?);
                let record = [name(row), (rank + 1).to_string(), names[class].clone(), probability];
                table.write_record(&record).with_context(|| unwritable(&table))?;
            }
        }
        table.flush().with_context(|| unwritable(&table))?;
        told.iter_mut().for_each(|told| told.at(first + BATCH));
    }
    drop(told);
    files.skipped().iter().for_each(|line| say!("left out: {line}"));
    if decoded == 0 {
        bail!("none of the {} pictures can be decoded: give others with --images", files.len());
    }
    table.into_inner().map_err(|error| Error::msg(error.to_string()))?.finish()
}

/// The files that were asked for, those in folders among them.
fn pictures(asked: &[PathBuf], skip_bad: bool) -> Result<ImageFiles, Error> {
    let mut files = ImageFiles::new(skip_bad);
    for path in asked {
        match path.is_dir() {
            true => {
                let found = folder::images_in(path, &files)?;
                if found.is_empty() {
                    bail!("{} holds no pictures: name another folder, or files, with --images", path.display());
                }
                found.into_iter().for_each(|path| files.push(path, 0));
            }
            false => files.push(path.clone(), 0),
        }
    }
    Ok(files)
}

/// The classes' names: the file's own, or ImageNet's for a thousand of them.
fn names(opened: &Classifier) -> Result<Vec<String>, Error> {
    let count = opened.classes;
    match &opened.description.classes {
        Some(names) if names.len() == count => Ok(names.clone()),
        Some(names) => Err(anyhow!("the weights name {} classes but have {count}: correct zoo.classes", names.len())),
        None if count == imagenet::count() => {
            Ok((0..count).map(|index| imagenet::name(index).unwrap_or_default().to_string()).collect())
        }
        None => Ok((0..count).map(|index| format!("class {index}")).collect()),
    }
}

/// The pictures `range`, prepared, and which of them these are: bad ones are left out where that was asked for.
fn batch(
    files: &ImageFiles,
    range: Range<usize>,
    preprocessing: &Preprocessing,
    channels: u32,
) -> Result<(Tensor, Vec<usize>), Error> {
    let (ImageSize { height, width }, numbers) = (preprocessing.crop, preprocessing.numbers());
    let (mut pixels, mut seen) = (vec![0f32; range.len() * numbers], Vec::new());
    let (mut bytes, mut picture) = (Vec::new(), Rgb::default());
    for index in range {
        let into = &mut pixels[seen.len() * numbers..][..numbers];
        let decoded = files.with(index, &mut bytes, |encoded| {
            encoded.decode(&mut picture)?;
            preprocessing.prepare(&picture, into);
            Ok(())
        })?;
        seen.extend(decoded.map(|()| index));
    }
    let images = Tensor::f_from_slice(&pixels[..seen.len() * numbers])?.f_view([
        seen.len() as i64,
        height.into(),
        width.into(),
        3,
    ])?;
    Ok((channels::to_channels(images.f_permute([0, 3, 1, 2])?, channels)?, seen))
}
