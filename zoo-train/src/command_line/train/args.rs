//! The flags of `train`, and the settings that they stand for.

use crate::command_line::path;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Error, anyhow};
use toml::{Table, Value};
use zoo_core::InputSize;

use crate::command_line::network::with_channels;
use zoo_host::duration::parse_time;
use zoo_settings::policy::Policy;
use zoo_settings::size_value;

const SCHEDULES: [&str; 6] = ["cosine", "linear", "one_cycle", "exponential", "step", "constant"];

/// The flags of `train`, which takes the model without a flag, too.
#[derive(Debug, clap::Args)]
pub struct Named {
    /// The model, as `list` names it
    #[arg(value_name = "MODEL", conflicts_with = "model")]
    name: Option<String>,
    #[command(flatten)]
    args: Args,
}

impl Named {
    /// All of them.
    pub fn flags(self) -> Args {
        let model = self.name.or(self.args.model);
        Args { model, ..self.args }
    }
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model, as `list` names it
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// A TOML file of settings, over the defaults of configs/cifar10.toml and under the flags
    #[arg(long, value_name = "FILE", value_parser = path::argument())]
    pub config: Option<PathBuf>,

    /// Width multiplier in place of the variant's
    #[arg(long, value_name = "A", help_heading = "Network")]
    pub width: Option<f64>,
    /// Depth multiplier in place of the variant's
    #[arg(long, value_name = "D", help_heading = "Network")]
    pub depth: Option<f64>,
    /// Size in pixels that images are resized to: a side, or HEIGHTxWIDTH [default: 32]
    #[arg(long, value_name = "R|HxW", help_heading = "Network")]
    pub input_size: Option<InputSize>,
    /// Channels of the input in place of the table's; 1 shows the network the luminance of pictures
    #[arg(long, value_name = "N", help_heading = "Network")]
    pub in_channels: Option<u32>,
    /// Strides for small images: native, stem1 or cifar [default: stem1]
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    pub profile: Option<String>,
    /// Dropout in place of the variant's
    #[arg(long, value_name = "P", help_heading = "Network")]
    pub dropout: Option<f64>,
    /// Drop-path in place of the variant's
    #[arg(long, value_name = "P", help_heading = "Network")]
    pub drop_path: Option<f64>,

    /// cifar10, imagenette, imagenet:PATH, folder:PATH (with train and val, a folder for each class) or synthetic
    /// [default: cifar10]
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    pub dataset: Option<String>,
    /// Only the classes that this file lists, such as configs/subsets/imagenette.txt
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub subset: Option<String>,
    /// Do without image files that cannot be decoded; they are listed at the end
    #[arg(long, help_heading = "Data")]
    pub skip_bad: bool,
    /// The folder of the data sets [default: ~/.cache/zoo/data]
    #[arg(long, value_name = "DIR", value_parser = path::argument(), help_heading = "Data")]
    pub data_dir: Option<PathBuf>,
    /// Only so many training images
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub limit_train: Option<usize>,
    /// Only so many test images
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub limit_test: Option<usize>,

    /// Passes over the training set [default: 30]
    #[arg(long, value_name = "N", help_heading = "Length", conflicts_with_all = ["steps", "budget"])]
    pub epochs: Option<f64>,
    /// Optimizer steps
    #[arg(long, value_name = "N", help_heading = "Length", conflicts_with = "budget")]
    pub steps: Option<u64>,
    /// Wall time with evaluation, such as 90s, 20m or 2h; turned into steps when the speed is known
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Length")]
    pub budget: Option<Duration>,

    /// Start from a file of weights: safetensors, .pth, or a checkpoint
    #[arg(long, value_name = "FILE", help_heading = "Fine-tuning", conflicts_with = "pretrained")]
    pub weights: Option<String>,
    /// Start from ImageNet weights of the Hugging Face hub, by timm's tag or its usual ones
    #[arg(long, value_name = "TAG", num_args = 0..=1, default_missing_value = "", help_heading = "Fine-tuning")]
    pub pretrained: Option<String>,
    /// Take the tensors that fit, where not all do
    #[arg(long, help_heading = "Fine-tuning")]
    pub allow_partial: bool,
    /// What stays as it is: none, backbone or stages:N (the stem and N stages) [default: none]
    #[arg(long, value_name = "PART", help_heading = "Fine-tuning")]
    pub freeze: Option<String>,
    /// Free another stage every so many epochs, from the last one on
    #[arg(long, value_name = "EPOCHS", help_heading = "Fine-tuning")]
    pub unfreeze_every: Option<f64>,
    /// Learning rate of the backbone as a share of the classifier's, 0 to 1 [default: 1]
    #[arg(long, value_name = "S", help_heading = "Fine-tuning")]
    pub backbone_lr_scale: Option<f64>,
    /// Let norms use and keep the statistics they came with
    #[arg(long, help_heading = "Fine-tuning")]
    pub freeze_statistics: bool,
    /// Compute the features of a frozen backbone once; augmentation must be off
    #[arg(long, help_heading = "Fine-tuning")]
    pub cache_features: bool,
    /// Padding of strided convolutions, in place of the weights': same or symmetric
    #[arg(long, value_name = "NAME", help_heading = "Fine-tuning")]
    pub padding: Option<String>,
    /// Epsilon of the norms, in place of the weights'
    #[arg(long, value_name = "E", help_heading = "Fine-tuning")]
    pub bn_eps: Option<f64>,

