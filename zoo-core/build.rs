//! Tells the loader where libtorch is. Link arguments do not reach dependents, so every crate whose tests or binaries may run
//! tensors is built by these lines: those of the workspace by this file.

use std::path::PathBuf;

/// Passes the linker the folder of libtorch.
pub fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let told = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from);
    // Crates that need no tensors are not told; their tests are linked with what the crates below them may use.
    let usual = || std::env::var_os("LIBTORCH").map(|folder| PathBuf::from(folder).join("lib"));
    if let Some(libtorch) = told.or_else(usual) {
        // The library itself and not the link to it, so that the binary runs when the checkout has moved; and RPATH, which
        // LD_LIBRARY_PATH does not overrule as it does RUNPATH: what was built against is what is loaded.
        let libtorch = std::fs::canonicalize(&libtorch).unwrap_or(libtorch);
        println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{}", libtorch.display());
    }
}
