//! Which ONNX Runtime a provider is looked for in: the library that `$ORT_DYLIB_PATH` names, else one that was set up.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bossnas_native::{Part, Store};

use super::error::RuntimeError;
use super::provider::Provider;

/// Names a library instead of those that were set up.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Where the system's loader looks for what a library needs.
const SEARCH_VARIABLE: &str = if cfg!(windows) {
    "PATH"
} else if cfg!(target_vendor = "apple") {
    "DYLD_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};

/// A build of ONNX Runtime on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// The library.
    pub path: PathBuf,
    /// Folders with what it and its providers need.
    pub folders: Vec<PathBuf>,
    /// The part of the store that it is; `None` for one that the environment names.
    pub part: Option<Part>,
}

impl Library {
    /// The library that the environment names; nothing is checked.
    pub fn of_environment() -> Option<Self> {
        let path = std::env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty())?;
        Some(Self { path: path.into(), folders: cuda_folders(), part: None })
    }

    /// A build that was set up.
    pub fn of_part(part: Part) -> Option<Self> {
        let installed = Store::of_user().ok()?.installed(part)?;
        let path = installed.onnxruntime_library()?;
        let mut folders = installed.library_folders();
        if part == Part::OnnxRuntimeGpu {
            folders.extend(cuda_folders());
        }
        Some(Self { path, folders, part: Some(part) })
    }

    /// The library in which `provider` is looked for.
    pub fn choose(provider: Provider) -> Result<Self, RuntimeError> {
        if let Some(library) = Self::of_environment() {
            if library.path.is_file() {
                return Ok(library);
            }
            let message = format!("${LIBRARY_VARIABLE} names `{}`, which is no file", library.path.display());
            return Err(RuntimeError::unavailable(message).hint("name libonnxruntime itself, or unset the variable"));
        }
        // A build without the provider says so itself, which is more than that nothing was set up.
        let others = [Part::OnnxRuntime, Part::OnnxRuntimeOpenVino, Part::OnnxRuntimeGpu];
        let found = provider.parts().iter().chain(&others).find_map(|&part| Self::of_part(part));
        found.ok_or_else(|| {
            let message = format!("the runtime ort-{} needs ONNX Runtime, which is not installed", provider.name());
            RuntimeError::unavailable(message).hint(install(provider))
        })
    }

    /// What the process of a runtime needs in its environment to find everything.
    pub(super) fn search_path(&self) -> Option<(&'static str, OsString)> {
        if self.folders.is_empty() {
            return None;
        }
        let before = std::env::var_os(SEARCH_VARIABLE).unwrap_or_default();
        let folders = self.folders.iter().cloned().chain(std::env::split_paths(&before));
        let folders = folders.filter(|folder| folder != Path::new(""));
        Some((SEARCH_VARIABLE, std::env::join_paths(folders).ok()?))
    }
}

/// What brings a library with this provider.
pub fn install(provider: Provider) -> String {
    let by_hand = format!("${LIBRARY_VARIABLE} may name the library of any ONNX Runtime from 1.24 on");
    match provider.parts().first() {
        Some(part) => format!("`{}` installs it; {by_hand}", part.setup_command()),
        None => format!("it needs {}; {by_hand}", provider.needs().unwrap_or("another build of ONNX Runtime")),
    }
}

/// The libraries of CUDA that were set up; those of the system are found without.
fn cuda_folders() -> Vec<PathBuf> {
    let installed = Store::of_user().ok().and_then(|store| store.installed(Part::Cuda));
    installed.map(|installed| installed.library_folders()).unwrap_or_default()
}
