//! A network as an engine runs it, with images, ready to be timed.

use tch::{Device, Tensor};
use zoo_core::Plan;
use zoo_core::model::MemoryFormat;
use zoo_engines::{Engine, Prepared, Setting, Source, prepare};

use super::LatencyError;
use super::protocol::Subject;

/// A network with the images that it is timed on.
#[derive(Debug)]
pub struct Network {
    prepared: Box<dyn Prepared>,
    plan: Plan,
    images: Tensor,
}

impl Network {
    /// Prepares `source`, the network of `plan`, for `engine` and batches like `images`.
    ///
    /// # Errors
    /// Where the engine is not there, or refuses.
    pub fn new(
        plan: Plan,
        source: Source<'_>,
        engine: &dyn Engine,
        setting: Setting,
        images: &Tensor,
    ) -> Result<Network, LatencyError> {
        let prepared = prepare(engine, source, setting, images.device())?;
        let images = prepared.format().of(images)?;
        Ok(Network { prepared, plan, images })
    }

    /// The plan that it was made from.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The memory format of its maps.
    pub fn format(&self) -> MemoryFormat {
        self.prepared.format()
    }

    /// The logits of the images.
    ///
    /// # Errors
    /// Where the engine refuses.
    pub fn logits(&self) -> Result<Tensor, LatencyError> {
        Ok(self.prepared.logits(&self.images)?)
    }

    /// Runs once and tells `each` after every step which operation of the plan is done; false where the engine has no steps
    /// to tell of.
    ///
    /// # Errors
    /// Where the engine refuses.
    pub fn run_observed(&self, each: &mut dyn FnMut(usize)) -> Result<bool, LatencyError> {
        Ok(self.prepared.observed(&self.images, each)?)
    }
}

impl Subject for Network {
    fn run(&mut self) -> Result<(), LatencyError> {
        let _ = self.logits()?;
        if let Device::Cuda(index) = self.images.device() {
            tch::Cuda::synchronize(index as i64);
        }
        Ok(())
    }
}
