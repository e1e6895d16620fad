//! What the CPU is asked to do: flush denormals, and which vector instructions the kernels use.

use std::ffi::{CStr, c_char, c_int};
use std::time::{Duration, Instant};

use crate::error::check;
use crate::{NativeError, Result};

unsafe extern "C" {
    fn zoo_set_flush_denormal(on: bool, supported: *mut bool) -> *mut c_char;
    fn zoo_libtorch_version() -> *const c_char;
    fn zoo_best_simd_level() -> c_int;
    fn zoo_simd_level() -> c_int;
    fn zoo_set_simd_level(level: c_int) -> c_int;
    fn zoo_multiply_adds(rounds: i64) -> i64;
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

/// The environment variable that names the instructions to use.
pub const SIMD_VARIABLE: &str = "ZOO_SIMD";

impl Simd {
    /// All of them, the least first.
    pub const ALL: [Simd; 3] = [Simd::Baseline, Simd::Avx2, Simd::Avx512];

    /// Its name in [`SIMD_VARIABLE`] and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Simd::Baseline => "baseline",
            Simd::Avx2 => "avx2",
            Simd::Avx512 => "avx512",
        }
    }

    /// Does as [`SIMD_VARIABLE`] says; without it, kernels use the best that this machine has.
    ///
    /// # Errors
    /// Where it names nothing that there is, or what this machine does not have.
    pub fn from_environment() -> Result<Simd> {
        let name = std::env::var(SIMD_VARIABLE).unwrap_or_default();
        if name.is_empty() {
            return Ok(Simd::current());
        }
        let names = Simd::ALL.map(Simd::name).join(", ");
        let wanted = Simd::ALL.into_iter().find(|simd| simd.name() == name);
        let wanted = wanted.ok_or_else(|| {
            NativeError::new(format!("{SIMD_VARIABLE}={name}: unknown instructions; expected one of {names}"))
        })?;
        if wanted.select() != wanted {
            let best = Simd::best().name();
            return Err(NativeError::new(format!("{SIMD_VARIABLE}={name}: this processor has {best} at most")));
        }
        Ok(wanted)
    }

    fn from_level(level: c_int) -> Self {
        match level {
            2 => Self::Avx512,
            1 => Self::Avx2,
            _ => Self::Baseline,
        }
    }

    /// The best that this machine has.
    pub fn best() -> Self {
        // SAFETY: reads what the processor says.
        Self::from_level(unsafe { zoo_best_simd_level() })
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

/// The floating-point operations a second (two for each multiply-add of f32) of which one thread is capable now, with the
/// kernels' instructions and nothing to load: the best of some loops that take about `time` together.
pub fn peak_flops(time: Duration) -> f64 {
    let (begun, mut best, mut rounds) = (Instant::now(), 0.0_f64, 1 << 12);
    while begun.elapsed() < time {
        let start = Instant::now();
        // SAFETY: it only computes.
        let count = unsafe { zoo_multiply_adds(rounds) };
        let seconds = start.elapsed().as_secs_f64();
        best = best.max(2.0 * count as f64 / seconds.max(1e-9));
        // A loop of a millisecond is long beside the clock, and short beside what disturbs it.
        if seconds < 1e-3 {
            rounds *= 2;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_a_peak_that_a_processor_can_have() {
        for simd in Simd::ALL.into_iter().filter(|simd| *simd <= Simd::best()) {
            assert_eq!(simd.select(), simd);
            // Any processor of the last ten years does a billion, and none a thousand of them on one thread.
            let peak = peak_flops(Duration::from_millis(50));
            assert!((1e9..1e12).contains(&peak), "{simd:?}: {peak}");
        }
        Simd::best().select();
    }
}
