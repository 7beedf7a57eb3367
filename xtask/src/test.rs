//! `cargo xtask test`: builds the programs and runs everything that CI runs.

use clap::Args;

use crate::{fuzz, onnx_checker, process, program};

/// The variable that makes tests fail where they would skip; `bossnas_tests::strict` reads it.
const STRICT: &str = "BOSSNAS_STRICT";

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
    let program = program::ready()?;
    // Without xtask, whose dependencies would ask for other features of what tract depends on: tract is built once.
    let tests = ["test", "--release", "--workspace", "--exclude", "xtask", "--locked", "--no-fail-fast"];
    let mut test = process::cargo(tests);
    if options.all {
        test.args(["--", "--include-ignored"]);
    }
    if options.strict {
        test.env(STRICT, "1");
    }
    // Whole-program tests run the binary that this variable names.
    process::run(test.env(program::ENVIRONMENT_VARIABLE, program))?;
    process::run(&mut process::cargo(["test", "--release", "--package", "xtask", "--locked"]))?;
    onnx_checker::run(&onnx_checker::Options { strict: options.strict })?;
    if options.all {
        fuzz::run(&fuzz::Options { seconds: 60, targets: Vec::new() })?;
    }
    Ok(())
}
