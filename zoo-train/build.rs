//! Tells the loader where libtorch is (link arguments do not reach dependents, so every crate that runs tensors has
//! these lines), and the binary which revision it was built from.

use std::process::Command;

fn main() {
    if let Ok(libtorch) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        // The library itself and not the link to it, so that the binary runs when the checkout has moved; and RPATH, which
        // LD_LIBRARY_PATH does not overrule as it does RUNPATH: what was built against is what is loaded.
        let libtorch = std::fs::canonicalize(&libtorch).unwrap_or_else(|_| libtorch.into());
        println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{}", libtorch.display());
    }
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let revision = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".into());
    println!("cargo:rustc-env=ZOO_REVISION={revision}");
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={log}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
