//! Compiles `cpp/` against the libtorch that torch-sys found.
//!
//! The arithmetic kernels include nothing of libtorch and are compiled once for each x86-64 level, so that the binary
//! runs anywhere and is fast where AVX is present; `cpp/dispatch.cpp` chooses at run time. They must not include
//! headers with inline functions: the linker keeps one copy of such a function, and it may be the AVX-512 one.

use std::env;
use std::path::{Path, PathBuf};

/// What calls libtorch.
const BINDINGS: &[&str] = &["cpp/sgd.cpp"];

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    println!("cargo:rerun-if-changed=cpp");
    let lib = env::var("DEP_TCH_LIBTORCH_LIB").map_err(|_| "torch-sys did not say where libtorch is")?;
    let lib = PathBuf::from(lib);
    // Link arguments reach only this package's own tests and examples; dependents have the same line.
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
    println!("cargo:rustc-link-search=native={}", lib.display());

    let mut bindings = base();
    bindings
        .files(BINDINGS)
        .include(include_dir(&lib))
        .include(include_dir(&lib).join("torch/csrc/api/include"))
        // libtorch's headers are not warning-free under -Wall; ours are compiled with it in `base`.
        .warnings(false)
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        // Without it at::parallel_for, a template in a header, compiles to a serial loop.
        .flag("-fopenmp");
    bindings.try_compile("zoo_native")?;

    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rustc-link-lib={}", openmp(&lib)?);
    Ok(())
}

fn base() -> cc::Build {
    let mut build = cc::Build::new();
    // -O3 in every profile: these are inner loops, and a debug build would be measured by someone.
    build.cpp(true).std("c++20").pic(true).opt_level(3).debug(false);
    build
}

fn include_dir(lib: &Path) -> PathBuf {
    lib.parent().unwrap_or(lib).join("include")
}

/// The OpenMP runtime that libtorch itself loads. A second one would bring a second pool of threads.
fn openmp(lib: &Path) -> Result<String, Error> {
    for entry in std::fs::read_dir(lib)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("libgomp") && name.contains(".so") {
            return Ok(format!("dylib:+verbatim={name}"));
        }
    }
    Ok("gomp".to_owned())
}
