//! What the CPU is asked to do: flush denormals, and which vector instructions the kernels use.

use std::ffi::{CStr, c_char, c_int};

use crate::Result;
use crate::error::check;

unsafe extern "C" {
    fn zoo_set_flush_denormal(on: bool, supported: *mut bool) -> *mut c_char;
    fn zoo_libtorch_version() -> *const c_char;
    fn zoo_simd_level() -> c_int;
    fn zoo_set_simd_level(level: c_int) -> c_int;
}

/// Treats denormal floats as zero; trained networks are full of them, and each costs a microcode trap.
///
/// Returns whether the CPU can. Threads inherit the setting when they start, so call it before any tensor work.
pub fn set_flush_denormal(on: bool) -> Result<bool> {
    let mut supported = false;
    // SAFETY: `supported` outlives the call.
    unsafe { check(zoo_set_flush_denormal(on, &mut supported))? };
    Ok(supported)
}

/// The processors that this thread may use, by number; empty if the system does not report them.
pub fn processors() -> Vec<usize> {
    #[cfg(target_os = "linux")]
    {
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: a set of processors is plain bits, for which all zero is the empty one.
        let mut allowed: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set outlives the call, which writes at most `size` bytes.
        if unsafe { libc::sched_getaffinity(0, size, &mut allowed) } != 0 {
            return Vec::new();
        }
        // SAFETY: every index is within the set.
        (0..8 * size).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &allowed) }).collect()
    }
    #[cfg(not(target_os = "linux"))]
    {
        Vec::new()
    }
}

/// Keeps this thread, and those that it starts from now on, on `processors`. Returns whether it succeeded; it
/// fails if `processors` is empty, if one of them may not be used, and outside Linux.
pub fn pin_to(processors: &[usize]) -> bool {
    #[cfg(target_os = "linux")]
    {
        let size = size_of::<libc::cpu_set_t>();
        if processors.is_empty() || processors.iter().any(|cpu| *cpu >= 8 * size) {
            return false;
        }
        // SAFETY: a set of processors is plain bits, for which all zero is the empty one.
        let mut chosen: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: every index is within the set, as was just looked at.
        processors.iter().for_each(|cpu| unsafe { libc::CPU_SET(*cpu, &mut chosen) });
        // SAFETY: the set outlives the call, which only reads it.
        unsafe { libc::sched_setaffinity(0, size, &chosen) == 0 }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = processors;
        false
    }
}

/// The version of libtorch, such as `2.13.0`.
pub fn libtorch_version() -> String {
    // SAFETY: a string literal.
    unsafe { CStr::from_ptr(zoo_libtorch_version()) }.to_string_lossy().into_owned()
}

/// The vector instructions of the kernels in this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Simd {
    /// What every CPU of the architecture has.
    Baseline,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512,
}

impl Simd {
    fn from_level(level: c_int) -> Self {
        match level {
            2 => Self::Avx512,
            1 => Self::Avx2,
            _ => Self::Baseline,
        }
    }

    /// What the kernels use now; at first the best that this machine has.
    pub fn current() -> Self {
        // SAFETY: reads an atomic.
        Self::from_level(unsafe { zoo_simd_level() })
    }

    /// Makes the kernels use `self`, or the best that this machine has if that is less. For tests and measurements.
    pub fn select(self) -> Self {
        // SAFETY: writes an atomic, capped at what the CPU supports.
        Self::from_level(unsafe { zoo_set_simd_level(self as c_int) })
    }
}
