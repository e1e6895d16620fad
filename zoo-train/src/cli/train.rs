//! `train`: the default command.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Error, anyhow, bail};
use serde::Deserialize;
use tch::Device;
use toml::{Table, Value};
use zoo_core::Registry;
use zoo_native::precision::set_cuda_modes;

use super::Outcome;
use crate::data::imagenet::subset;
use crate::data::{Dataset, cifar10, default_data_dir, folder, imagenet, imagenette, synthetic};
use crate::train::augment::Policy;
use crate::train::budget::Budget;
use crate::train::checkpoint::Checkpoint;
use crate::train::folder::{Resume, checkpoint_at};
use crate::train::profile::profile;
use crate::train::progress::Verbosity;
use crate::train::run::{Ending, Request, Scores, run as train};
use crate::train::settings::{Given, Precision, Settings};
use crate::train::starting_point;

/// Images of the synthetic data set, unless limited.
const SYNTHETIC: (usize, usize) = (10_240, 1_000);
const SYNTHETIC_CLASSES: usize = 10;
/// Settings that may change when a run is resumed, as no result depends on them.
const FREE: [&str; 5] = ["threads", "workers", "device", "checkpoint_every", "keep"];
const SCHEDULES: [&str; 6] = ["cosine", "linear", "one_cycle", "exponential", "step", "constant"];
/// More is taken for a slip of the finger.
const SYNTHETIC_BYTES: usize = 16 << 30;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model, as `list` names it
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// A TOML file of settings, over the defaults of configs/cifar10.toml and under the flags
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Width multiplier in place of the variant's
    #[arg(long, value_name = "A", help_heading = "Network")]
    width: Option<f64>,
    /// Depth multiplier in place of the variant's
    #[arg(long, value_name = "D", help_heading = "Network")]
    depth: Option<f64>,
    /// Side in pixels that images are resized to [default: 32]
    #[arg(long, value_name = "R", help_heading = "Network")]
    input_size: Option<u32>,
    /// Strides for small images: native, stem1 or cifar [default: stem1]
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    profile: Option<String>,
    /// Dropout in place of the variant's
    #[arg(long, value_name = "P", help_heading = "Network")]
    dropout: Option<f64>,
    /// Drop-path in place of the variant's
    #[arg(long, value_name = "P", help_heading = "Network")]
    drop_path: Option<f64>,

    /// cifar10, imagenette, imagenet:PATH, folder:PATH (with train and val, a folder for each class) or synthetic
    /// [default: cifar10]
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    dataset: Option<String>,
    /// Only the classes that this file lists, such as configs/subsets/imagenette.txt
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    subset: Option<String>,
    /// Do without image files that cannot be decoded; they are listed at the end
    #[arg(long, help_heading = "Data")]
    skip_bad: bool,
    /// The folder of the data sets [default: ~/.cache/zoo/data]
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    data_dir: Option<PathBuf>,
    /// Only so many training images
    #[arg(long, value_name = "N", help_heading = "Data")]
    limit_train: Option<usize>,
    /// Only so many test images
    #[arg(long, value_name = "N", help_heading = "Data")]
    limit_test: Option<usize>,

    /// Passes over the training set [default: 30]
    #[arg(long, value_name = "N", help_heading = "Length", conflicts_with_all = ["steps", "budget"])]
    epochs: Option<f64>,
    /// Optimizer steps
    #[arg(long, value_name = "N", help_heading = "Length", conflicts_with = "budget")]
    steps: Option<u64>,
    /// Wall time with evaluation, such as 90s, 20m or 2h; turned into steps when the speed is known
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Length")]
    budget: Option<Duration>,

    /// Start from a file of weights: safetensors, .pth, or a checkpoint
    #[arg(long, value_name = "FILE", help_heading = "Fine-tuning", conflicts_with = "pretrained")]
    weights: Option<String>,
    /// Start from ImageNet weights of the Hugging Face hub, by timm's tag or its usual ones
    #[arg(long, value_name = "TAG", num_args = 0..=1, default_missing_value = "", help_heading = "Fine-tuning")]
    pretrained: Option<String>,
    /// Take the tensors that fit, where not all do
    #[arg(long, help_heading = "Fine-tuning")]
    allow_partial: bool,
    /// What stays as it is: none, backbone or stages:N (the stem and N stages) [default: none]
    #[arg(long, value_name = "PART", help_heading = "Fine-tuning")]
    freeze: Option<String>,
    /// Free another stage every so many epochs, from the last one on
    #[arg(long, value_name = "EPOCHS", help_heading = "Fine-tuning")]
    unfreeze_every: Option<f64>,
    /// Learning rate of the backbone as a share of the classifier's, 0 to 1 [default: 1]
    #[arg(long, value_name = "S", help_heading = "Fine-tuning")]
    backbone_lr_scale: Option<f64>,
    /// Let norms use and keep the statistics they came with
    #[arg(long, help_heading = "Fine-tuning")]
    freeze_statistics: bool,
    /// Compute the features of a frozen backbone once; augmentation must be off
    #[arg(long, help_heading = "Fine-tuning")]
    cache_features: bool,
    /// Padding of strided convolutions, in place of the weights': same or symmetric
    #[arg(long, value_name = "NAME", help_heading = "Fine-tuning")]
    padding: Option<String>,
    /// Epsilon of the norms, in place of the weights'
    #[arg(long, value_name = "E", help_heading = "Fine-tuning")]
    bn_eps: Option<f64>,

    /// Images a step [default: 128]
    #[arg(long, value_name = "N", help_heading = "Recipe")]
    batch_size: Option<usize>,
    /// Images computed at once, a part of the batch; their gradients are summed [default: the batch]
    #[arg(long, value_name = "N", help_heading = "Recipe")]
    micro_batch: Option<usize>,
    /// sgd (with Nesterov momentum), rmsprop (as TensorFlow has it), adamw or lamb [default: sgd]
    #[arg(long, value_name = "NAME", value_parser = ["sgd", "rmsprop", "adamw", "lamb"], help_heading = "Recipe")]
    optimizer: Option<String>,
    /// Learning rate after the warm-up [default: 0.05]
    #[arg(long, value_name = "R", help_heading = "Recipe")]
    learning_rate: Option<f64>,
    /// How the learning rate goes on after the warm-up: cosine, linear, one_cycle, exponential, step or constant
    /// [default: cosine]
    #[arg(long, value_name = "NAME", value_parser = SCHEDULES, help_heading = "Recipe")]
    schedule: Option<String>,
    /// Factor of the exponential and step schedules
    #[arg(long, value_name = "F", help_heading = "Recipe")]
    decay_rate: Option<f64>,
    /// Epochs after which that factor is reached
    #[arg(long, value_name = "EPOCHS", help_heading = "Recipe")]
    decay_epochs: Option<f64>,
    /// Steps of warm-up [default: about a twelfth of the steps]
    #[arg(long, value_name = "N", help_heading = "Recipe")]
    warmup_steps: Option<u64>,
    /// Weight decay, not on norms and biases [default: 5e-4]
    #[arg(long, value_name = "W", help_heading = "Recipe")]
    weight_decay: Option<f64>,
    /// Largest norm of all gradients together
    #[arg(long, value_name = "G", help_heading = "Recipe")]
    clip_norm: Option<f64>,
    /// Largest size of an element of a gradient
    #[arg(long, value_name = "G", help_heading = "Recipe")]
    clip_value: Option<f64>,
    /// Keep an exponential moving average of the weights, so much of it at each step, such as 0.999
    #[arg(long, value_name = "D", help_heading = "Recipe")]
    ema_decay: Option<f64>,
    /// Train on smaller images at first, from this side on
    #[arg(long, value_name = "R", help_heading = "Recipe")]
    input_size_from: Option<u32>,
    /// Label smoothing [default: 0.1]
    #[arg(long, value_name = "E", help_heading = "Recipe")]
    label_smoothing: Option<f64>,
    /// Seed of weights, order and augmentation [default: 0]
    #[arg(long, value_name = "N", help_heading = "Recipe")]
    seed: Option<u64>,
    /// Train with so many seeds, one after the other, and say mean and deviation
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Length", conflicts_with = "resume")]
    repeat: u16,
    /// End after so many evaluations without a better one
    #[arg(long, value_name = "N", help_heading = "Length")]
    patience: Option<u64>,
    /// Evaluate after so many epochs [default: 1]
    #[arg(long, value_name = "N", help_heading = "Run")]
    evaluate_every: Option<u64>,
    /// In evaluations see each image mirrored, too, and average the logits
    #[arg(long, help_heading = "Run")]
    test_time_flip: bool,
    /// What is done where the loss is not a number: stop, or rollback to the last checkpoint with half the learning rate
    /// [default: stop]
    #[arg(long, value_name = "WHAT", value_parser = ["stop", "rollback"], help_heading = "Run")]
    on_nan: Option<String>,
    /// Keep so many of the best checkpoints, beside the best and the last one
    #[arg(long, value_name = "N", help_heading = "Run")]
    keep: Option<usize>,
    /// f32, tf32 (on CUDA) or bf16 [default: f32]
    #[arg(long, value_name = "NAME", value_parser = ["f32", "tf32", "bf16"], help_heading = "Run")]
    precision: Option<String>,

    /// Random operations on training images: none, trivialaugment, or randaugment:N:M for N operations of magnitude M, 0
    /// to 30 [default: none]
    #[arg(long, value_name = "POLICY", help_heading = "Augmentation")]
    augment: Option<Policy>,
    /// Random brightness, contrast and saturation: how far each factor may be from 1 [default: 0,0,0]
    #[arg(long, value_name = "B,C,S", value_parser = parse_jitter, help_heading = "Augmentation")]
    colour_jitter: Option<[f64; 3]>,
    /// Probability that a random rectangle of an image is erased [default: 0]
    #[arg(long, value_name = "P", help_heading = "Augmentation")]
    random_erasing: Option<f64>,
    /// Mix images with each other, by shares from Beta(A, A) [default: 0, for none]
    #[arg(long, value_name = "A", help_heading = "Augmentation")]
    mixup: Option<f64>,
    /// Put a rectangle of one image into another, by shares from Beta(A, A); with --mixup, each batch has one of them
    /// [default: 0, for none]
    #[arg(long, value_name = "A", help_heading = "Augmentation")]
    cutmix: Option<f64>,

    /// Go on with an earlier run: `auto` for the newest unfinished one of these settings, or its folder
    #[arg(long, value_name = "auto|PATH", help_heading = "Run")]
    resume: Option<String>,
    /// The folder that runs and tables are written to
    #[arg(long, value_name = "DIR", default_value = "results", help_heading = "Run")]
    results: PathBuf,
    /// A checkpoint every so many steps, beside those of each epoch
    #[arg(long, value_name = "STEPS", help_heading = "Run")]
    checkpoint_every: Option<u64>,
    /// Threads of libtorch [default: one for every processor]
    #[arg(long, value_name = "N", help_heading = "Run")]
    threads: Option<i32>,
    /// Threads that prepare batches; no result depends on it [default: 1]
    #[arg(long, value_name = "N", help_heading = "Run")]
    workers: Option<usize>,
    /// cpu, cuda, cuda:N or mps [default: cpu]
    #[arg(long, value_name = "NAME", help_heading = "Run")]
    device: Option<String>,
    /// Time so many steps by operation and by stage, print that, and train nothing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), help_heading = "Run")]
    profile_steps: Option<u64>,
    /// Print errors only
    #[arg(long, help_heading = "Run")]
    quiet: bool,
}

