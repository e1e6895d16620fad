//! Tells the loader where libtorch is: link arguments do not reach dependents, so every crate that runs tensors has
//! these lines.

fn main() {
    if let Ok(libtorch) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}");
    }
}
