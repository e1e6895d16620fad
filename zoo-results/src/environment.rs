//! The machine and the software that a row was made with.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use zoo_native::cpu::{Simd, peak_flops};

/// What a figure depends on beside the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Name of the processor, with the instructions where fewer are used than it has.
    pub cpu: String,
    /// The vector instructions of our kernels.
    pub simd: &'static str,
    /// Billions of floating-point operations a second of which one thread was capable; none where it was not measured.
    pub peak_gflops: Option<f64>,
    /// Logical processors that the process may use.
    pub cores: usize,
    /// `cpu`, or the device by its flag with the name of the GPU, where that is known.
    pub device: String,
    /// Version of libtorch, such as `2.13.0`.
    pub libtorch: String,
    /// Git revision that the binary was built from.
    pub revision: &'static str,
}

/// What [`revision`] says.
static REVISION: OnceLock<&'static str> = OnceLock::new();

/// Git revision of this process's binary; `unknown` where it has not told it.
pub fn revision() -> &'static str {
    REVISION.get().copied().unwrap_or("unknown")
}

/// Tells the revision. A binary does it first of all: a library that knew it would be built anew with each commit, and all
/// that uses it.
pub fn set_revision(revision: &'static str) {
    REVISION.get_or_init(|| revision);
}

impl Environment {
    /// Looks at this machine.
    pub fn detect(device: &str) -> Environment {
        Environment {
            cpu: if Simd::current() < Simd::best() {
                format!("{} by {}", cpu_name(), Simd::current().name())
            } else {
                cpu_name()
            },
            simd: Simd::current().name(),
            peak_gflops: None,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            device: named(device, gpu_name),
            libtorch: zoo_native::cpu::libtorch_version(),
            revision: revision(),
        }
    }

    /// The same with the peak of this moment.
    pub fn with_peak(self) -> Environment {
        /// Long enough for the processor to reach its clock.
        const TIME: Duration = Duration::from_millis(60);
        Environment { peak_gflops: Some(peak_flops(TIME) / 1e9), ..self }
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

/// The processor's name as Linux tells it, `unknown` elsewhere. Family and model are part of it: virtual machines call
/// several generations `AMD EPYC`, and those differ twofold in speed.
pub fn cpu_name() -> String {
    cpu_name_in(&cpu_info())
}

fn cpu_name_in(info: &str) -> String {
    let Some(name) = cpu_field(info, "model name") else { return "unknown".into() };
    match (cpu_field(info, "cpu family"), cpu_field(info, "model")) {
        (Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
        _ => name.into(),
    }
}

/// The instruction sets that libtorch's kernels choose by.
pub fn cpu_features() -> Vec<&'static str> {
    let info = cpu_info();
    let flags = cpu_field(&info, "flags").unwrap_or_default();
    let known = ["sse4_2", "avx", "avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_tile"];
    known.into_iter().filter(|name| flags.split_whitespace().any(|flag| flag == *name)).collect()
}

/// Peak resident memory of this process in MiB, as Linux tells it.
pub fn peak_memory_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kib.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0)
}

/// What Linux tells of the processors; nothing elsewhere.
fn cpu_info() -> String {
    fs::read_to_string("/proc/cpuinfo").unwrap_or_default()
}

/// What is told of the first processor under `name`.
fn cpu_field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = info.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::{cpu_name_in, named};

    #[test]
    fn a_gpu_has_its_name_where_that_is_told() {
        let gpu = |index: &str| (index != "7").then(|| format!("NVIDIA {index}"));
        assert_eq!(named("cuda", gpu), "cuda (NVIDIA 0)");
        assert_eq!(named("cuda:1", gpu), "cuda:1 (NVIDIA 1)");
        assert_eq!(named("cuda:7", gpu), "cuda:7");
        assert_eq!((named("cpu", gpu), named("mps", gpu)), ("cpu".into(), "mps".into()));
    }
    #[test]
    fn processors_of_one_name_are_told_apart() {
        let info = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\n\
                    model name\t: AMD EPYC\nstepping\t: 1\ncpu MHz\t\t: 2596.122\n\nprocessor\t: 1\nmodel\t\t: 3\n";
        assert_eq!(cpu_name_in(info), "AMD EPYC (family 26, model 2)");
        assert_eq!(cpu_name_in("model name\t: Neoverse-N1\n"), "Neoverse-N1");
        assert_eq!((cpu_name_in("CPU implementer\t: 0x41\n"), cpu_name_in("")), ("unknown".into(), "unknown".into()));
    }
}
