//! The engines that are always there: libtorch, and our kernels.

use std::rc::Rc;
use std::time::Instant;

use tch::{Device, Kind, Tensor};
use zoo_core::model::{Backend, Deployed, MemoryFormat, Mode, Model};

use super::{Dtype, Engine, EngineError, Prepared, Setting, Source};

/// Runs that choose a memory format, behind some that do not count.
const TRIALS: usize = 5;
const UNCOUNTED: usize = 3;

/// The training model in evaluation.
pub(crate) struct Eager;

/// The folded network by libtorch's operations.
pub(crate) struct Libtorch;

/// The folded network by our kernels.
pub(crate) struct Zoo;

impl Engine for Eager {
    fn name(&self) -> &'static str {
        "eager"
    }

    fn title(&self) -> &'static str {
        "the training model"
    }

    fn version(&self) -> Result<String, EngineError> {
        Ok(libtorch())
    }

    fn dtypes(&self) -> Vec<Dtype> {
        vec![Dtype::F32]
    }

    fn runs_on(&self, _device: Device) -> bool {
        true
    }

    fn tells_stages(&self) -> bool {
        true
    }

    fn prepare(&self, source: Source<'_>, _setting: Setting) -> Result<Box<dyn Prepared>, EngineError> {
        Ok(Box::new(EagerNetwork { model: Rc::clone(model(self, source)?) }))
    }
}

impl Engine for Libtorch {
    fn name(&self) -> &'static str {
        "libtorch"
    }

    fn title(&self) -> &'static str {
        "libtorch"
    }

    fn version(&self) -> Result<String, EngineError> {
        Ok(libtorch())
    }

    fn dtypes(&self) -> Vec<Dtype> {
        vec![Dtype::F32, Dtype::Bf16]
    }

    fn runs_on(&self, _device: Device) -> bool {
        true
    }

    fn tells_stages(&self) -> bool {
        true
    }

    fn prepare(&self, source: Source<'_>, setting: Setting) -> Result<Box<dyn Prepared>, EngineError> {
        let model = model(self, source)?;
        let deploy = |format| -> Result<Folded, EngineError> {
            let network = model.deploy(Backend::Libtorch(format))?;
            Ok(match setting.dtype {
                Dtype::Bf16 => Folded { network: network.to_kind(Kind::BFloat16)?, kind: Kind::BFloat16 },
                _ => Folded { network, kind: Kind::Float },
            })
        };
        // Where batches differ, as in an evaluation, the format that is mostly faster.
        match setting.batch {
            Some(batch) => faster(deploy, model, batch),
            None => Ok(Box::new(deploy(MemoryFormat::ChannelsLast)?)),
        }
    }
}

impl Engine for Zoo {
    fn name(&self) -> &'static str {
        "zoo"
    }

    fn title(&self) -> &'static str {
        "zoo"
    }

    fn version(&self) -> Result<String, EngineError> {
        Ok(env!("CARGO_PKG_VERSION").into())
    }

    fn dtypes(&self) -> Vec<Dtype> {
        vec![Dtype::F32]
    }

    /// Elsewhere than on the CPU, libtorch's operations do the work.
    fn runs_on(&self, _device: Device) -> bool {
        true
    }

    fn tells_stages(&self) -> bool {
        true
    }

    fn prepare(&self, source: Source<'_>, _setting: Setting) -> Result<Box<dyn Prepared>, EngineError> {
        let network = model(self, source)?.deploy(Backend::Native)?;
        Ok(Box::new(Folded { network, kind: Kind::Float }))
    }
}

fn libtorch() -> String {
    zoo_native::cpu::libtorch_version()
}

/// The model of a source; an engine of this file reads no other.
fn model<'a>(engine: &dyn Engine, source: Source<'a>) -> Result<&'a Rc<Model>, EngineError> {
    match source {
        Source::Model(model) => Ok(model),
        Source::Onnx { .. } => Err(EngineError::NoOnnx { engine: engine.title() }),
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
