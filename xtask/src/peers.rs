//! The Python environment of `tests/peers`: PyTorch and what else ours is compared with.
//!
//! Only `cargo xtask setup --peers` makes it, since it is large: PyTorch's published wheel for Linux is the one for CUDA, and
//! cannot be loaded without most of CUDA's libraries, on machines without a graphics processor too.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::python::{self, Environment};

/// Names the interpreter to whole-program tests.
pub(crate) const PYTHON_VARIABLE: &str = "BOSSNAS_PEERS_PYTHON";

const REQUIREMENTS: &str = "tests/peers/requirements.txt";

/// The interpreter of the environment; an error where it was not made.
pub(crate) fn python() -> anyhow::Result<PathBuf> {
    let installed = Environment::of(REQUIREMENTS)?.interpreter();
    installed.context("there is no Python environment with PyTorch: `cargo xtask setup --peers` makes it")
}

/// The interpreter of the environment, which is made first where it is missing.
pub(crate) fn set_up() -> anyhow::Result<PathBuf> {
    let environment = Environment::of(REQUIREMENTS)?;
    if environment.interpreter().is_none() {
        eprintln!("installing PyTorch and what else ours is compared with (once; 2 GB to fetch, 4 GB on the disk)");
    }
    let python = python::find(11, "venv").context("Python 3.11 or newer with venv is needed for the peers")?;
    environment.ready(python)
}
