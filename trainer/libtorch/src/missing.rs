//! Whether torch-sys will find a libtorch.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variables of torch-sys that say where libtorch is.
pub(crate) const VARIABLES: [&str; 3] = ["LIBTORCH", "LIBTORCH_LIB", "LIBTORCH_USE_PYTORCH"];

/// The library that everything in libtorch is built on.
const LIBRARY: &str = if cfg!(windows) {
    "torch_cpu.dll"
} else if cfg!(target_os = "macos") {
    "libtorch_cpu.dylib"
} else {
    "libtorch_cpu.so"
};

/// libtorch's main library, where torch-sys looks for it with these variables; `None` when it asks Python or looks in the
/// system's folders. The error is a sentence that says what to do.
pub(crate) fn library(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<PathBuf>, String> {
    let [libtorch, folder, python] = VARIABLES.map(variable);
    if python.is_some() {
        return Ok(None);
    }
    // Cargo sets it to `.libtorch` of the repository.
    let Some(root) = folder.or(libtorch) else { return Ok(None) };
    let library = Path::new(&root).join("lib").join(LIBRARY);
    if library.is_file() {
        return Ok(Some(library));
    }
    let hint = "`cargo xtask setup --torch` installs it; a libtorch 2.13 of your own is named by $LIBTORCH";
    Err(format!("there is no libtorch: `{}` is missing. {hint}", library.display()))
}
