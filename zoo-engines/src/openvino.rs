//! OpenVINO, opened at run time.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::OnceLock;

use openvino::{Core, DeviceType, InferRequest, InferenceError, RwPropertyKey, SetupError, Shape};
use tch::{Kind, Tensor};

use super::error::in_one_line;
use super::library::{self, Library};
use super::{Dtype, Engine, EngineError, Prepared, Setting, Source, onnx};

const NAME: &str = "OpenVINO";

const LIBRARY: Library = Library {
    engine: NAME,
    variable: "OPENVINO_INSTALL_DIR",
    what: "the folder of libopenvino_c.so",
    file: "libopenvino_c.so",
    folders: &["", "libs", "runtime/lib/intel64"],
    folder: "openvino",
};

/// OpenVINO on the CPU.
pub(crate) struct OpenVino;

/// What is called of the library. The crate that binds it panics where a function is missing.
const FUNCTIONS: &[&str] = &[
    "ov_get_openvino_version",
    "ov_version_free",
    "ov_core_create",
    "ov_core_set_property",
    "ov_core_read_model_from_memory_buffer",
    "ov_core_compile_model",
    "ov_compiled_model_create_infer_request",
    "ov_tensor_create",
    "ov_infer_request_set_input_tensor",
    "ov_infer_request_infer",
    "ov_infer_request_get_output_tensor",
];

/// Opens the library; its version.
fn open() -> Result<&'static str, EngineError> {
    static OPENED: OnceLock<Result<String, (PathBuf, String)>> = OnceLock::new();
    let path = LIBRARY.find()?;
    let opened = OPENED.get_or_init(|| {
        let wrong = |problem: String| (path.clone(), problem);
        library::open(&path, FUNCTIONS).map_err(wrong)?;
        openvino_sys::library::load_from(path.clone()).map_err(wrong)?;
        let version = openvino::version().build_number;
        // 2026.4.1-22982-abcdef: the release alone.
        Ok(version.split('-').next().unwrap_or(&version).into())
    });
    opened.as_deref().map_err(|(path, problem)| LIBRARY.wrong(path, problem.clone()))
}

impl Engine for OpenVino {
    fn name(&self) -> &'static str {
        "openvino"
    }

    fn title(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> Result<String, EngineError> {
        open().map(String::from)
    }

    fn dtypes(&self) -> Vec<Dtype> {
        let bf16 = zoo_results::environment::cpu_features().iter().any(|feature| feature.contains("bf16"));
        let mut dtypes = vec![Dtype::F32, Dtype::Int8];
        if bf16 {
            dtypes.insert(1, Dtype::Bf16);
        }
        dtypes
    }

    fn may_have(&self, _dtype: Dtype) -> bool {
        true
    }

    fn prepare(&self, source: Source<'_>, setting: Setting) -> Result<Box<dyn Prepared>, EngineError> {
        open()?;
        let (name, bytes) = onnx::of(source, setting)?;
        let threads = tch::get_num_threads().to_string();
        // What is left in float of an int8 network is computed in f32, too.
        let precision = if setting.dtype == Dtype::Bf16 { "bf16" } else { "f32" };
        let build = || -> Result<(InferRequest, Core), Refusal> {
            let mut core = Core::new()?;
            core.set_properties(
                &DeviceType::CPU,
                [
                    (RwPropertyKey::HintPerformanceMode, "LATENCY"),
                    (RwPropertyKey::NumStreams, "1"),
                    (RwPropertyKey::InferenceNumThreads, threads.as_str()),
                    // The process is pinned already, and to the processors that were chosen for it.
                    (RwPropertyKey::HintEnableCpuPinning, "NO"),
                    (RwPropertyKey::HintInferencePrecision, precision),
                ],
            )?;
            let model = core.read_model_from_buffer(&bytes, None)?;
            let mut compiled = core.compile_model(&model, DeviceType::CPU)?;
            Ok((compiled.create_infer_request()?, core))
        };
        let (request, core) = build().map_err(|refusal| refused(name, &refusal.0))?;
        Ok(Box::new(Network { request: RefCell::new(request), _core: core, name: name.into() }))
    }
}

/// What OpenVINO says.
struct Refusal(String);

impl From<InferenceError> for Refusal {
    fn from(error: InferenceError) -> Refusal {
        Refusal(error.to_string())
    }
}

impl From<SetupError> for Refusal {
    fn from(error: SetupError) -> Refusal {
        Refusal(error.to_string())
    }
}

fn refused(what: &str, problem: &str) -> EngineError {
    EngineError::Refused { engine: NAME, what: what.into(), problem: in_one_line(problem) }
}

struct Network {
    request: RefCell<InferRequest>,
    _core: Core,
    name: String,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Prepared for Network {
    fn logits(&self, images: &Tensor) -> Result<Tensor, EngineError> {
        let images = images.f_contiguous()?.f_to_kind(Kind::Float)?;
        let run = || -> Result<Tensor, Refusal> {
            let mut request = self.request.borrow_mut();
            let mut input = openvino::Tensor::new(openvino::ElementType::F32, &Shape::new(&images.size())?)?;
            // SAFETY: a contiguous f32 tensor on the CPU, which lives until it has been copied.
            input.get_data_mut::<f32>()?.copy_from_slice(unsafe { onnx::values(&images) });
            request.set_input_tensor(&input)?;
            request.infer()?;
            let output = request.get_output_tensor()?;
            let shape = output.get_shape()?;
            Ok(Tensor::from_slice(output.get_data::<f32>()?).reshape(shape.get_dimensions()))
        };
        let what = || format!("a batch of {:?} for {}", images.size(), self.name);
        run().map_err(|refusal| refused(&what(), &refusal.0))
    }
}
