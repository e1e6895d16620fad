//! The flags that choose a network: those of `show` and `list`, which apply no profile unless asked, and those of what
//! takes weights.

use anyhow::Error;
use zoo_core::{Entry, InputSize, Options, Overrides, Plan, Registry};

use super::usage::Usage;
use zoo_weights::Scale;

/// Width, depth and strides in place of the variant's.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ScaleArgs {
    /// Width multiplier in place of the variant's
    #[arg(long, value_name = "A")]
    pub width: Option<f64>,
    /// Depth multiplier in place of the variant's
    #[arg(long, value_name = "D")]
    pub depth: Option<f64>,
    /// Strides for small images: native, stem1 or cifar
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Input channels in place of the table's; with 1 the network sees the luminance of RGB images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub in_channels: Option<u32>,
}

impl ScaleArgs {
    /// What was given, for weights.
    pub fn scale(&self) -> Scale<'_> {
        Scale { width: self.width, depth: self.depth, profile: self.profile.as_deref(), in_channels: self.in_channels }
    }
}

/// Options on top of a variant.
#[derive(Clone, Debug, clap::Args)]
pub struct NetworkArgs {
    #[command(flatten)]
    pub scale: ScaleArgs,
    /// Input size in pixels in place of the variant's: a side, or HEIGHTxWIDTH
    #[arg(long, value_name = "R|HxW")]
    pub input_size: Option<InputSize>,
    /// Number of classes
    #[arg(long, value_name = "C")]
    pub classes: Option<u32>,
}

/// `size` with the channels of the other flag.
///
/// # Errors
/// Where both say channels, and not the same.
pub fn with_channels(size: InputSize, in_channels: Option<u32>) -> Result<InputSize, Usage> {
    match (size.in_channels, in_channels) {
        (Some(own), Some(channels)) if own != channels => {
            Err(Usage(format!("--input-size {size} and --in-channels {channels} differ: leave one out")))
        }
        (own, channels) => Ok(InputSize { in_channels: own.or(channels), ..size }),
    }
}

impl NetworkArgs {
    /// The options that the flags give on top of `entry`.
    pub fn options(&self, entry: &Entry) -> Result<Options, Error> {
        let own = entry.variant.options.input();
        let given = Overrides {
            width: self.scale.width,
            depth: self.scale.depth,
            profile: self.scale.profile.as_deref(),
            input: Some(with_channels(self.input_size.unwrap_or(own), self.scale.in_channels)?),
            classes: self.classes,
            ..Overrides::default()
        };
        Ok(given.over(entry)?)
    }

    /// The same without a profile, which is then told apart from the options.
    pub fn without_profile(&self) -> NetworkArgs {
        NetworkArgs { scale: ScaleArgs { profile: None, ..self.scale.clone() }, ..self.clone() }
    }

    /// The network named `model`, planned with the flags.
    pub fn plan(&self, registry: &Registry, model: &str) -> Result<(Entry, Plan), Error> {
        let entry = registry.find(model)?;
        let plan = Plan::new(entry.architecture, &self.options(&entry)?)?;
        Ok((entry, plan))
    }
}
