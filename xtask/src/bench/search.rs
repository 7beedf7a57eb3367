//! The search's training step beside PyTorch's, and rating beside the published way of rating.

use std::path::Path;

use anyhow::Context as _;
use clap::Args;

use super::trainer::{bound, cpus, medians, program};
use crate::{peers, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Blocks of each program, in turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only these spaces
    #[arg(long, value_delimiter = ',', default_values_t = ["nats-c10", "mbconv", "hytra"].map(str::to_owned))]
    spaces: Vec<String>,
    /// Rate one path in so many the plain way, and count its time as often
    #[arg(long, default_value_t = 8)]
    share: usize,
    /// Only the steps, or only the ratings
    #[arg(long, value_parser = ["steps", "ratings"])]
    only: Option<String>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let ours = program("step")?;
    let wants = |what: &str| options.only.as_deref().is_none_or(|only| only == what);
    if wants("steps") {
        let python = peers::python()?;
        println!("A training step and its two updates alone, 8 images, published rules: medians of blocks in turn");
        for space in &options.spaces {
            for threads in [1, 2] {
                step(&ours, &python, ("step", 0.9), space, threads, options.rounds)?;
            }
            step(&ours, &python, ("lars", 0.6), space, 1, options.rounds)?;
            step(&ours, &python, ("momentum", 0.15), space, 1, options.rounds)?;
        }
    }
    if wants("ratings") {
        println!(
            "Rating all paths of a stage, 1 thread: shared against plain (limits: nats-c10 10, mbconv 15; memory 1.5)"
        );
        for space in options.spaces.iter().filter(|space| *space != "hytra") {
            rating(&ours, space, options.share)?;
        }
    }
    Ok(())
}

fn step(
    ours: &Path,
    python: &Path,
    (part, limit): (&str, f64),
    space: &str,
    threads: usize,
    rounds: usize,
) -> anyhow::Result<()> {
    let peer = workspace::root().join("tests/peers/siamese_time.py").display().to_string();
    let ours = bound(ours, &["--space", space, "--part", part], threads);
    let cpus = cpus(threads);
    let arguments = [&peer, "--space", space, "--images", "8", "--part", part, "--cpus", &cpus];
    let [a, b] = medians([ours, bound(python, &arguments, threads)], rounds)?;
    let ratio = a / b;
    println!("{space:9} {part:9} {threads} threads  ours {a:8.0} ms  PyTorch {b:8.0} ms  {ratio:.2} (limit {limit})");
    Ok(())
}

fn rating(ours: &Path, space: &str, share: usize) -> anyhow::Result<()> {
    let run = |part: &str, share: usize| -> anyhow::Result<serde_json::Value> {
        let mut command = bound(ours, &["--space", space, "--part", part, "--share", &share.to_string()], 1);
        let output = command.output().context("cannot start the benchmark")?;
        anyhow::ensure!(output.status.success(), "the benchmark failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let (shared, plain) = (run("rate-shared", 1)?, run("rate-plain", share)?);
    let number = |value: &serde_json::Value, key: &str| value[key].as_f64().unwrap_or(f64::NAN);
    let plain_all = number(&plain, "ms") / number(&plain, "paths") * number(&shared, "paths");
    let (time, paths) = (number(&shared, "ms"), number(&shared, "paths"));
    println!(
        "{space:9} {paths} paths  shared {:.1} s  plain {:.0} s (from every {share}th path)  {:.1} times  peak {:.0} MB against {:.0} MB: {:.2}",
        time / 1e3,
        plain_all / 1e3,
        plain_all / time,
        number(&shared, "peak_kb") / 1e3,
        number(&plain, "peak_kb") / 1e3,
        number(&shared, "peak_kb") / number(&plain, "peak_kb")
    );
    Ok(())
}
