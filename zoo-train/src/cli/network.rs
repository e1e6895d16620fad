//! The flags that choose a network: those of `show` and `list`, which apply no profile unless asked, and those of what
//! takes weights.

use anyhow::Error;
use zoo_core::{Entry, Options, Plan, Registry};

use super::usage::Usage;
use crate::train::settings::profile_index;
use crate::weights::Scale;

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
}

impl ScaleArgs {
    /// What was given, for weights.
    pub fn scale(&self) -> Scale<'_> {
        Scale { width: self.width, depth: self.depth, profile: self.profile.as_deref() }
    }
}

/// Options on top of a variant.
#[derive(Clone, Debug, clap::Args)]
pub struct NetworkArgs {
    #[command(flatten)]
    pub scale: ScaleArgs,
    /// Side of the input in pixels in place of the variant's
    #[arg(long, value_name = "R")]
    pub input_size: Option<u32>,
    /// Outputs of the classifier
    #[arg(long, value_name = "C")]
    pub classes: Option<u32>,
}

impl NetworkArgs {
    /// The options that the flags give on top of `entry`.
    pub fn options(&self, entry: &Entry) -> Result<Options, Error> {
        let variant = entry.variant.options;
        let profile = match &self.scale.profile {
            Some(name) => profile_index(entry, name).map_err(Usage)?,
            None => variant.profile,
        };
        Ok(Options {
            width: self.scale.width.unwrap_or(variant.width),
            depth: self.scale.depth.unwrap_or(variant.depth),
            input_size: self.input_size.unwrap_or(variant.input_size),
            classes: self.classes.unwrap_or(variant.classes),
            profile,
            ..variant
        })
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
