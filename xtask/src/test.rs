//! `cargo xtask test`: builds the programs and runs everything that CI runs.

use std::process::Command;

use clap::Args;

use crate::{fuzz, onnx_checker, process, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Run the long rest too: ignored tests, and each fuzz target for a minute
    #[arg(long)]
    all: bool,
    /// Fail where something that is needed for a test is missing, instead of skipping it
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    process::run(&mut process::cargo(["build", "--release", "--locked", "--package", "bossnas-zoo"]))?;
    let mut test = process::cargo(["test", "--release", "--workspace", "--locked", "--no-fail-fast"]);
    if options.all {
        test.args(["--", "--include-ignored"]);
    }
    process::run(with_binary(&mut test))?;
    onnx_checker::run(&onnx_checker::Options { strict: options.strict })?;
    if options.all {
        fuzz::run(&fuzz::Options { seconds: 60, targets: Vec::new() })?;
    }
    Ok(())
}

/// Whole-program tests run the binary that this variable names.
fn with_binary(command: &mut Command) -> &mut Command {
    command.env("BOSSNAS_ZOO", workspace::binary())
}
