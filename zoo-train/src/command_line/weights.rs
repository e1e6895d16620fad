//! The flags that choose weights and say how they are to be run: those of `eval`, `predict` and `export`.

use crate::command_line::path;
use std::path::{Path, PathBuf};

use anyhow::{Error, bail};
use tch::Device;
use zoo_core::plan::Padding;
use zoo_core::weights::{
    Interpolation, LEAST_DEVIATION, MOST_OF_PIXELS, TrainedWith, channels, deviations, epsilon, interpolation, padding,
    resize,
};
use zoo_core::{ImageSize, Registry};

use super::network::ScaleArgs;
use super::usage::misused;
use zoo_host::console::say;
use zoo_settings::Precision;
use zoo_weights::{Opened, Wanted, open, pretrained};

/// What becomes of logits that are no numbers.
pub const NO_NUMBERS: &str =
    "the weights are damaged, or belong to another network; --bn-eps, --mean or --std may also be wrong";

/// Which weights, and how they are run.
#[derive(Debug, clap::Args)]
pub struct WeightsArgs {
    /// The model, if the weights do not name it
    #[arg(value_name = "MODEL", conflicts_with = "model")]
    named: Option<String>,
    /// The model, if the weights do not name it
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// A file of weights: safetensors, .pth, a checkpoint such as results/RUN/best.safetensors, or (for eval and predict) a network in ONNX
    #[arg(long, value_name = "FILE", required_unless_present = "pretrained", value_parser = path::argument())]
    weights: Option<PathBuf>,
    /// ImageNet weights from the Hugging Face hub, by timm's tag; without a tag, the default ones
    #[arg(long, value_name = "TAG", num_args = 0..=1, default_missing_value = "", conflicts_with = "weights")]
    pub pretrained: Option<String>,
    /// Whether to take the averaged (EMA) weights from a checkpoint that has both: true or false [default: the better
    /// ones if the file says which, otherwise the weights without averaging]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub ema: Option<bool>,
    /// cpu, cuda, cuda:N or mps
    #[arg(long, default_value = "cpu", value_name = "NAME")]
    pub device: String,
    /// Threads of libtorch
    #[arg(long, value_name = "N")]
    pub threads: Option<i32>,
    #[command(flatten, next_help_heading = "Network")]
    scale: ScaleArgs,
    #[command(flatten)]
    preparation: PreparationArgs,
}

/// How images are prepared, in place of what the weights say.
#[derive(Debug, clap::Args)]
struct PreparationArgs {
    /// Padding of strided convolutions: same (TensorFlow's) or symmetric
    #[arg(long, value_name = "NAME", value_parser = parse_padding, help_heading = "Preparation")]
    padding: Option<Padding>,
    /// Epsilon of batch norm
    #[arg(long, value_name = "E", value_parser = parse_eps, help_heading = "Preparation")]
    bn_eps: Option<f64>,
    /// Mean of each channel, for pixels from 0 to 1
    #[arg(long, value_name = "R,G,B", value_parser = parse_channels, help_heading = "Preparation")]
    mean: Option<Channels>,
    /// Standard deviation of each channel, for pixels from 0 to 1
    #[arg(long, value_name = "R,G,B", value_parser = parse_deviations, help_heading = "Preparation")]
    std: Option<Channels>,
    /// Shorter side in pixels that images are resized to before the crop, or none
    #[arg(long, value_name = "N|none", value_parser = parse_resize, help_heading = "Preparation")]
    resize: Option<Resize>,
    /// Size of the central crop in pixels, the network's input: a side, or HEIGHTxWIDTH
    #[arg(long, value_name = "N|HxW", help_heading = "Preparation")]
    crop: Option<ImageSize>,
    /// Interpolation for resizing: bilinear or bicubic
    #[arg(long, value_name = "NAME", value_parser = parse_interpolation, help_heading = "Preparation")]
    interpolation: Option<Interpolation>,
}

#[derive(Clone, Copy, Debug)]
struct Channels([f32; 3]);

#[derive(Clone, Copy, Debug)]
struct Resize(Option<u32>);

