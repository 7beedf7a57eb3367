//! `cargo xtask test`: builds the programs and runs everything that CI runs.

use std::path::Path;

use bossnas_native::Part;
use clap::Args;

use crate::{examples, fuzz, native, onnx_checker, peers, process, program, torch, workspace};

/// The variable that makes tests fail where they would skip; `bossnas_tests::strict` reads it.
const STRICT: &str = "BOSSNAS_STRICT";

/// The variable that names the folder for the drawings which an ignored test leaves for people to look at.
const DRAWINGS: &str = "BOSSNAS_DRAWINGS";

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
    native_libraries(options)?;
    let program = program::ready()?;
    examples::build()?;
    // Without xtask, whose dependencies would ask for other features of what tract depends on: tract is built once.
    let mut test = process::cargo(["test", "--release", "--exclude", "xtask"]);
    test.args(torch::all_others());
    // The examples have no tests of their own: whole-program tests run them.
    test.args(examples::PACKAGES.map(|package| format!("--exclude={package}")));
    test.args(["--locked", "--no-fail-fast"]);
    if let Some(python) = examples::python()? {
        test.env(examples::PYTHON_VARIABLE, python);
    }
    // Not made here: it is large.
    if let Ok(python) = peers::python() {
        test.env(peers::PYTHON_VARIABLE, python);
    }
    if options.all {
        let drawings = workspace::target().join("drawings");
        std::fs::create_dir_all(&drawings)?;
        test.env(DRAWINGS, drawings).args(["--", "--include-ignored"]);
    }
    if options.strict {
        test.env(STRICT, "1");
    }
    // Whole-program tests run the binary that this variable names.
    process::run(test.env(program::ENVIRONMENT_VARIABLE, &program))?;
    trainer(options, &program)?;
    process::run(&mut process::cargo(["test", "--release", "--package", "xtask", "--locked"]))?;
    onnx_checker::run(&onnx_checker::Options { strict: options.strict })?;
    if options.all {
        fuzz::run(&fuzz::Options { seconds: 60, targets: Vec::new() })?;
    }
    Ok(())
}

/// The tests of the crates that libtorch is linked to; without it they are skipped.
fn trainer(options: &Options, zoo: &Path) -> anyhow::Result<()> {
    match torch::ready() {
        Err(error) if !options.strict => {
            eprintln!("SKIPPED tests of the trainer: {error:#}");
            return Ok(());
        }
        done => done?,
    }
    let program = program::trainer()?;
    // What one leaves the other reads.
    let mut test = process::cargo(["test", "--release", "--locked", "--no-fail-fast"]);
    test.args(torch::these()).env(program::ENVIRONMENT_VARIABLE, zoo);
    if let Some(program) = program {
        test.env(program::TRAINER_VARIABLE, program);
    }
    if let Ok(python) = peers::python() {
        test.env(peers::PYTHON_VARIABLE, python);
    }
    if options.strict {
        test.env(STRICT, "1");
    }
    if options.all {
        test.args(["--", "--include-ignored"]);
    }
    process::run(&mut test)
}

/// Sets up what tests need and every platform has; without it they are skipped.
fn native_libraries(options: &Options) -> anyhow::Result<()> {
    match native::set_up(&[Part::OnnxRuntime]) {
        Err(error) if !options.strict => {
            eprintln!("SKIPPED tests of ONNX Runtime: {error:#}");
            Ok(())
        }
        done => done,
    }
}
