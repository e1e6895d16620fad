//! The machine and the software that a row was made with.

use std::fs;

/// What a figure depends on beside the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Name of the processor.
    pub cpu: String,
    /// Logical processors that the process may use.
    pub cores: usize,
    /// Name of the accelerator, or `cpu`.
    pub device: String,
    /// Version of libtorch, such as `2.13.0`.
    pub libtorch: String,
    /// Git revision that the binary was built from.
    pub revision: &'static str,
}

impl Environment {
    /// Looks at this machine.
    pub fn detect(device: &str) -> Environment {
        Environment {
            cpu: cpu_name(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            device: device.to_string(),
            libtorch: zoo_native::cpu::libtorch_version(),
            revision: env!("ZOO_REVISION"),
        }
    }
}

/// The processor's name as Linux tells it, `unknown` elsewhere.
pub fn cpu_name() -> String {
    cpu_field("model name").unwrap_or_else(|| "unknown".into())
}

/// The instruction sets that libtorch's kernels choose by.
pub fn cpu_features() -> Vec<&'static str> {
    let flags = cpu_field("flags").unwrap_or_default();
    let known = ["sse4_2", "avx", "avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_tile"];
    known.into_iter().filter(|name| flags.split_whitespace().any(|flag| flag == *name)).collect()
}

/// Peak resident memory of this process in MiB, as Linux tells it.
pub fn peak_memory_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kib.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0)
}

fn cpu_field(name: &str) -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
    Some(line.split_once(':')?.1.trim().to_string())
}
