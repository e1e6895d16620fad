//! What runs a deployed network.
//!
//! An [`Engine`] prepares a network, or an [`OnnxFile`], and gives the logits of batches; [`ENGINES`] lists all, by their
//! names in flags and tables. libtorch and the kernels of zoo-native are always there. ONNX Runtime and OpenVINO are
//! libraries that are opened when they are asked for ([`library`] finds them), so that building needs none of them. All
//! run on the processors that the process is pinned to, with as many threads as libtorch has.

mod dtype;
mod error;
pub mod library;
mod onnx;
mod onnxruntime;
mod openvino;
mod torch;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use tch::{Device, Tensor};
use torch::Torch;
use zoo_core::model::{MemoryFormat, Model};
use zoo_results::timed;

pub use dtype::Dtype;
pub use error::EngineError;
pub use onnx::OnnxFile;

/// What an engine is given to run.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A network with its weights.
    Model(&'a Rc<Model>),
    /// A network in ONNX; ONNX Runtime and OpenVINO alone read it.
    Onnx {
        /// What it is called in messages.
        name: &'a str,
        /// The bytes of its file.
        bytes: &'a [u8],
    },
}

/// How a network is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Setting {
    /// The numbers it computes with.
    pub dtype: Dtype,
    /// Images in each batch, where all batches are alike: some engines are faster when they know.
    pub batch: Option<u32>,
}

/// What runs a network.
pub trait Engine: Sync {
    /// Its name in flags and tables.
    fn name(&self) -> &'static str;

    /// What it is called in sentences.
    fn title(&self) -> &'static str;

    /// The version of the library that computes.
    ///
    /// # Errors
    /// Where the library is not there, or cannot be used.
    fn version(&self) -> Result<String, EngineError>;

    /// The numbers that it computes with on this processor.
    fn dtypes(&self) -> Vec<Dtype>;

    /// Whether there are processors on which it computes with these numbers.
    fn may_have(&self, dtype: Dtype) -> bool {
        self.dtypes().contains(&dtype)
    }

    /// Whether it computes on `device`.
    fn runs_on(&self, device: Device) -> bool {
        device == Device::Cpu
    }

    /// Whether it runs in steps that can be timed apart.
    fn tells_stages(&self) -> bool {
        false
    }

    /// Makes the network ready to run. What the engine lacks is refused by [`prepare`].
    ///
    /// # Errors
    /// Where the library is not there, or refuses the network.
    fn prepare(&self, source: Source<'_>, setting: Setting) -> Result<Box<dyn Prepared>, EngineError>;
}

/// A network that is ready to run.
pub trait Prepared: fmt::Debug {
    /// Logits (N x classes) of a batch of normalised images (N x 3 x H x W) in f32, without gradients.
    ///
    /// # Errors
    /// Where the images have another size than the network, or the engine refuses.
    fn logits(&self, images: &Tensor) -> Result<Tensor, EngineError>;

    /// The memory format in which it wants the images.
    fn format(&self) -> MemoryFormat {
        MemoryFormat::Contiguous
    }

    /// Runs once and tells `each` after every step which operation of the plan is done; false where the engine has no
    /// steps to tell of.
    ///
    /// # Errors
    /// As [`logits`](Prepared::logits).
    fn observed(&self, images: &Tensor, each: &mut dyn FnMut(usize)) -> Result<bool, EngineError> {
        let _ = (images, each);
        Ok(false)
    }
}

/// The training model in evaluation, without gradients.
pub static EAGER: &dyn Engine = &Torch::Eager;
/// Norms folded into the convolutions, by libtorch's operations in the faster memory format.
pub static LIBTORCH: &dyn Engine = &Torch::Folded;
/// The folded network by kernels that take bias, activation, gate and residual along.
pub static ZOO: &dyn Engine = &Torch::Kernels;
/// ONNX Runtime on the CPU.
pub static ONNX_RUNTIME: &dyn Engine = &onnxruntime::OnnxRuntime;
/// OpenVINO on the CPU.
pub static OPENVINO: &dyn Engine = &openvino::OpenVino;

/// All, in the order in which they are measured.
pub static ENGINES: [&dyn Engine; timed::ENGINES.len()] = [EAGER, LIBTORCH, ZOO, ONNX_RUNTIME, OPENVINO];

/// Those that are always there.
pub fn built_in() -> impl Iterator<Item = &'static dyn Engine> {
    [EAGER, LIBTORCH, ZOO].into_iter()
}

/// Those that are libraries of their own, which need not be there.
pub fn libraries() -> impl Iterator<Item = &'static dyn Engine> {
    [ONNX_RUNTIME, OPENVINO].into_iter()
}

/// The engine of that name.
///
/// # Errors
/// Where there is none, with the name that takes the place of an old one.
pub fn find(name: &str) -> Result<&'static dyn Engine, EngineError> {
    let engine = ENGINES.into_iter().find(|engine| engine.name() == name);
    engine.ok_or_else(|| EngineError::Unknown { name: name.into() })
}

/// Prepares `source` for `engine`, where it has what is asked for.
///
/// # Errors
/// Where the engine lacks the numbers, is not there, or refuses the network.
pub fn prepare(
    engine: &dyn Engine,
    source: Source<'_>,
    setting: Setting,
    device: Device,
) -> Result<Box<dyn Prepared>, EngineError> {
    if !engine.runs_on(device) {
        return Err(EngineError::Device { engine: engine.title() });
    }
    if !engine.dtypes().contains(&setting.dtype) {
        let has = engine.dtypes().iter().map(|dtype| dtype.name()).collect::<Vec<_>>().join(", ");
        return Err(EngineError::Dtype { engine: engine.title(), dtype: setting.dtype, has });
    }
    engine.prepare(source, setting)
}

impl PartialEq for dyn Engine {
    fn eq(&self, other: &dyn Engine) -> bool {
        self.name() == other.name()
    }
}

impl Eq for dyn Engine {}

impl Hash for dyn Engine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for dyn Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_have_the_names_of_the_tables() {
        assert_eq!(ENGINES.map(|engine| engine.name()), timed::ENGINES);
        for name in timed::ENGINES {
            assert_eq!(find(name).unwrap().name(), name);
        }
    }

    #[test]
    fn an_old_name_is_refused_with_the_new_one() {
        let said = |name: &str| find(name).unwrap_err().to_string();
        assert!(said("native").contains("is called `zoo` now"), "{}", said("native"));
        assert!(said("folded").contains("is called `libtorch` now"), "{}", said("folded"));
        assert!(said("tensorrt").contains("expected one of eager, libtorch, zoo"), "{}", said("tensorrt"));
    }
}
