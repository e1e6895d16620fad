//! A network as it is deployed in one mode, ready to be timed.

use std::time::Instant;

use tch::{Device, Tensor};
use zoo_core::Plan;
use zoo_core::model::{Backend, Compiled, Deployed, MemoryFormat, Mode as Pass, Model, ModelError};
use zoo_results::timed::MODES;

use super::LatencyError;
use super::protocol::Subject;
use super::statistics::median;

/// Runs that choose a memory format, behind some that do not count (TorchScript specialises in them).
const TRIALS: usize = 5;
const UNCOUNTED: usize = 3;

/// How a network is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The training model in evaluation, without gradients.
    Eager,
    /// Norms folded into the convolutions, by libtorch's operations.
    Folded,
    /// The folded network as TorchScript, frozen and optimised for inference.
    Jit,
    /// The folded network by kernels that take bias, activation, gate and residual along.
    Native,
}

impl Mode {
    /// All, in the order they are measured.
    pub const ALL: [Mode; 4] = [Mode::Eager, Mode::Folded, Mode::Jit, Mode::Native];

    /// The name in flags and tables.
    pub const fn name(self) -> &'static str {
        MODES[self as usize]
    }

    /// Whether it runs in steps that can be timed apart; TorchScript runs in one piece.
    pub const fn tells_stages(self) -> bool {
        !matches!(self, Mode::Jit)
    }

    /// The mode of that name.
    pub fn find(name: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// What gives the logits of a batch.
pub type Forward<'a> = Box<dyn Fn(&Tensor) -> Result<Tensor, ModelError> + 'a>;

impl Mode {
    /// What gives the logits of `model` in this mode, without gradients and with maps in channels_last.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn forward(self, model: &Model) -> Result<Forward<'_>, ModelError> {
        let format = MemoryFormat::ChannelsLast;
        Ok(match self {
            Mode::Eager => Box::new(|images| tch::no_grad(|| model.forward(images, Pass::Eval))),
            Mode::Folded | Mode::Native => {
                let backend = if self == Mode::Native { Backend::Native } else { Backend::Libtorch(format) };
                let deployed = model.deploy(backend)?;
                Box::new(move |images| deployed.forward(images))
            }
            Mode::Jit => {
                let compiled = model.compile(format)?;
                Box::new(move |images| compiled.forward(images))
            }
        })
    }
}

/// A network with the images that it is timed on.
#[derive(Debug)]
pub struct Network {
    body: Body,
    plan: Plan,
    images: Tensor,
    format: MemoryFormat,
}

#[derive(Debug)]
enum Body {
    Eager(Model),
    Deployed(Deployed),
    Compiled(Compiled),
}

impl Network {
    /// Deploys `model` in `mode` for `images`; where the mode leaves the memory format open, the faster one, by a few runs.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn deploy(model: Model, mode: Mode, images: &Tensor) -> Result<Network, LatencyError> {
        let plan = model.plan().clone();
        let network = |body: Body, format: MemoryFormat| -> Result<Network, LatencyError> {
            Ok(Network { body, plan: plan.clone(), images: format.of(images)?, format })
        };
        let own = MemoryFormat::ChannelsLast;
        match mode {
            Mode::Eager => network(Body::Eager(model), own),
            Mode::Native => network(Body::Deployed(model.deploy(Backend::Native)?), own),
            Mode::Folded => faster(|format| network(Body::Deployed(model.deploy(Backend::Libtorch(format))?), format)),
            Mode::Jit => faster(|format| network(Body::Compiled(model.compile(format)?), format)),
        }
    }

    /// The plan that it was made from.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The memory format of its maps.
    pub fn format(&self) -> MemoryFormat {
        self.format
    }

    /// The logits of the images.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn logits(&self) -> Result<Tensor, LatencyError> {
        Ok(match &self.body {
            Body::Eager(model) => tch::no_grad(|| model.forward(&self.images, Pass::Eval))?,
            Body::Deployed(network) => network.forward(&self.images)?,
            Body::Compiled(network) => network.forward(&self.images)?,
        })
    }

    /// Runs once and tells `each` after every step which operation of the plan is done; false where the mode has no steps
    /// to tell of.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn run_observed(&self, each: &mut dyn FnMut(usize)) -> Result<bool, LatencyError> {
        let device = self.images.device();
        let mut observe = |op: usize, _: &Tensor| {
            synchronise(device);
            each(op);
        };
        match &self.body {
            Body::Eager(model) => {
                let _ = tch::no_grad(|| model.forward_observed(&self.images, Pass::Eval, &mut observe))?;
            }
            Body::Deployed(network) => {
                let _ = network.forward_observed(&self.images, &mut observe)?;
            }
            Body::Compiled(_) => return Ok(false),
        }
        Ok(true)
    }
}

impl Subject for Network {
    fn run(&mut self) -> Result<(), LatencyError> {
        let _ = self.logits()?;
        synchronise(self.images.device());
        Ok(())
    }
}

/// Waits until a GPU has done what it was given.
fn synchronise(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}

/// The faster of both memory formats, run in turn.
fn faster(build: impl Fn(MemoryFormat) -> Result<Network, LatencyError>) -> Result<Network, LatencyError> {
    let mut candidates = [build(MemoryFormat::ChannelsLast)?, build(MemoryFormat::Contiguous)?];
    let mut times = [Vec::new(), Vec::new()];
    for trial in 0..UNCOUNTED + TRIALS {
        for (network, times) in candidates.iter_mut().zip(&mut times) {
            let begun = Instant::now();
            network.run()?;
            if trial >= UNCOUNTED {
                times.push(begun.elapsed().as_secs_f64());
            }
        }
    }
    let [channels_last, contiguous] = candidates;
    let [first, second] = times.map(|times| median(&times).unwrap_or(0.0));
    Ok(if first <= second { channels_last } else { contiguous })
}
