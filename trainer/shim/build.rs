//! Compiles the C++ half against the libtorch that tch found.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=src/shim.cpp");
    // Of torch-sys, whose `links` is `tch`.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    let Some(libraries) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        println!("cargo:warning=torch-sys does not say where libtorch is");
        return;
    };
    let include = libraries.parent().unwrap_or(Path::new("")).join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        // Its headers are not ours to mend.
        .warnings(false)
        .file("src/shim.cpp")
        .compile("bossnas_torch_shim");
    // For the tests of this crate, which are programs too.
    if !cfg!(windows) {
        let libraries = libraries.canonicalize().unwrap_or(libraries);
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    }
}