impl WeightsArgs {
    /// Reads the weights into their network, for images of `size` where that is known.
    pub fn open(&self, registry: &Registry, size: Option<ImageSize>) -> Result<Opened, Error> {
        let flags = TrainedWith { crop: size.or(self.preparation.crop), ..self.flags() };
        super::machine::set_threads(self.threads);
        let device: Device = super::machine::device(&self.device, Precision::F32, true)?;
        let model = self.named.as_deref().or(self.model.as_deref());
        let (path, known) = match (&self.weights, &self.pretrained) {
            (Some(path), _) => (path.clone(), None),
            (None, Some(tag)) => pretrained::fetch(registry, model, tag).map(|(path, known)| (path, Some(known)))?,
            (None, None) => bail!("give --weights FILE or --pretrained"),
        };
        let wanted = Wanted { model, scale: self.scale.scale(), flags, known: known.as_ref(), averages: self.ema };
        let opened = open(registry, &path, wanted, device)?;
        if let Some(account) = &opened.account {
            say!("{}: {account}", path.display());
        }
        Ok(opened)
    }

    /// The file of weights, where one is named.
    pub fn file(&self) -> Option<&Path> {
        self.weights.as_deref()
    }

    /// Threads, where a number of them is asked for.
    pub fn threads(&self) -> Option<i32> {
        self.threads
    }

    /// How images are prepared and the network is run, as far as flags say it.
    pub fn flags(&self) -> TrainedWith {
        self.preparation.flags()
    }

    /// Refuses the flags that say what network the weights are for: a file of ONNX is the network itself.
    pub fn refuse_for_onnx(&self) -> Result<(), Error> {
        let scale = self.scale.scale();
        let given = [
            ("--model", self.named.is_some() || self.model.is_some()),
            ("--ema", self.ema.is_some()),
            ("--width", scale.width.is_some()),
            ("--depth", scale.depth.is_some()),
            ("--profile", scale.profile.is_some()),
            ("--in-channels", scale.in_channels.is_some()),
            ("--padding", self.preparation.padding.is_some()),
            ("--bn-eps", self.preparation.bn_eps.is_some()),
            ("--device", self.device != "cpu"),
        ];
        if let Some((flag, _)) = given.into_iter().find(|(_, given)| *given) {
            misused!("{flag} does not apply to an ONNX file, which holds the network itself: leave it out");
        }
        Ok(())
    }
}

impl PreparationArgs {
    /// What the flags say.
    fn flags(&self) -> TrainedWith {
        TrainedWith {
            padding: self.padding,
            bn_eps: self.bn_eps,
            mean: self.mean.map(|mean| mean.0),
            std: self.std.map(|std| std.0),
            resize: self.resize.map(|resize| resize.0),
            crop: self.crop,
            interpolation: self.interpolation,
        }
    }
}

fn parse_padding(text: &str) -> Result<Padding, String> {
    padding(text).ok_or_else(|| format!("unknown padding `{text}`; expected same or symmetric"))
}

fn parse_interpolation(text: &str) -> Result<Interpolation, String> {
    interpolation(text).ok_or_else(|| format!("unknown interpolation `{text}`; expected bilinear or bicubic"))
}

fn parse_eps(text: &str) -> Result<f64, String> {
    epsilon(text).ok_or_else(|| format!("invalid epsilon `{text}`; expected a number over 0 and under 1, such as 1e-5"))
}

fn parse_channels(text: &str) -> Result<Channels, String> {
    let problem = || {
        format!(
            "`{text}` is not three numbers, such as 0.485,0.456,0.406 for pixels from 0 to 1 (divide those of 0 to \
             255 by 255)"
        )
    };
    channels(text).map(Channels).ok_or_else(problem)
}

fn parse_deviations(text: &str) -> Result<Channels, String> {
    let problem = || {
        format!("`{text}` is not three numbers from {LEAST_DEVIATION} to {MOST_OF_PIXELS}, such as 0.229,0.224,0.225")
    };
    deviations(text).map(Channels).ok_or_else(problem)
}

fn parse_resize(text: &str) -> Result<Resize, String> {
    let problem = || format!("invalid size `{text}`; expected pixels, 1 to 65535, or none");
    resize(text).map(Resize).ok_or_else(problem)
}
