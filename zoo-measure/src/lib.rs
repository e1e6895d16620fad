//! How long a network takes, measured so that the figure can be trusted.
//!
//! [`measure`] is the one way: cells in, measurements out, whether a command or a sweep asks. [`protocol`] says when there
//! are runs enough, [`times`] which of them count, [`statistics`] what the runs come to, [`network`] what an
//! engine runs, [`stages`] where its time goes, [`watch`] who hears of it meanwhile; [`throughput`] asks for images a second, in
//! training too. What is found becomes a row of `zoo_results`. Threads are the caller's to set, as libtorch takes them once a
//! process, and so are the [`processors`] that they run on.

mod deployment;
pub mod network;
pub mod processors;
pub mod protocol;
mod row;
pub mod stages;
pub mod statistics;
pub mod steps;
pub mod throughput;
pub mod times;
pub mod watch;

use tch::TchError;
use zoo_core::model::{MemoryFormat, ModelError};
use zoo_core::onnx::OnnxError;
use zoo_core::{Cost, Plan, PlanError, Registry};
use zoo_engines::EngineError;
use zoo_quantize::QuantizeError;

pub use deployment::Deployment;
pub use network::Network;
pub use protocol::{Protocol, Subject};
pub use stages::Stage;
pub use statistics::{Ratio, Statistics};
pub use times::{Counted, Times};
pub use watch::Watch;

use self::protocol::ROUNDS;
use self::watch::Places;
use zoo_results::environment::peak_memory_mb;
use zoo_weights::WeightsFault;

/// Why a cell has no times.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LatencyError {
    /// The options give no network.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The network could not be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The engine is not there, or refuses the network.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The weights are not those of the network.
    #[error(transparent)]
    Weights(#[from] WeightsFault),
    /// The network cannot be written as ONNX.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The network cannot be quantized.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// A setting that the model does not have.
    #[error("{0}")]
    Setting(String),
}

impl From<TchError> for LatencyError {
    fn from(error: TchError) -> LatencyError {
        LatencyError::Model(error.into())
    }
}

/// What was found for a cell.
#[derive(Debug)]
pub struct Measurement {
    /// The cell.
    pub cell: Deployment,
    /// Threads of libtorch.
    pub threads: i32,
    /// What one image costs; none where the options give no network.
    pub cost: Option<Cost>,
    /// Its times, or why there are none.
    pub timing: Result<Timing, LatencyError>,
}

/// The times of a cell.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Every run of every round.
    pub times: Times,
    /// Those that count.
    pub counted: Counted,
    /// What these come to, in milliseconds.
    pub statistics: Statistics,
    /// The memory format of its maps.
    pub format: MemoryFormat,
    /// Peak resident memory of the process so far in MiB; none where the system does not tell.
    pub peak_mb: Option<f64>,
    /// Time by stage, where it was asked for and the engine can tell.
    pub stages: Option<Vec<Stage>>,
    /// Whether it was measured to the end, and not stopped before.
    pub whole: bool,
}

