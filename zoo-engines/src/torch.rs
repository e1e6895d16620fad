//! The engines that are always there: libtorch, and our kernels.

use std::rc::Rc;
use std::time::Instant;

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Backend, Deployed, MemoryFormat, Mode, Model};

use super::{Dtype, Engine, EngineError, Prepared, Setting, Source};

/// Runs that choose a memory format, behind some that do not count.
const TRIALS: usize = 5;
const UNCOUNTED: usize = 3;

/// How libtorch and our kernels run a network.
pub(crate) enum Torch {
    /// The training model in evaluation.
    Eager,
    /// The folded network by libtorch's operations.
    Folded,
    /// The folded network by our kernels; elsewhere than on the CPU, libtorch's operations do the work.
    Kernels,
}

impl Engine for Torch {
    fn name(&self) -> &'static str {
        match self {
            Torch::Eager => "eager",
            Torch::Folded => "libtorch",
            Torch::Kernels => "zoo",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Torch::Eager => "the training model",
            Torch::Folded | Torch::Kernels => self.name(),
        }
    }

    fn version(&self) -> Result<String, EngineError> {
        Ok(match self {
            Torch::Eager | Torch::Folded => zoo_native::cpu::libtorch_version(),
            Torch::Kernels => env!("CARGO_PKG_VERSION").into(),
        })
    }

    fn dtypes(&self) -> Vec<Dtype> {
        match self {
            Torch::Folded => vec![Dtype::F32, Dtype::Bf16],
            Torch::Eager | Torch::Kernels => vec![Dtype::F32],
        }
    }

    fn runs_on(&self, _device: Device) -> bool {
        true
    }

    fn tells_stages(&self) -> bool {
        true
    }

    fn prepare(&self, source: Source<'_>, setting: Setting) -> Result<Box<dyn Prepared>, EngineError> {
        let Source::Model(model) = source else { return Err(EngineError::NoOnnx { engine: self.title() }) };
        let kind = if setting.dtype == Dtype::Bf16 { Kind::BFloat16 } else { Kind::Float };
        let folded = |backend| -> Result<Folded, EngineError> {
            let network = model.deploy(backend)?;
            Ok(Folded { network: if kind == Kind::Float { network } else { network.to_kind(kind)? }, kind })
        };
        let by_libtorch = |format| folded(Backend::Libtorch(format));
        match (self, setting.batch) {
            (Torch::Eager, _) => Ok(Box::new(EagerNetwork { model: Rc::clone(model) })),
            (Torch::Kernels, _) => Ok(Box::new(folded(Backend::Native)?)),
            (Torch::Folded, Some(batch)) => faster(by_libtorch, model, batch),
            // Where batches differ, as in an evaluation, the format that is mostly faster.
            (Torch::Folded, None) => Ok(Box::new(by_libtorch(MemoryFormat::ChannelsLast)?)),
        }
    }
}

/// The network in the faster of both memory formats, run in turn.
fn faster(
    deploy: impl Fn(MemoryFormat) -> Result<Folded, EngineError>,
    model: &Model,
    batch: u32,
) -> Result<Box<dyn Prepared>, EngineError> {
    let input = model.plan().input;
    let shape = [batch, input.c, input.h, input.w].map(i64::from);
    let images = Tensor::f_zeros(shape, (Kind::Float, model.device()))?;
    let candidates = [deploy(MemoryFormat::ChannelsLast)?, deploy(MemoryFormat::Contiguous)?];
    let mut best = [f64::INFINITY; 2];
    for trial in 0..UNCOUNTED + TRIALS {
        for (network, best) in candidates.iter().zip(&mut best) {
            let images = network.format().of(&images)?;
            let begun = Instant::now();
            let _ = network.logits(&images)?;
            synchronise(model.device());
            if trial >= UNCOUNTED {
                *best = best.min(begun.elapsed().as_secs_f64());
            }
        }
    }
    let [channels_last, contiguous] = candidates;
    Ok(Box::new(if best[0] <= best[1] { channels_last } else { contiguous }))
}

/// Waits until a GPU has done what it was given.
pub(crate) fn synchronise(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}

#[derive(Debug)]
struct EagerNetwork {
    model: Rc<Model>,
}

impl Prepared for EagerNetwork {
    fn logits(&self, images: &Tensor) -> Result<Tensor, EngineError> {
        Ok(tch::no_grad(|| self.model.forward(images, Mode::Eval))?)
    }

    fn format(&self) -> MemoryFormat {
        MemoryFormat::ChannelsLast
    }

    fn observed(&self, images: &Tensor, each: &mut dyn FnMut(usize)) -> Result<bool, EngineError> {
        let mut observe = |op: usize, _: &Tensor| {
            synchronise(images.device());
            each(op);
        };
        let _ = tch::no_grad(|| self.model.forward_observed(images, Mode::Eval, &mut observe))?;
        Ok(true)
    }
}

#[derive(Debug)]
struct Folded {
    network: Deployed,
    kind: Kind,
}

impl Prepared for Folded {
    fn logits(&self, images: &Tensor) -> Result<Tensor, EngineError> {
        if self.kind == Kind::Float {
            return Ok(self.network.forward(images)?);
        }
        Ok(self.network.forward(&images.f_to_kind(self.kind)?)?.f_to_kind(Kind::Float)?)
    }

    fn format(&self) -> MemoryFormat {
        self.network.format()
    }

    fn observed(&self, images: &Tensor, each: &mut dyn FnMut(usize)) -> Result<bool, EngineError> {
        let mut observe = |op: usize, _: &Tensor| {
            synchronise(images.device());
            each(op);
        };
        let _ = self.network.forward_observed(&images.f_to_kind(self.kind)?, &mut observe)?;
        Ok(true)
    }
}
