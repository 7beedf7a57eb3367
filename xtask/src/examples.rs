//! The programs of `examples/`, made ready for their tests.

use std::path::PathBuf;

use crate::{process, python};

/// Names the interpreter that the Python example runs in.
pub(crate) const PYTHON_VARIABLE: &str = "BOSSNAS_EXAMPLES_PYTHON";

/// Those in Rust.
pub(crate) const PACKAGES: [&str; 2] = ["classify-onnxruntime", "classify-tract"];

const REQUIREMENTS: &str = "examples/onnxruntime-python/requirements.txt";

/// Builds those in Rust, into the folder of the program.
pub(crate) fn build() -> anyhow::Result<()> {
    // With the program, so that tract is built once, with the features that the program asks for.
    let mut build = process::cargo(["build", "--release", "--locked", "--package", "bossnas-zoo"]);
    for package in PACKAGES {
        build.args(["--package", package]);
    }
    process::run(&mut build)
}

/// The interpreter for the one in Python; `None` where there is no Python.
pub(crate) fn python() -> anyhow::Result<Option<PathBuf>> {
    python::find(11, "venv").map(|python| python::environment(python, REQUIREMENTS)).transpose()
}
