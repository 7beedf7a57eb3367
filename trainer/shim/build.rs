//! Compiles the C++ half against the libtorch that torch-sys found.

use std::path::PathBuf;

fn main() {
    bossnas_libtorch::link();
    println!("cargo::rerun-if-changed=src/shim.cpp");
    // `lib` beside `include`, also where the former is a link.
    let Some(include) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from).map(|lib| lib.join("../include"))
    else {
        println!("cargo::error=torch-sys does not say where libtorch is");
        return;
    };
    let Some(allocator) = std::env::var_os("DEP_MIMALLOC_INCLUDE_DIR") else {
        println!("cargo::error=libmimalloc-sys does not say where its header is");
        return;
    };
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .include(allocator)
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        // Its headers are not ours to mend.
        .warnings(false)
        .file("src/shim.cpp")
        .compile("bossnas_torch_shim");
}
