//! Programs that time the trainer's steps, ours and PyTorch's, on the same processors in turn.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use bossnas_report::statistics::median;

use super::networks::peer::Peer;
use crate::{process, torch};

/// A benchmark of the trainer, built.
pub(super) fn program(name: &str) -> anyhow::Result<PathBuf> {
    torch::ready()?;
    let mut build = process::cargo(["bench", "--locked", "--package", "bossnas-trainer", "--bench", name, "--no-run"]);
    let output = build.args(["--message-format", "json"]).output().context("cannot start cargo")?;
    anyhow::ensure!(output.status.success(), "the trainer's benchmark cannot be built");
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut programs = messages.filter(|message| message["target"]["name"] == name);
    let program = programs.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.context("cargo does not say where the benchmark is")
}

/// A program on the first `threads` processors.
pub(super) fn bound(program: &Path, arguments: &[&str], threads: usize) -> Command {
    let cpus: Vec<String> = (0..threads).map(|cpu| cpu.to_string()).collect();
    let mut command = Command::new("taskset");
    command.args(["-c", &cpus.join(",")]).arg(program).args(arguments).args(["--threads", &threads.to_string()]);
    command.env("OMP_NUM_THREADS", threads.to_string()).env("GOMP_CPU_AFFINITY", cpus.join(" "));
    command
}

/// The processors of a PyTorch program with so many threads.
pub(super) fn cpus(threads: usize) -> String {
    (0..threads).map(|cpu| cpu.to_string()).collect::<Vec<_>>().join(",")
}

/// The median milliseconds of two programs that are timed block by block in turn.
pub(super) fn medians(programs: [Command; 2], rounds: usize) -> anyhow::Result<[f64; 2]> {
    let [first, second] = programs;
    let mut programs = [Peer::of(first)?, Peer::of(second)?];
    let mut times: [Vec<f64>; 2] = Default::default();
    for _ in 0..rounds {
        for (program, times) in programs.iter_mut().zip(&mut times) {
            times.extend(program.block()?);
        }
    }
    Ok(times.map(|times| median(&times).unwrap_or(f64::NAN)))
}
