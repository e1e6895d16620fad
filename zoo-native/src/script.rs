//! TorchScript from source: compiled, frozen and optimised for inference, which tch cannot ask for.

use std::borrow::Borrow;
use std::ffi::{CString, c_char};
use std::fmt;
use std::ptr::NonNull;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::check;
use crate::{NativeError, Result, pointers};

enum Module {}

unsafe extern "C" {
    fn zoo_script_new(
        source: *const c_char,
        weights: *const *const C_tensor,
        length: usize,
        optimise: bool,
        out: *mut *mut Module,
    ) -> *mut c_char;
    fn zoo_script_free(module: *mut Module);
    fn zoo_script_run(module: *mut Module, x: *const C_tensor, out: *mut *mut C_tensor) -> *mut c_char;
}

/// A compiled network of one input and one output.
pub struct Script {
    module: NonNull<Module>,
}

impl Script {
    /// Compiles `source`, which defines `forward(self, x)` and calls its weights `self.w0`, `self.w1` and so on, and
    /// freezes it. With `optimise` it goes through libtorch's `optimize_for_inference`, too, which is for the CPU.
    ///
    /// # Errors
    /// Where the source does not compile.
    pub fn new<T: Borrow<Tensor>>(source: &str, weights: &[T], optimise: bool) -> Result<Script> {
        let source = CString::new(source).map_err(|_| NativeError::new("script: the source holds a zero byte"))?;
        let weights = pointers(weights);
        let mut out = std::ptr::null_mut();
        // SAFETY: source and tensors live through the call; on success `out` is an object that is ours alone.
        unsafe { check(zoo_script_new(source.as_ptr(), weights.as_ptr(), weights.len(), optimise, &mut out))? };
        let module = NonNull::new(out).ok_or_else(|| NativeError::new("script: nothing was compiled"))?;
        Ok(Script { module })
    }

    /// Runs it. The first runs of an input shape record profiles and specialise, so they are slow.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn run(&self, x: &Tensor) -> Result<Tensor> {
        let mut out = std::ptr::null_mut();
        // SAFETY: `x` lives through the call; on success `out` is a new tensor that is ours alone.
        unsafe {
            check(zoo_script_run(self.module.as_ptr(), x.as_ptr(), &mut out))?;
            Ok(Tensor::from_ptr(out))
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { zoo_script_free(self.module.as_ptr()) }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}