pub fn run(registry: &Registry, args: &Args) -> Result<Outcome, Error> {
    if let Some(steps) = args.profile_steps {
        let (request, dataset) = request(registry, args, 0)?;
        print!("{}", profile(&request, dataset, steps)?);
        return Ok(Outcome::Done);
    }
    let stop = stop_on_ctrl_c()?;
    let mut scores = Vec::new();
    for repeat in 0..u64::from(args.repeat) {
        let (request, dataset) = request(registry, args, repeat)?;
        match train(&request, dataset, &stop)? {
            Ending::Done(found) => scores.push(found),
            Ending::Interrupted => return Ok(Outcome::Interrupted),
        }
    }
    if args.repeat > 1 && !args.quiet {
        eprintln!("{}", say_scores(&scores));
    }
    Ok(Outcome::Done)
}

/// What is asked for, with `repeat` more on the seed, and its data.
fn request(registry: &Registry, args: &Args, repeat: u64) -> Result<(Request, Dataset), Error> {
    let resume = match args.resume.as_deref() {
        None => Resume::No,
        Some("auto") => Resume::Auto,
        Some(path) => Resume::From(path.into()),
    };
    let (mut settings, weights) = match &resume {
        Resume::From(path) => (settings_of_run(path, args)?, None),
        _ => {
            let (mut settings, given) = settings(args)?;
            let weights = starting_point::settle(registry, &mut settings, &given)?;
            (settings, weights)
        }
    };
    if settings.model.is_empty() {
        bail!("no model is named; give --model NAME, such as --model efficientnet-b2 (`list` shows all)");
    }
    settings.seed = settings.seed.wrapping_add(repeat);
    let entry = registry.find(&settings.model)?;
    if repeat == 0 {
        // libtorch takes its threads once, before any work.
        set_threads(settings.threads);
    }
    set_cuda_modes(settings.precision == Precision::Tf32, true)?;
    // Sums differ in their last bits by the number of threads: a repeat needs to know it.
    settings.threads.get_or_insert_with(tch::get_num_threads);
    let device = device(&settings.device)?;
    let dataset = load_dataset(&settings, args.data_dir.as_deref())?;
    let request = Request {
        entry,
        budget: args.budget.map(|total| Budget { total }),
        weights,
        resume,
        results: args.results.clone(),
        device,
        verbosity: if args.quiet { Verbosity::Quiet } else { Verbosity::Normal },
        settings,
    };
    Ok((request, dataset))
}

