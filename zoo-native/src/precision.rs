//! The precision of libtorch: autocast to bfloat16, and TensorFloat in CUDA's libraries.

use std::ffi::{c_char, c_int};

use tch::Device;

use crate::Result;
use crate::error::check;

unsafe extern "C" {
    fn zoo_autocast_enter(device: c_int) -> *mut c_char;
    fn zoo_autocast_leave(device: c_int) -> *mut c_char;
    fn zoo_set_cuda_modes(tf32: bool, benchmark: bool) -> *mut c_char;
}

/// A scope in which libtorch computes convolutions and matrix products in bfloat16; it ends when this is dropped.
///
/// tch's own autocast supports only CUDA and float16.
#[derive(Debug)]
pub struct Autocast(Option<c_int>);

impl Autocast {
    /// Opens the scope on this thread where `on`, for the tensors of `device`.
    ///
    /// # Errors
    /// Where libtorch has no autocast for the device.
    pub fn enter(on: bool, device: Device) -> Result<Autocast> {
        if !on {
            return Ok(Autocast(None));
        }
        // The numbers of c10::DeviceType.
        let number = match device {
            Device::Cuda(_) => 1,
            Device::Mps => 13,
            _ => 0,
        };
        // SAFETY: takes a number, and changes the state of this thread alone.
        unsafe { check(zoo_autocast_enter(number))? };
        Ok(Autocast(Some(number)))
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        if let Some(device) = self.0 {
            // SAFETY: closes the scope that this opened. What could fail there failed on entering.
            let _ = unsafe { check(zoo_autocast_leave(device)) };
        }
    }
}

/// Whether CUDA may round the inputs of matrix products and convolutions to TensorFloat's 19 bits, and whether cuDNN tries
/// its algorithms before it settles on one. Without CUDA it changes nothing.
///
/// # Errors
/// Where libtorch refuses.
pub fn set_cuda_modes(tf32: bool, benchmark: bool) -> Result<()> {
    // SAFETY: sets two switches of the global context.
    unsafe { check(zoo_set_cuda_modes(tf32, benchmark)) }
}
