//! The machine and the software that a row was made with.

use std::fs;
use std::process::Command;

/// What a figure depends on beside the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Name of the processor.
    pub cpu: String,
    /// Logical processors that the process may use.
    pub cores: usize,
    /// `cpu`, or the device by its flag with the name of the GPU, where that is known.
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
            device: named(device, gpu_name),
            libtorch: zoo_native::cpu::libtorch_version(),
            revision: env!("ZOO_REVISION"),
        }
    }

    /// The same with another device.
    pub fn on(&self, device: &str) -> Environment {
        Environment { device: named(device, gpu_name), ..self.clone() }
    }
}

/// A device by its flag, with the name of its GPU where `gpu_name` tells one: `cuda (NVIDIA H100 80GB HBM3)`.
fn named(device: &str, gpu_name: impl Fn(&str) -> Option<String>) -> String {
    let index = match device.split_once(':') {
        None if device == "cuda" => Some("0"),
        Some(("cuda", index)) => Some(index),
        _ => None,
    };
    index.and_then(gpu_name).map_or_else(|| device.to_string(), |name| format!("{device} ({name})"))
}

/// The name of a GPU, counted as CUDA counts those that it shows this process.
fn gpu_name(index: &str) -> Option<String> {
    let shown = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_default();
    let shown: Vec<&str> = shown.split(',').map(str::trim).filter(|gpu| !gpu.is_empty()).collect();
    let gpu = index.parse::<usize>().ok().and_then(|index| shown.get(index)).unwrap_or(&index);
    let query = ["--query-gpu=name", "--format=csv,noheader", "-i", gpu];
    let output = Command::new("nvidia-smi").args(query).output().ok().filter(|output| output.status.success())?;
    let name = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_string();
    Some(name).filter(|name| !name.is_empty())
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

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_gpu_has_its_name_where_that_is_told() {
        let gpu = |index: &str| (index != "7").then(|| format!("NVIDIA {index}"));
        assert_eq!(named("cuda", gpu), "cuda (NVIDIA 0)");
        assert_eq!(named("cuda:1", gpu), "cuda:1 (NVIDIA 1)");
        assert_eq!(named("cuda:7", gpu), "cuda:7");
        assert_eq!((named("cpu", gpu), named("mps", gpu)), ("cpu".into(), "mps".into()));
    }
}