/// Mean and deviation over seeds.
fn say_scores(scores: &[Scores]) -> String {
    let say = |numbers: &[f64]| {
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let squares = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>();
        format!("{mean:.2} ± {:.2} %", (squares / (count - 1.0)).sqrt())
    };
    let weights: Vec<f64> = scores.iter().map(|score| score.top1).collect();
    let averages: Vec<f64> = scores.iter().filter_map(|score| score.top1_ema).collect();
    let averaged =
        if averages.len() == scores.len() { format!(", {} averaged", say(&averages)) } else { String::new() };
    format!("{} seeds: {} top-1{averaged} (mean and standard deviation)", scores.len(), say(&weights))
}

fn settings(args: &Args) -> Result<(Settings, Given), Error> {
    let text = match &args.config {
        Some(path) => Some(std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?),
        None => None,
    };
    let file = args.config.as_deref().zip(text.as_deref());
    Ok(Settings::layered(file, flags(args)?)?)
}

/// The settings of the run at `path`; flags may repeat them, and change only what no result depends on.
fn settings_of_run(path: &Path, args: &Args) -> Result<Settings, Error> {
    let file = checkpoint_at(path);
    let mut settings = Checkpoint::read(&file)?.state.settings;
    if args.config.is_some() {
        bail!("a run that is resumed has its own settings: leave --config out, or --resume");
    }
    for (key, value) in flags(args)? {
        let mut table = Table::try_from(&settings)?;
        let earlier = table.insert(key.clone(), value.clone());
        let changed = Settings::deserialize(table)?;
        if FREE.contains(&key.as_str()) {
            settings = changed;
        } else if changed != settings {
            let earlier = earlier.map_or("nothing".to_string(), |earlier| earlier.to_string());
            let flag = key.replace('_', "-");
            bail!("{} has {key} = {earlier}, not {value}: leave --{flag} out, or --resume", file.display());
        }
    }
    Ok(settings)
}

