//! What of the machine a command uses: the device and the threads, by flags.

use anyhow::{Error, anyhow};
use tch::Device;
use zoo_native::precision::set_cuda_modes;

use super::usage::misused;
use zoo_settings::Precision;

/// The device by name. On CUDA, products are rounded to TF32 where `precision` says so and nowhere else, and cuDNN tries its
/// algorithms where `autotune` says so.
pub fn device(name: &str, precision: Precision, autotune: bool) -> Result<Device, Error> {
    // libtorch's own default rounds convolutions.
    set_cuda_modes(precision == Precision::Tf32, autotune)?;
    let cuda = |index: usize| match usize::try_from(tch::Cuda::device_count()).unwrap_or(0) {
        0 => Err(anyhow!("--device {name}: libtorch sees no CUDA device; `doctor` shows what is available")),
        count if index >= count => Err(anyhow!("--device {name}: there are {count} CUDA devices, counted from 0")),
        _ => Ok(Device::Cuda(index)),
    };
    match name.split_once(':') {
        None if name == "cpu" => Ok(Device::Cpu),
        None if name == "cuda" => cuda(0),
        None if name == "mps" && tch::utils::has_mps() => Ok(Device::Mps),
        None if name == "mps" => Err(anyhow!("--device mps: this libtorch has no MPS; use --device cpu")),
        Some(("cuda", index)) if index.parse::<usize>().is_ok() => cuda(index.parse().unwrap_or_default()),
        _ => misused!("unknown device `{name}`: give cpu, cuda, cuda:N or mps"),
    }
}

/// Sets libtorch's threads, once and before any work, as it wants it.
pub fn set_threads(threads: Option<i32>) {
    // Trained networks hold denormals, which slow the CPU down by a factor of several. Where it cannot flush them, it
    // is slower and no less right.
    let _ = zoo_native::cpu::set_flush_denormal(true);
    if let Some(threads) = threads.filter(|threads| (1..=1024).contains(threads)) {
        tch::set_num_threads(threads);
    }
    tch::set_num_interop_threads(1);
}
