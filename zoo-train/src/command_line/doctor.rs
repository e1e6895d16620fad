//! `doctor`: what this build and this machine have, for whoever must find out why something is slow or missing.

use crate::command_line::path;
use std::path::PathBuf;

use anyhow::{Error, anyhow};

use zoo_data::data_dir;
use zoo_data::image::jpeg;
use zoo_data::sets::{self, Set, Source};
use zoo_host::console::tell;
use zoo_native::cpu::{SIMD_VARIABLE, Simd};
use zoo_results::environment::{Environment, cpu_features};

#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Folder of the data sets [default: ~/.cache/zoo/data]
    #[arg(long, value_name = "DIR", value_parser = path::argument())]
    data_dir: Option<PathBuf>,
}

pub fn run(args: &DoctorArgs) -> Result<(), Error> {
    let environment = Environment::detect("cpu").with_peak();
    let cuda = match (tch::Cuda::is_available(), tch::Cuda::cudnn_is_available()) {
        (false, _) if tch::utils::has_cuda() => "in this libtorch, but there is no usable GPU".to_string(),
        (false, _) => "not in this libtorch; `./setup.sh --cuda` gets one that has it".to_string(),
        (true, cudnn) => format!("{} device(s), cuDNN {}", tch::Cuda::device_count(), if cudnn { "yes" } else { "no" }),
    };
    let mut rows = vec![
        ("zoo-train", format!("{} (revision {})", env!("CARGO_PKG_VERSION"), environment.revision)),
        ("libtorch", format!("{} in {}", environment.libtorch, loaded_from().unwrap_or_else(|| "unknown".into()))),
        ("CPU", environment.cpu.clone()),
        ("features", cpu_features().join(" ")),
        ("vectors", vectors(&environment)),
        ("threads", format!("{} of {} processors", tch::get_num_threads(), environment.cores)),
        ("MKL", yes(tch::utils::has_mkl())),
        ("OpenMP", yes(tch::utils::has_openmp())),
        ("CUDA", cuda),
        ("MPS", yes(tch::utils::has_mps())),
        ("allocator", zoo_native::allocator::NAME.into()),
        ("JPEG", format!("libjpeg {} assembly", if jpeg::has_assembly() { "with" } else { "without" })),
    ];
    // Those that are checked at once; thousands of image files take longer.
    rows.extend(zoo_engines::libraries().map(|engine| {
        let version = engine.version().unwrap_or_else(|error| error.to_string());
        (engine.title(), version)
    }));
    rows.extend(sets::fetched().filter(|set| set.small).map(|set| (set.title, whole(set, args))));
    for (name, value) in rows {
        tell!("{name:<12} {value}");
    }
    Ok(())
}

/// Whether the files of a data set are all there.
fn whole(set: &Set, args: &DoctorArgs) -> String {
    let folder = || match set.source {
        Source::Fetched { check, .. } => Ok(check(&data_dir(args.data_dir.as_deref())?)?),
        _ => Err(anyhow!("{} cannot be fetched", set.title)),
    };
    folder().map_or_else(|error: Error| error.to_string(), |folder| format!("complete in {}", folder.display()))
}

/// The instructions of our kernels, and what they could do at best.
fn vectors(environment: &Environment) -> String {
    let best = Simd::best();
    let fewer = if environment.simd == best.name() { String::new() } else { format!(" of {}", best.name()) };
    let peak = environment.peak_gflops.unwrap_or_default();
    format!("{}{fewer} ({SIMD_VARIABLE} chooses others), {peak:.0} GFLOP/s a thread at best", environment.simd)
}

fn yes(present: bool) -> String {
    if present { "yes" } else { "no" }.into()
}

/// Where the loader found libtorch.
fn loaded_from() -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| line.contains("libtorch_cpu."))?;
    line.split_whitespace().last().map(String::from)
}