/// The flags that were given, as the TOML they stand for.
fn flags(args: &Args) -> Result<Table, Error> {
    fn whole<N: TryInto<i64>>(name: &str, value: Option<N>) -> Result<Option<Value>, Error> {
        let convert = |n: N| n.try_into().map_err(|_| anyhow!("--{name} is too large"));
        Ok(value.map(convert).transpose()?.map(Value::Integer))
    }
    let text = |value: &Option<String>| value.clone().map(Value::String);
    let float = |value: Option<f64>| value.map(Value::Float);
    let yes = |flag: bool| flag.then_some(Value::Boolean(true));
    let given = [
        ("model", text(&args.model)),
        ("width", float(args.width)),
        ("depth", float(args.depth)),
        ("input_size", whole("input-size", args.input_size)?),
        ("profile", text(&args.profile)),
        ("dropout", float(args.dropout)),
        ("drop_path", float(args.drop_path)),
        ("dataset", text(&args.dataset)),
        ("subset", text(&args.subset)),
        ("skip_bad", args.skip_bad.then_some(Value::Boolean(true))),
        ("limit_train", whole("limit-train", args.limit_train)?),
        ("limit_test", whole("limit-test", args.limit_test)?),
        ("weights", text(&args.weights)),
        ("pretrained", text(&args.pretrained)),
        ("allow_partial", yes(args.allow_partial)),
        ("freeze", text(&args.freeze)),
        ("unfreeze_every", float(args.unfreeze_every)),
        ("backbone_lr_scale", float(args.backbone_lr_scale)),
        ("freeze_statistics", yes(args.freeze_statistics)),
        ("cache_features", yes(args.cache_features)),
        ("padding", text(&args.padding)),
        ("bn_eps", float(args.bn_eps)),
        ("epochs", float(args.epochs)),
        ("steps", whole("steps", args.steps)?),
        ("batch_size", whole("batch-size", args.batch_size)?),
        ("learning_rate", float(args.learning_rate)),
        ("schedule", text(&args.schedule)),
        ("micro_batch", whole("micro-batch", args.micro_batch)?),
        ("optimizer", text(&args.optimizer)),
        ("decay_rate", float(args.decay_rate)),
        ("decay_epochs", float(args.decay_epochs)),
        ("clip_norm", float(args.clip_norm)),
        ("clip_value", float(args.clip_value)),
        ("ema_decay", float(args.ema_decay)),
        ("input_size_from", whole("input-size-from", args.input_size_from)?),
        ("patience", whole("patience", args.patience)?),
        ("evaluate_every", whole("evaluate-every", args.evaluate_every)?),
        ("test_time_flip", yes(args.test_time_flip)),
        ("on_nan", text(&args.on_nan)),
        ("keep", whole("keep", args.keep)?),
        ("precision", text(&args.precision)),
        ("warmup_steps", whole("warmup-steps", args.warmup_steps)?),
        ("weight_decay", float(args.weight_decay)),
        ("label_smoothing", float(args.label_smoothing)),
        ("seed", whole("seed", args.seed)?),
        ("augment", args.augment.map(|policy| Value::String(policy.to_string()))),
        ("colour_jitter", args.colour_jitter.map(|strengths| strengths.to_vec().into())),
        ("random_erasing", float(args.random_erasing)),
        ("mixup", float(args.mixup)),
        ("cutmix", float(args.cutmix)),
        ("checkpoint_every", whole("checkpoint-every", args.checkpoint_every)?),
        ("threads", args.threads.map(|n| Value::Integer(n.into()))),
        ("workers", whole("workers", args.workers)?),
        ("device", text(&args.device)),
    ];
    Ok(given.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?))).collect())
}

