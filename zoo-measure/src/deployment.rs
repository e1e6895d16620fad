//! One thing to measure: a network with its options, a batch and a mode.

use std::path::PathBuf;

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Model, ModelOptions};
use zoo_core::{Entry, Options, Plan, Registry};

use super::LatencyError;
use super::network::{Mode, Network};
use zoo_weights::{Wanted, open};

/// A cell of a grid.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The variant.
    pub entry: Entry,
    /// The options that it is planned with, but for the profile.
    pub options: Options,
    /// Name of the profile; a cell whose model has none of that name fails when it is measured.
    pub profile: String,
    /// Images a run.
    pub batch: u32,
    /// How it is deployed.
    pub mode: Mode,
    /// Where it runs.
    pub device: Device,
    /// Weights in place of fresh ones; times do not depend on them, save where they hold denormals.
    pub weights: Option<PathBuf>,
}

impl Deployment {
    /// The network's plan.
    ///
    /// # Errors
    /// Where the options give no network, or the model lacks the profile.
    pub fn plan(&self) -> Result<Plan, LatencyError> {
        let profile = self.entry.profile(&self.profile).map_err(|error| LatencyError::Setting(error.to_string()))?;
        Ok(Plan::new(self.entry.architecture, &Options { profile, ..self.options })?)
    }

    /// The network, deployed, with random images.
    ///
    /// # Errors
    /// Where the options give no network, the weights are not its own, or memory is short.
    pub fn deploy(&self, registry: &Registry) -> Result<Network, LatencyError> {
        let model = self.model(registry)?;
        let input = model.plan().input;
        let shape = [self.batch, input.c, input.h, input.w].map(i64::from);
        let images = Tensor::f_randn(shape, (Kind::Float, self.device))?;
        Network::deploy(model, self.mode, &images)
    }

    fn model(&self, registry: &Registry) -> Result<Model, LatencyError> {
        let Some(path) = &self.weights else {
            return Ok(Model::new(self.plan()?, &ModelOptions { device: self.device, ..ModelOptions::default() })?);
        };
        let wanted = Wanted { model: Some(self.entry.variant.name), ..Wanted::default() };
        Ok(open(registry, path, wanted, self.device)?.model)
    }
}
