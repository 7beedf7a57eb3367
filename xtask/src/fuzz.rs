//! `cargo xtask fuzz`: runs the fuzz targets of `fuzz/`, each for a while, on the committed corpus.
//!
//! One toolchain for everything: the sanitizers are unstable options, which `RUSTC_BOOTSTRAP` lets the stable compiler
//! take. What the fuzzer finds interesting goes to the target folder; the committed corpus is only read.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::setup::CARGO_FUZZ;
use crate::{process, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u32,
    /// Which targets; all when none is named
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let program = CARGO_FUZZ.ready()?;
    let mut targets = options.targets.clone();
    if targets.is_empty() {
        let listed = process::output(&mut fuzz(&program, &["list"]))?;
        targets = String::from_utf8(listed.stdout)?.lines().map(str::to_owned).collect();
    }
    let mut report = Vec::new();
    let mut crashed = false;
    for target in &targets {
        let result = run_target(&program, target, options.seconds).with_context(|| format!("fuzz target {target}"))?;
        crashed |= !result.clean;
        let outcome = if result.clean { "clean" } else { "CRASHED" };
        let executions = result.executions.map_or("?".to_owned(), |n| n.to_string());
        report.push(format!("{target}: {outcome} after {executions} executions in {} s", options.seconds));
    }
    for line in report {
        println!("{line}");
    }
    if crashed {
        bail!("a fuzz target crashed: its input lies in fuzz/artifacts");
    }
    Ok(())
}

struct Outcome {
    executions: Option<u64>,
    clean: bool,
}

fn run_target(program: &Path, target: &str, seconds: u32) -> anyhow::Result<Outcome> {
    let found = workspace::target().join("fuzz-corpus").join(target);
    fs::create_dir_all(&found)?;
    let mut run = fuzz(program, &["run", "--target-dir"]);
    run.arg(workspace::target().join("fuzz")).arg(target).arg(found);
    let corpus = workspace::root().join("fuzz/corpus").join(target);
    if corpus.is_dir() {
        run.arg(corpus);
    }
    run.args(["--", &format!("-max_total_time={seconds}"), "-print_final_stats=1", "-rss_limit_mb=1024"]);
    eprintln!("$ {}", process::show(&run));
    let mut child = run.stderr(Stdio::piped()).spawn().context("cannot start cargo-fuzz")?;
    let mut executions = None;
    for line in BufReader::new(child.stderr.take().context("its messages are piped")?).lines() {
        let line = line?;
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            executions = count.trim().parse().ok();
        }
        eprintln!("{line}");
    }
    Ok(Outcome { executions, clean: child.wait()?.success() })
}

fn fuzz(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    // Called by its own name it expects cargo's way of calling it.
    command.arg("fuzz").args(arguments).current_dir(workspace::root()).env("RUSTC_BOOTSTRAP", "1");
    command
}