    /// Images a step [default: 128]
    #[arg(long, visible_alias = "batch", value_name = "N", help_heading = "Recipe")]
    pub batch_size: Option<usize>,
    /// Images computed at once, a part of the batch; their gradients are summed [default: the batch]
    #[arg(long, value_name = "N", help_heading = "Recipe")]
    pub micro_batch: Option<usize>,
    /// sgd (with Nesterov momentum), rmsprop (as TensorFlow has it), adamw or lamb [default: sgd]
    #[arg(long, value_name = "NAME", value_parser = ["sgd", "rmsprop", "adamw", "lamb"], help_heading = "Recipe")]
    pub optimizer: Option<String>,
    /// Learning rate after the warm-up [default: 0.05]
    #[arg(long, visible_alias = "lr", value_name = "R", help_heading = "Recipe")]
    pub learning_rate: Option<f64>,
    /// How the learning rate goes on after the warm-up: cosine, linear, one_cycle, exponential, step or constant
    /// [default: cosine]
    #[arg(long, value_name = "NAME", value_parser = SCHEDULES, help_heading = "Recipe")]
    pub schedule: Option<String>,
    /// Factor of the exponential and step schedules
    #[arg(long, value_name = "F", help_heading = "Recipe")]
    pub decay_rate: Option<f64>,
    /// Epochs after which that factor is reached
    #[arg(long, value_name = "EPOCHS", help_heading = "Recipe")]
    pub decay_epochs: Option<f64>,
    /// Steps of warm-up [default: about a twelfth of the steps]
    #[arg(long, value_name = "N", help_heading = "Recipe")]
    pub warmup_steps: Option<u64>,
    /// Weight decay, not on norms and biases [default: 5e-4]
    #[arg(long, value_name = "W", help_heading = "Recipe")]
    pub weight_decay: Option<f64>,
    /// Largest norm of all gradients together
    #[arg(long, value_name = "G", help_heading = "Recipe")]
    pub clip_norm: Option<f64>,
    /// Largest size of an element of a gradient
    #[arg(long, value_name = "G", help_heading = "Recipe")]
    pub clip_value: Option<f64>,
    /// Keep an exponential moving average of the weights, so much of it at each step, such as 0.999
    #[arg(long, value_name = "D", help_heading = "Recipe")]
    pub ema_decay: Option<f64>,
    /// Train on smaller images at first, from this side on
    #[arg(long, value_name = "R", help_heading = "Recipe")]
    pub input_size_from: Option<u32>,
    /// Label smoothing [default: 0.1]
    #[arg(long, value_name = "E", help_heading = "Recipe")]
    pub label_smoothing: Option<f64>,
    /// Seed of weights, order and augmentation [default: 0]
    #[arg(long, value_name = "N", help_heading = "Recipe")]
    pub seed: Option<u64>,
    /// Train with so many seeds, one after the other, and say mean and deviation; with --resume auto, those that are missing
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Length")]
    pub repeat: u16,
    /// End after so many evaluations without a better one
    #[arg(long, value_name = "N", help_heading = "Length")]
    pub patience: Option<u64>,
    /// Evaluate after so many epochs [default: 1]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub evaluate_every: Option<u64>,
    /// In evaluations see each image mirrored, too, and average the logits
    #[arg(long, help_heading = "Run")]
    pub test_time_flip: bool,
    /// What is done where the loss is not a number: stop, or rollback to the last checkpoint with half the learning rate
    /// [default: stop]
    #[arg(long, value_name = "WHAT", value_parser = ["stop", "rollback"], help_heading = "Run")]
    pub on_nan: Option<String>,
    /// Keep so many of the best checkpoints, beside the best and the last one
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub keep: Option<usize>,
    /// f32, tf32 (on CUDA) or bf16 [default: f32]
    #[arg(long, value_name = "NAME", value_parser = ["f32", "tf32", "bf16"], help_heading = "Run")]
    pub precision: Option<String>,

