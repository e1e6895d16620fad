//! ONNX Runtime, opened at run time.

use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use tch::{Kind, Tensor};

use super::error::in_one_line;
use super::library::{self, Library};
use super::{Dtype, Engine, EngineError, Prepared, Setting, Source, onnx};

const NAME: &str = "ONNX Runtime";

const LIBRARY: Library = Library {
    engine: NAME,
    variable: "ORT_DYLIB_PATH",
    what: "libonnxruntime.so",
    file: "libonnxruntime.so",
    folders: &["", "capi", "lib"],
    folder: "onnxruntime",
};

/// ONNX Runtime on the CPU.
pub(crate) struct OnnxRuntime;

/// The library, once it is open, with its version.
fn open() -> Result<&'static str, EngineError> {
    static OPENED: OnceLock<Result<String, (PathBuf, String)>> = OnceLock::new();
    let path = LIBRARY.find()?;
    let opened = OPENED.get_or_init(|| {
        let version = version_of(&path).map_err(|problem| (path.clone(), problem))?;
        let builder = ort::init_from(&path).map_err(|error| (path.clone(), in_one_line(&error.to_string())))?;
        // False where another part of the process was first, which this program has not.
        let _ = builder.with_telemetry(false).commit();
        Ok(version)
    });
    opened.as_deref().map_err(|(path, problem)| LIBRARY.wrong(path, problem.clone()))
}

/// What `OrtGetApiBase()->GetVersionString()` says, which has been there since version 1.0.
fn version_of(path: &Path) -> Result<String, String> {
    #[repr(C)]
    struct ApiBase {
        get_api: *const std::ffi::c_void,
        get_version: unsafe extern "C" fn() -> *const c_char,
    }
    const GET: &str = "OrtGetApiBase";
    let library = library::open(path, &[GET])?;
    // SAFETY: the function, its result and the text of it, which is constant, are those of onnxruntime_c_api.h.
    let version = unsafe {
        let get = library.get::<unsafe extern "C" fn() -> *const ApiBase>(GET.as_bytes()).ok();
        let base = get.and_then(|get| get().as_ref());
        base.map(|base| CStr::from_ptr((base.get_version)()).to_string_lossy().into_owned())
    };
    version.ok_or_else(|| "it does not tell its version".into())
}

impl Engine for OnnxRuntime {
    fn name(&self) -> &'static str {
        "onnxruntime"
    }

    fn title(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> Result<String, EngineError> {
        open().map(String::from)
    }

    /// Its CPU kernels have no bf16 on x86-64.
    fn dtypes(&self) -> Vec<Dtype> {
        vec![Dtype::F32, Dtype::Int8]
    }

    fn prepare(&self, source: Source<'_>, setting: Setting) -> Result<Box<dyn Prepared>, EngineError> {
        open()?;
        let (name, bytes) = onnx::of(source, setting)?;
        let build = || -> Result<Session, ort::Error> {
            Session::builder()?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(usize::try_from(tch::get_num_threads()).unwrap_or(1))?
                .with_inter_threads(1)?
                .with_parallel_execution(false)?
                .commit_from_memory(&bytes)
        };
        let session = build().map_err(|error| refused(name, &error))?;
        Ok(Box::new(Network { session: RefCell::new(session), name: name.into() }))
    }
}

fn refused(what: &str, error: &ort::Error) -> EngineError {
    EngineError::Refused { engine: NAME, what: what.into(), problem: in_one_line(&error.to_string()) }
}

#[derive(Debug)]
struct Network {
    session: RefCell<Session>,
    name: String,
}

impl Prepared for Network {
    fn logits(&self, images: &Tensor) -> Result<Tensor, EngineError> {
        let images = images.f_contiguous()?.f_to_kind(Kind::Float)?;
        let run = || -> Result<Tensor, ort::Error> {
            // SAFETY: a contiguous f32 tensor on the CPU, which lives as long as the view.
            let values = unsafe { onnx::values(&images) };
            let input = TensorRef::from_array_view((images.size(), values))?;
            let mut session = self.session.borrow_mut();
            let outputs = session.run([input.into()])?;
            let (shape, logits) = outputs[0].try_extract_tensor::<f32>()?;
            Ok(Tensor::from_slice(logits).reshape(&shape[..]))
        };
        run().map_err(|error| refused(&format!("a batch of {:?} for {}", images.size(), self.name), &error))
    }
}
