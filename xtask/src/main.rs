//! The project's own commands: `cargo xtask <command>`, see `cargo xtask --help`.
//!
//! One file a command. What a command needs beyond Rust it installs under the target folder, with pinned versions; native
//! libraries go to a store of the user's, since they are large and the same for every clone.

mod bench;
mod check;
mod digits;
mod examples;
mod experiment;
mod fuzz;
mod native;
mod onnx_checker;
mod peers;
mod process;
mod program;
mod proto;
mod python;
mod runs;
mod setup;
mod system_packages;
mod test;
mod torch;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Set-up, gate, test driver and benchmarks of bossnas-zoo.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install the tools that the gate needs and native libraries; does nothing when they are there
    Setup(setup::Options),
    /// The gate: formatting, lints, documentation, licences and sources, generated code
    Check,
    /// Build everything and run what CI runs
    Test(test::Options),
    /// Let ONNX's own checker judge exported files, for every opset
    OnnxChecker(onnx_checker::Options),
    /// Run the fuzz targets for a while
    Fuzz(fuzz::Options),
    /// Measure the programs against the limits they are built to
    Bench(bench::Options),
    /// Search, train and write the network that is part of the program
    Digits(digits::Options),
    /// Whole searches and trainings that take minutes, and what they show
    Experiment(experiment::Options),
    /// Generate the Rust code for ONNX's messages from `converter/proto/onnx.proto`
    Proto(proto::Options),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Setup(options) => setup::run(options),
        Command::Check => check::run(),
        Command::Test(options) => test::run(options),
        Command::OnnxChecker(options) => onnx_checker::run(options),
        Command::Fuzz(options) => fuzz::run(options),
        Command::Bench(options) => bench::run(options),
        Command::Digits(options) => digits::run(options),
        Command::Experiment(options) => experiment::run(options),
        Command::Proto(options) => proto::run(options),
    }
}