/// Measures `cells` together, in interleaved rounds; with `per_stage`, their stages afterwards. One that fails has its
/// error in its measurement, and the others go on. `watch` hears of all that meanwhile.
pub fn measure(
    registry: &Registry,
    cells: &[Deployment],
    protocol: &Protocol,
    per_stage: bool,
    watch: &mut dyn Watch,
) -> Vec<Measurement> {
    let mut networks: Vec<Result<Network, LatencyError>> = Vec::new();
    for (place, cell) in cells.iter().enumerate() {
        watch.builds(place);
        let network = cell.deploy(registry);
        match &network {
            Ok(network) => watch.built(place, network),
            Err(error) => watch.failed(place, error),
        }
        networks.push(network);
    }
    let places: Vec<usize> = (0..cells.len()).filter(|place| networks[*place].is_ok()).collect();
    let mut subjects: Vec<&mut dyn Subject> =
        networks.iter_mut().flatten().map(|network| network as &mut dyn Subject).collect();
    let mut measured = protocol.measure(&mut subjects, &mut Places { places: &places, watch }).into_iter();
    let threads = tch::get_num_threads();
    let finish = |(place, (cell, network)): (usize, (&Deployment, Result<Network, LatencyError>))| {
        // Weights bring options of their own, such as the number of classes and the strides.
        let plan = network.as_ref().map(|network| network.plan().clone()).or_else(|_| cell.plan()).ok();
        let timing = network.and_then(|network| {
            let times = measured.next().unwrap_or_else(|| Ok(Times::default()))?;
            let stages = || if per_stage { stages::measure(&network, protocol.runs) } else { Ok(None) };
            let timing = Timing::of(times, network.format())?;
            Ok(Timing { stages: stages()?, ..timing })
        });
        let measurement = Measurement::of(cell, plan.as_ref(), threads, timing);
        watch.measured(place, &measurement);
        measurement
    };
    cells.iter().zip(networks).enumerate().map(finish).collect()
}

impl Measurement {
    /// What was found for `cell`, of whose network this is the plan.
    pub fn of(
        cell: &Deployment,
        plan: Option<&Plan>,
        threads: i32,
        timing: Result<Timing, LatencyError>,
    ) -> Measurement {
        let options = plan.map_or(cell.options, |plan| plan.options);
        let profile = match plan {
            Some(plan) => cell.entry.architecture.profile_name(plan.options.profile).to_string(),
            None => cell.profile.clone(),
        };
        let cell = Deployment { options, profile, ..cell.clone() };
        Measurement { cell, threads, cost: plan.map(|plan| plan.cost), timing }
    }
}

impl Timing {
    /// What the times of a network come to, without its stages.
    ///
    /// # Errors
    /// Where there is none.
    pub fn of(times: Times, format: MemoryFormat) -> Result<Timing, LatencyError> {
        let nothing = || LatencyError::Setting("no run was counted: raise --runs".into());
        let counted = times.counted(ROUNDS);
        let statistics = Statistics::of(&counted.runs).ok_or_else(nothing)?;
        Ok(Timing { times, counted, statistics, format, peak_mb: peak_memory_mb(), stages: None, whole: true })
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn a_model_that_fails_keeps_its_place_and_the_others_go_on() {
        let registry = Registry::default();
        let cell = |name: &str, profile: &str| {
            let entry = registry.find(name).unwrap();
            let options = zoo_core::Options { input_size: 32.into(), ..entry.variant.options };
            let (engine, dtype, device) = (zoo_engines::ZOO, zoo_engines::Dtype::F32, Device::Cpu);
            Deployment { entry, options, profile: profile.into(), batch: 1, engine, dtype, device, weights: None }
        };
        let cells = [
            cell("mobilenet-v1-0.25", "none"),
            cell("mobilenet-v3-small-0.35", "stem1"),
            cell("mobilenet-v2-0.35", "none"),
            cell("mobilenet-v1-0.25", "native"),
        ];
        let protocol = Protocol { runs: 5, time: std::time::Duration::ZERO };
        let found = measure(&registry, &cells, &protocol, true, &mut ());
        let names: Vec<&str> = found.iter().map(|measurement| measurement.cell.entry.variant.name).collect();
        assert_eq!(names, ["mobilenet-v1-0.25", "mobilenet-v3-small-0.35", "mobilenet-v2-0.35", "mobilenet-v1-0.25"]);
        let done: Vec<bool> = found.iter().map(|measurement| measurement.timing.is_ok()).collect();
        assert_eq!(done, [false, true, false, true]);
        let stages = found[1].timing.as_ref().unwrap().stages.as_ref().unwrap();
        assert_eq!(stages.iter().map(|stage| stage.macs).sum::<u64>(), found[1].cost.unwrap().macs);
    }
}
