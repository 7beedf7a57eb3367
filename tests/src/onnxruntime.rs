//! ONNX Runtime for tests: where it is, and what becomes of tests without it.

use std::path::PathBuf;

use bossnas_native::{Part, Store};

use crate::strict::skipped;

/// The library of a build that was set up.
pub fn library(part: Part) -> Option<PathBuf> {
    Store::of_user().ok()?.installed(part)?.onnxruntime_library()
}

/// Whether the build for processors is here; if not, the test is skipped by name.
pub fn is_here() -> bool {
    let here = library(Part::OnnxRuntime).is_some();
    if !here {
        skipped(&format!("ONNX Runtime is not installed (`{}`)", Part::OnnxRuntime.setup_command()));
    }
    here
}
