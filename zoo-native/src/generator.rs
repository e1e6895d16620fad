//! libtorch's default generators of random numbers, which every caller in a process shares.

use std::ffi::{c_char, c_int};

use tch::{Device, Tensor};
use torch_sys::C_tensor;

use crate::Result;
use crate::error::check;

unsafe extern "C" {
    fn zoo_generator_state(device: c_int, index: c_int, out: *mut *mut C_tensor) -> *mut c_char;
    fn zoo_generator_set_state(device: c_int, index: c_int, state: *const C_tensor) -> *mut c_char;
}

/// The state of the generators of the CPU and of one more device, to be put back later.
#[derive(Debug)]
pub struct Generators(Vec<(DeviceKey, Tensor)>);

/// A device as `c10::Device` has it: type and index.
type DeviceKey = (c_int, c_int);

const CPU: DeviceKey = (0, -1);

impl Generators {
    /// Takes the state of the CPU's generator and of that of `device`.
    ///
    /// # Errors
    /// Where libtorch has no such device.
    pub fn save(device: Device) -> Result<Generators> {
        let other = match device {
            Device::Cuda(index) => Some((1, index as c_int)),
            Device::Mps => Some((13, 0)),
            _ => None,
        };
        let state = |place: DeviceKey| {
            let mut out = std::ptr::null_mut();
            // SAFETY: on success `out` is a new tensor that is ours alone.
            unsafe {
                check(zoo_generator_state(place.0, place.1, &mut out))?;
                Ok((place, Tensor::from_ptr(out)))
            }
        };
        Ok(Generators(std::iter::once(CPU).chain(other).map(state).collect::<Result<_>>()?))
    }

    /// Puts the states back.
    ///
    /// # Errors
    /// Where libtorch refuses.
    pub fn restore(&self) -> Result<()> {
        self.0.iter().try_for_each(|((device, index), state)| {
            // SAFETY: the state lives through the call, which copies it.
            unsafe { check(zoo_generator_set_state(*device, *index, state.as_ptr())) }
        })
    }
}