    /// Random operations on training images: none, trivialaugment, or randaugment:N:M for N operations of magnitude M, 0
    /// to 30 [default: none]
    #[arg(long, value_name = "POLICY", help_heading = "Augmentation")]
    pub augment: Option<Policy>,
    /// Random brightness, contrast and saturation: how far each factor may be from 1 [default: 0,0,0]
    #[arg(long, value_name = "B,C,S", value_parser = parse_jitter, help_heading = "Augmentation")]
    pub colour_jitter: Option<[f64; 3]>,
    /// Probability that a random rectangle of an image is erased [default: 0]
    #[arg(long, value_name = "P", help_heading = "Augmentation")]
    pub random_erasing: Option<f64>,
    /// Mix images with each other, by shares from Beta(A, A) [default: 0, for none]
    #[arg(long, value_name = "A", help_heading = "Augmentation")]
    pub mixup: Option<f64>,
    /// Put a rectangle of one image into another, by shares from Beta(A, A); with --mixup, each batch has one of them
    /// [default: 0, for none]
    #[arg(long, value_name = "A", help_heading = "Augmentation")]
    pub cutmix: Option<f64>,

    /// Go on with an earlier run: `auto` for the newest unfinished one of these settings, or its folder
    #[arg(long, value_name = "auto|PATH", help_heading = "Run")]
    pub resume: Option<String>,
    /// The folder that runs and tables are written to
    #[arg(long, value_name = "DIR", default_value = "results", value_parser = path::argument(), help_heading = "Run")]
    pub results: PathBuf,
    /// A checkpoint every so many steps, beside those of each epoch
    #[arg(long, value_name = "STEPS", help_heading = "Run")]
    pub checkpoint_every: Option<u64>,
    /// Threads of libtorch, by which sums are rounded otherwise in their last bits [default: one for every processor]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub threads: Option<i32>,
    /// Threads that prepare batches; no result depends on it [default: 1]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub workers: Option<usize>,
    /// cpu, cuda, cuda:N or mps [default: cpu]
    #[arg(long, value_name = "NAME", help_heading = "Run")]
    pub device: Option<String>,
    /// Whether the training images live on the device, and are cropped and mirrored there [default: true on CUDA, where
    /// no other changes are asked for]
    #[arg(long, value_name = "BOOL", help_heading = "Run")]
    pub data_on_device: Option<bool>,
    /// Whether cuDNN tries its algorithms and takes the fastest, which may round differently from run to run [default: true]
    #[arg(long, value_name = "BOOL", help_heading = "Run")]
    pub cudnn_autotune: Option<bool>,
    /// Time so many steps by operation and by stage, print that, and train nothing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), help_heading = "Run", conflicts_with_all = ["resume", "repeat"])]
    pub profile_steps: Option<u64>,
    /// Measure a few steps, print as JSON what they and an evaluation take, and train nothing
    #[arg(long, help_heading = "Run", conflicts_with_all = ["profile_steps", "resume", "repeat"])]
    pub estimate: bool,
    /// Print errors only
    #[arg(long, help_heading = "Run")]
    pub quiet: bool,
}

/// The flags that were given, as the TOML they stand for.
pub fn flags(args: &Args) -> Result<Table, Error> {
    fn whole<N: TryInto<i64>>(name: &str, value: Option<N>) -> Result<Option<Value>, Error> {
        let convert = |n: N| n.try_into().map_err(|_| anyhow!("--{name} is too large"));
        Ok(value.map(convert).transpose()?.map(Value::Integer))
    }
    let text = |value: &Option<String>| value.clone().map(Value::String);
    let float = |value: Option<f64>| value.map(Value::Float);
    let yes = |flag: bool| flag.then_some(Value::Boolean(true));
    let input = args.input_size.map(|size| with_channels(size, args.in_channels)).transpose()?;
    let given = [
        ("model", text(&args.model)),
        ("width", float(args.width)),
        ("depth", float(args.depth)),
        ("input_size", input.map(|input| size_value(input.image))),
        ("in_channels", whole("in-channels", args.in_channels.or(input.and_then(|input| input.in_channels)))?),
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
        ("data_on_device", args.data_on_device.map(Value::Boolean)),
        ("cudnn_autotune", args.cudnn_autotune.map(Value::Boolean)),
    ];
    Ok(given.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?))).collect())
}

fn parse_jitter(text: &str) -> Result<[f64; 3], String> {
    let numbers = text.split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<f64>>>();
    let three = numbers.and_then(|numbers| numbers.try_into().ok());
    three.ok_or_else(|| format!("`{text}` is not three numbers with commas between them, such as 0.4,0.4,0.4"))
}
