//! Ends the build with one sentence where there is no libtorch. This crate needs no other, so that its turn may come before
//! that of torch-sys, in which a C++ compiler complains about headers.

#[path = "src/missing.rs"]
mod missing;

fn main() {
    for name in missing::VARIABLES {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/missing.rs");
    match missing::library(|name| std::env::var_os(name)) {
        // Looked for again when it is gone.
        Ok(Some(library)) => println!("cargo::rerun-if-changed={}", library.display()),
        Ok(None) => {}
        Err(missing) => println!("cargo::error={missing}"),
    }
}
