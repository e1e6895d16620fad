//! Tells the loader where libtorch is. Link arguments do not reach dependents, so every crate that runs tensors is built by
//! these lines: those of the workspace by this file.

/// Passes the linker the folder of libtorch.
pub fn main() {
    if let Ok(libtorch) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        // The library itself and not the link to it, so that the binary runs when the checkout has moved; and RPATH, which
        // LD_LIBRARY_PATH does not overrule as it does RUNPATH: what was built against is what is loaded.
        let libtorch = std::fs::canonicalize(&libtorch).unwrap_or_else(|_| libtorch.into());
        println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{}", libtorch.display());
    }
}
