//! The programs that tests and benchmarks run.

use std::path::PathBuf;

use crate::{process, workspace};

/// Names a binary to use instead of building one.
pub(crate) const ENVIRONMENT_VARIABLE: &str = "BOSSNAS_ZOO";

/// The same for the trainer.
pub(crate) const TRAINER_VARIABLE: &str = "BOSSNAS_TRAIN";

/// `bossnas-zoo`: the one that `$BOSSNAS_ZOO` names, else built now.
pub(crate) fn ready() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os(ENVIRONMENT_VARIABLE) {
        return Ok(PathBuf::from(path));
    }
    process::run(&mut process::cargo(["build", "--release", "--locked", "--package", "bossnas-zoo"]))?;
    Ok(built("bossnas-zoo"))
}

/// `bossnas-train`: the one that `$BOSSNAS_TRAIN` names, else built now; `None` as long as the trainer has no program.
pub(crate) fn trainer() -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os(TRAINER_VARIABLE) {
        return Ok(Some(PathBuf::from(path)));
    }
    process::run(&mut process::cargo(["build", "--release", "--locked", "--package", "bossnas-trainer", "--bins"]))?;
    let program = built("bossnas-train");
    Ok(program.is_file().then_some(program))
}

fn built(name: &str) -> PathBuf {
    workspace::target().join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