/// The data set that the settings name.
pub fn load_dataset(settings: &Settings, data_dir: Option<&Path>) -> Result<Dataset, Error> {
    let data_dir = || data_dir.map_or_else(default_data_dir, Path::to_path_buf);
    let (name, path) = settings.dataset.split_once(':').unwrap_or((&settings.dataset, ""));
    let subset = settings.subset.as_deref().map(|file| subset::read(Path::new(file))).transpose()?;
    if subset.is_some() && !["folder", "imagenet"].contains(&name) {
        bail!("--subset goes with --dataset folder:PATH or imagenet:PATH: leave it out, or name one of those");
    }
    match (name, path) {
        ("folder" | "imagenet", "") => bail!("--dataset {name} needs a folder: give --dataset {name}:PATH"),
        ("folder", path) => Ok(folder::load(Path::new(path), subset, settings.skip_bad)?),
        ("imagenet", path) => Ok(imagenet::load(Path::new(path), subset, settings.skip_bad)?),
        ("imagenette", "") => Ok(imagenette::load(&imagenette::OFFICIAL, &data_dir(), settings.skip_bad)?),
        ("cifar10", "") => Ok(cifar10::load(&data_dir())?),
        ("synthetic", "") => {
            let train = settings.limit_train.unwrap_or(SYNTHETIC.0);
            let test = settings.limit_test.unwrap_or(SYNTHETIC.1);
            let side = settings.input_size as usize;
            for (flag, images) in [("--limit-train", train), ("--limit-test", test)] {
                if images.saturating_mul(3 * side * side) > SYNTHETIC_BYTES {
                    bail!(
                        "{flag} {images} asks for more than 16 GiB of synthetic images: choose fewer or smaller ones"
                    );
                }
            }
            Ok(synthetic::generate(settings.seed, train, test, side, SYNTHETIC_CLASSES))
        }
        _ => bail!(
            "unknown data set `{}`: give --dataset cifar10, imagenette, imagenet:PATH, folder:PATH or synthetic",
            settings.dataset
        ),
    }
}

