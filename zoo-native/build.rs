//! Compiles `cpp/` against the libtorch that torch-sys found.
//!
//! The arithmetic kernels include nothing of libtorch and are compiled once for each x86-64 level, so that the binary
//! runs anywhere and is fast where AVX is present; `cpp/dispatch.cpp` chooses at run time. They must not include
//! headers with inline functions: the linker keeps one copy of such a function, and it may be the AVX-512 one.
//!
//! With `ZOO_SANITIZE=address` all of it is compiled with GCC's AddressSanitizer, whose runtime must be the first library
//! of the program: `scripts/test_native_sanitized.sh` preloads it.

use std::env;
use std::path::{Path, PathBuf};

/// What calls libtorch, by translation unit. Reading libtorch's headers takes far longer than compiling what is ours, so
/// each unit includes many files: those that need autograd's headers, and those that need only a few
/// operations. Names in the anonymous namespaces of one unit must differ.
const UNITS: &[(&str, &[&str])] = &[
    ("autograd", &["comm.cpp", "context.cpp", "dense.cpp", "depthwise.cpp", "nccl.cpp", "norm_activation.cpp"]),
    (
        "operations",
        &[
            "convolution.cpp",
            "dispatch.cpp",
            "generator.cpp",
            "gradient.cpp",
            "optimizer.cpp",
            "pairing.cpp",
            "profile.cpp",
            "separable.cpp",
            "shared_average.cpp",
            "sgd.cpp",
        ],
    ),
];

/// A namespace, the bytes of a vector, and the flags of one instruction level.
type Level = (&'static str, &'static str, &'static [&'static str]);

const BASELINE: Level = ("baseline", "16", &[]);

/// x86-64-v3 and v4, spelled so that older compilers and clang take them.
const X86_64: &[Level] = &[
    ("avx2", "32", &["-mavx2", "-mfma"]),
    ("avx512", "64", &["-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"]),
];

/// The variable that asks for a sanitizer.
const SANITIZE: &str = "ZOO_SANITIZE";

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    println!("cargo:rerun-if-changed=cpp");
    if env::var_os("CARGO_FEATURE_DOC_ONLY").is_some() {
        return Ok(());
    }
    let lib = env::var("DEP_TCH_LIBTORCH_LIB").map_err(|_| "torch-sys did not say where libtorch is")?;
    let lib = PathBuf::from(lib);
    // torch-sys asks Python before it looks at LIBTORCH, which .cargo/config.toml sets.
    if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        println!(
            "cargo:warning=LIBTORCH_USE_PYTORCH is set: this is built against {}; unset it for .libtorch",
            lib.display()
        );
    }
    println!("cargo:rerun-if-env-changed=LIBTORCH_USE_PYTORCH");
    println!("cargo:rerun-if-env-changed={SANITIZE}");
    // Link arguments reach only this package's own tests and examples; dependents have the same line.
    let real = std::fs::canonicalize(&lib).unwrap_or_else(|_| lib.clone());
    println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{}", real.display());
    println!("cargo:rustc-link-search=native={}", lib.display());

    // The kernels are compiled one level after the other, beside the bindings.
    let arch = env::var("CARGO_CFG_TARGET_ARCH")?;
    let (bindings, kernels) = std::thread::scope(|scope| {
        let kernels = scope.spawn(|| kernels(&arch));
        (bindings(&lib), kernels.join())
    });
    let kernels = kernels.map_err(|_| "the thread that compiles the kernels panicked")??;
    base()?.objects(bindings?).objects(kernels).try_compile("zoo_native")?;

    if sanitized()? {
        println!("cargo:rustc-link-lib=dylib=asan");
    }
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rustc-link-lib={}", openmp(&lib)?);
    Ok(())
}

