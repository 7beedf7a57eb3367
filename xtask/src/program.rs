//! The program that tests and benchmarks run.

use std::path::PathBuf;

use crate::{process, workspace};

/// Names a binary to use instead of building one.
pub(crate) const ENVIRONMENT_VARIABLE: &str = "BOSSNAS_ZOO";

/// `bossnas-zoo`: the one that `$BOSSNAS_ZOO` names, else built now.
pub(crate) fn ready() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os(ENVIRONMENT_VARIABLE) {
        return Ok(PathBuf::from(path));
    }
    process::run(&mut process::cargo(["build", "--release", "--locked", "--package", "bossnas-zoo"]))?;
    Ok(workspace::target().join("release").join(format!("bossnas-zoo{}", std::env::consts::EXE_SUFFIX)))
}