/// The device by name.
pub fn device(name: &str) -> Result<Device, Error> {
    let cuda = |index: usize| match usize::try_from(tch::Cuda::device_count()).unwrap_or(0) {
        0 => Err(anyhow!("--device {name}: libtorch sees no CUDA device; `doctor` says what there is")),
        count if index >= count => Err(anyhow!("--device {name}: there are {count} CUDA devices, counted from 0")),
        _ => Ok(Device::Cuda(index)),
    };
    match name.split_once(':') {
        None if name == "cpu" => Ok(Device::Cpu),
        None if name == "cuda" => cuda(0),
        None if name == "mps" && tch::utils::has_mps() => Ok(Device::Mps),
        None if name == "mps" => Err(anyhow!("--device mps: this libtorch has no MPS; use --device cpu")),
        Some(("cuda", index)) if index.parse::<usize>().is_ok() => cuda(index.parse().unwrap_or_default()),
        _ => Err(anyhow!("unknown device `{name}`: give cpu, cuda, cuda:N or mps")),
    }
}

/// Sets libtorch's threads, once and before any work, as it wants it.
pub fn set_threads(threads: Option<i32>) {
    // Trained networks hold denormals, which slow the CPU down by a factor of several. Where it cannot flush them, it
    // is slower and no less right.
    let _ = zoo_native::cpu::set_flush_denormal(true);
    if let Some(threads) = threads.filter(|threads| (1..=1024).contains(threads)) {
        tch::set_num_threads(threads);
    }
    tch::set_num_interop_threads(1);
}

/// A flag that the first Ctrl-C (or a polite kill) sets; the second one ends the process at once.
fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(super::INTERRUPTED));
        }
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(stop)
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time: give seconds, minutes or hours, such as 90s, 20m or 2h");
    let unit = text.chars().last().filter(char::is_ascii_alphabetic);
    let factor = match unit {
        None | Some('s') => 1.0,
        Some('m') => 60.0,
        Some('h') => 3600.0,
        Some(_) => return Err(wrong()),
    };
    let number = &text[..text.len() - unit.map_or(0, char::len_utf8)];
    let seconds = number.parse::<f64>().map_err(|_| wrong())? * factor;
    if !(1.0..=1e8).contains(&seconds) {
        return Err(format!("`{text}` is out of range: give at least one second and at most three years"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn parse_jitter(text: &str) -> Result<[f64; 3], String> {
    let numbers = text.split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<f64>>>();
    let three = numbers.and_then(|numbers| numbers.try_into().ok());
    three.ok_or_else(|| format!("`{text}` is not three numbers with commas between them, such as 0.4,0.4,0.4"))
}

#[cfg(test)]
mod tests {
    use super::parse_time;

    #[test]
    fn times() {
        assert_eq!(parse_time("90s").map(|time| time.as_secs()), Ok(90));
        assert_eq!(parse_time("1.5m").map(|time| time.as_secs()), Ok(90));
        assert_eq!(parse_time("2h").map(|time| time.as_secs()), Ok(7200));
        assert_eq!(parse_time("45").map(|time| time.as_secs()), Ok(45));
        for wrong in ["", "m", "5d", "-3s", "0", "nan", "1e300h", "5ä"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