fn bindings(lib: &Path) -> Result<Vec<PathBuf>, Error> {
    let (mut build, nccl) = (base()?, nccl(lib));
    for (name, sources) in UNITS {
        let unit = PathBuf::from(env::var("OUT_DIR")?).join(format!("{name}.cpp"));
        let includes: String = sources.iter().map(|source| format!("#include \"{source}\"\n")).collect();
        std::fs::write(&unit, includes)?;
        build.file(unit);
    }
    build
        // For quoted includes alone: a header of ours has the name of one of the C library's.
        .flag("-iquotecpp")
        .include("cpp/stubs")
        .include(include_dir(lib))
        .include(include_dir(lib).join("torch/csrc/api/include"))
        // libtorch's headers are not warning-free under -Wall; ours are compiled with it in `base`.
        .warnings(false)
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .includes(&nccl)
        // Without it at::parallel_for, a template in a header, compiles to a serial loop.
        .flag("-fopenmp");
    if !nccl.is_empty() {
        build.define("USE_C10D_NCCL", None);
        println!("cargo:rustc-link-lib=torch_cuda");
        println!("cargo:rustc-link-lib=c10_cuda");
    }
    Ok(build.try_compile_intermediates()?)
}

/// The folders of NCCL's and CUDA's headers, where libtorch has CUDA and they are found: beside libtorch, as NVIDIA's wheels
/// have them, in `CUDA_HOME`, or where the system keeps them. Else none.
fn nccl(lib: &Path) -> Vec<PathBuf> {
    println!("cargo:rerun-if-env-changed=CUDA_HOME");
    if !lib.join("libtorch_cuda.so").is_file() {
        return Vec::new();
    }
    let real = std::fs::canonicalize(lib).unwrap_or_else(|_| lib.to_path_buf());
    let wheels = real.ancestors().nth(2).map(|packages| packages.join("nvidia"));
    let mut folders: Vec<PathBuf> =
        wheels.iter().flat_map(std::fs::read_dir).flatten().flatten().map(|entry| entry.path()).collect();
    // The order of a folder's entries is any.
    folders.sort();
    folders.extend(env::var_os("CUDA_HOME").map(PathBuf::from));
    folders.extend(["/usr/local/cuda", "/usr"].map(PathBuf::from));
    let folder_of =
        |header: &str| folders.iter().map(|folder| folder.join("include")).find(|folder| folder.join(header).is_file());
    // CUDA's own headers come in several wheels, and some have only what programs need to run.
    let needed = ["nccl.h", "cuda_runtime_api.h", "crt/host_config.h", "nv/target", "cublas_v2.h", "cusparse.h"];
    let found: Vec<PathBuf> = needed.into_iter().filter_map(folder_of).collect();
    if found.len() == needed.len() { found } else { Vec::new() }
}

fn kernels(arch: &str) -> Result<Vec<PathBuf>, Error> {
    let mut objects = Vec::new();
    let higher = if arch == "x86_64" { X86_64 } else { &[] };
    for (name, bytes, flags) in std::iter::once(&BASELINE).chain(higher) {
        let mut build = base()?;
        build.file("cpp/kernels/level.cpp").define("ZOO_LEVEL", *name).define("ZOO_VECTOR_BYTES", *bytes);
        // Neither changes a result; both stop the compiler from keeping scalar code for errno and floating-point traps.
        build.flag("-fno-math-errno").flag("-fno-trapping-math").flags(*flags);
        // GCC's own headers have vectors that are undefined on purpose, and some versions of it warn of them.
        build.flag("-Wno-uninitialized").flag("-Wno-maybe-uninitialized");
        // Object files are named after their source, and all levels have the same one.
        build.out_dir(PathBuf::from(env::var("OUT_DIR")?).join(name));
        objects.extend(build.try_compile_intermediates()?);
    }
    Ok(objects)
}

fn base() -> Result<cc::Build, Error> {
    let mut build = cc::Build::new();
    // -O3 in every profile: these are inner loops, and a debug build would be measured by someone.
    build.cpp(true).std("c++20").pic(true).opt_level(3).debug(false);
    if sanitized()? {
        build.opt_level(1).flag("-g1").flag("-fsanitize=address").flag("-fno-omit-frame-pointer");
    }
    Ok(build)
}

fn sanitized() -> Result<bool, Error> {
    match env::var(SANITIZE).as_deref() {
        Ok("address") => Ok(true),
        Ok("") | Err(env::VarError::NotPresent) => Ok(false),
        other => Err(format!("unknown {SANITIZE} `{}`; expected `address`", other.unwrap_or("?")).into()),
    }
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
