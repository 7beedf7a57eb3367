//! For the build scripts of crates that are linked to libtorch: how their programs find it when they run.
//!
//! Whether there is one is looked at when this crate itself is built. Which one it is says torch-sys, to crates that depend
//! on it directly.

#[cfg(test)]
mod missing;

use std::path::{Path, PathBuf};

/// Tells cargo how the programs and tests of the crate whose build script this is are linked to libtorch: its folder is
/// written into them, and its CUDA libraries, which no symbol asks for, are linked where there are some.
pub fn link() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(folder) = folder() {
        for argument in arguments(&folder) {
            println!("cargo::rustc-link-arg={argument}");
        }
    }
}

/// The folder of the libraries that torch-sys was built with, without links, so that a program stays with the libtorch it
/// was built with when `.libtorch` leads elsewhere. `None` on Windows, where programs look in `$PATH`.
pub fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("DEP_TCH_LIBTORCH_LIB")?);
    Some(folder.canonicalize().unwrap_or(folder))
}

/// What the linker is told.
fn arguments(folder: &Path) -> Vec<String> {
    let mut arguments = vec![format!("-Wl,-rpath,{}", folder.display())];
    if folder.join("libtorch_cuda.so").is_file() {
        arguments.extend(["-Wl,--no-as-needed", "-ltorch_cuda", "-Wl,--as-needed"].map(str::to_owned));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;

    use super::*;

    #[test]
    fn cuda_is_linked_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("-Wl,-rpath,{}", folder.path().display());
        assert_eq!(arguments(folder.path()), std::slice::from_ref(&path));
        fs::write(folder.path().join("libtorch_cuda.so"), "").unwrap();
        assert_eq!(arguments(folder.path()), [&path, "-Wl,--no-as-needed", "-ltorch_cuda", "-Wl,--as-needed"]);
    }

    #[test]
    fn where_there_is_no_libtorch_the_command_that_installs_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = OsString::from(folder.path());
        let variable = |name: &str| (name == "LIBTORCH").then(|| root.clone());
        let error = missing::library(variable).unwrap_err();
        assert!(error.contains("libtorch_cpu") && error.contains("`cargo xtask setup --torch`"), "{error}");
        fs::create_dir(folder.path().join("lib")).unwrap();
        for name in ["libtorch_cpu.so", "libtorch_cpu.dylib", "torch_cpu.dll"] {
            fs::write(folder.path().join("lib").join(name), "").unwrap();
        }
        assert!(missing::library(variable).unwrap().is_some_and(|library| library.starts_with(folder.path())));
    }

    #[test]
    fn the_folder_of_the_libraries_may_be_elsewhere_and_python_is_believed() {
        let at = |named: &'static str| move |name: &str| (name == named).then(|| OsString::from("/nowhere"));
        let error = missing::library(at("LIBTORCH_LIB")).unwrap_err();
        assert!(error.contains("/nowhere"), "{error}");
        assert_eq!(missing::library(at("LIBTORCH_USE_PYTORCH")), Ok(None));
        assert_eq!(missing::library(|_| None), Ok(None));
    }
}
