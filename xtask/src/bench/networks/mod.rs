//! How fast BossNet-T0 runs, ours beside PyTorch's export and PyTorch itself: writes `docs/benchmarks.md` and its plot.
//!
//! Everything that is compared is measured in turn. `bossnas-zoo bench` interleaves what it measures itself; Python programs,
//! which answer a number of runs with their times, take turns with it from here.

mod files;
pub(super) mod peer;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use bossnas_report::statistics::Blocks;
use clap::Args;
use serde_json::Value;

use self::files::Files;
use self::peer::Peer;
use self::report::{Plain, Report};
use crate::{peers, process, program, workspace};

const SECONDS: f64 = 6.0;
const ROUNDS: usize = 8;
/// Repetitions of the same thing, in which nothing has changed.
const REPETITIONS: usize = 10;
/// The published ratings, where they are.
const RATINGS: &str = "../shared/data/ranking/nats-c10";

#[derive(Args)]
pub(crate) struct Options {
    /// Seconds of measuring for each variant
    #[arg(long, default_value_t = SECONDS)]
    seconds: f64,
    /// Rounds of Python and bench in turn
    #[arg(long, default_value_t = ROUNDS)]
    rounds: usize,
    /// Where to work; a temporary folder when not given. Needs 2 GB. What was measured there before is not measured again
    #[arg(long)]
    folder: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seconds: SECONDS, rounds: ROUNDS, folder: None }
    }
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let zoo = Zoo { program: program::ready()? };
    let python = peers::python()?;
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    let files = Files::make(&folder, &zoo, &python)?;
    let Options { seconds, rounds, .. } = *options;

    eprintln!("ONNX Runtime and tract, ours and PyTorch's export");
    let mut exports = Vec::new();
    for batch in [1, 8] {
        let report = folder.join(format!("exports-b{batch}.json"));
        exports.push(once(&report, || {
            let options = ["--provider", "cpu,tract", "--threads", "1,2", "--profile"];
            zoo.bench([files.torch(batch), files.ours(batch)], &options, seconds, &folder)
        })?);
    }
    eprintln!("PyTorch, ONNX Runtime in Python, bench");
    let mut plain = Vec::new();
    for threads in [1, 2] {
        plain.push(beside_python(&zoo, &python, &files.ours(1), 224, threads, rounds, &folder)?);
    }
    let small = beside_python(&zoo, &python, &files.small(), files::SMALL, 1, rounds, &folder)?;
    eprintln!("tune");
    let tuned = once(&folder.join("tune.json"), || zoo.tune(&files.any(), &folder))?;
    eprintln!("the same thing, {REPETITIONS} times");
    let verdicts = zoo.repetitions(&files.ours(1), &folder)?;
    let rank = zoo.rank()?;
    let report = Report { exports, plain, small, tuned, verdicts, rank };
    report.write(&workspace::root().join("docs"))
}

/// The program.
struct Zoo {
    program: PathBuf,
}

impl Zoo {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--quiet");
        command
    }

    /// Measures files and returns the report.
    fn bench<const N: usize>(
        &self,
        files: [PathBuf; N],
        options: &[&str],
        seconds: f64,
        folder: &Path,
    ) -> anyhow::Result<Value> {
        let report = folder.join("bench.json");
        let mut bench = self.command();
        bench.arg("bench").args(files).args(options).args(["--seconds", &seconds.to_string(), "--json"]).arg(&report);
        process::output(&mut bench)?;
        read(&report)
    }

    fn tune(&self, file: &Path, folder: &Path) -> anyhow::Result<Value> {
        let mut tune = self.command();
        tune.arg("tune").arg(file).args(["--batch", "1", "--json"]).arg("--html").arg(folder.join("tune.html"));
        Ok(serde_json::from_slice(&process::output(&mut tune)?.stdout)?)
    }

    /// What `--baseline` says of the same thing again and again.
    fn repetitions(&self, file: &Path, folder: &Path) -> anyhow::Result<Vec<String>> {
        let options = ["--provider", "cpu", "--threads", "1"];
        let baseline = folder.join("baseline.json");
        let _ = self.bench([file.to_owned()], &options, 3.0, folder)?;
        std::fs::rename(folder.join("bench.json"), &baseline)?;
        let verdict = |_| {
            let mut bench = self.command();
            bench.arg("bench").arg(file).args(options).args(["--seconds", "3", "--json", "--baseline"]).arg(&baseline);
            // A regression ends with another exit code, which is a verdict too.
            let report: Value = serde_json::from_slice(&bench.output()?.stdout)?;
            let comparison = &report["baseline"][0];
            let verdict = comparison["verdict"].as_str().context("the report has no verdict")?;
            Ok(format!("{verdict} ({:.3})", comparison["ratio"].as_f64().unwrap_or(f64::NAN)))
        };
        (0..REPETITIONS).map(verdict).collect()
    }

    /// Seconds of the ranking of 32,768 architectures, where the ratings are; the median of five.
    fn rank(&self) -> anyhow::Result<Option<f64>> {
        let ratings = workspace::root().join(RATINGS);
        if !ratings.is_dir() {
            return Ok(None);
        }
        let mut times = Vec::new();
        for _ in 0..5 {
            let mut rank = self.command();
            rank.args(["rank", "--json", "--published", "--ratings"])
                .arg(&ratings)
                .arg("--accuracy")
                .arg(ratings.join("accuracy.yml"));
            let start = std::time::Instant::now();
            process::output(&mut rank)?;
            times.push(start.elapsed().as_secs_f64());
        }
        Ok(bossnas_report::statistics::median(&times))
    }
}

/// One file in PyTorch, in a plain loop around ONNX Runtime in Python, and in `bench`, in turn.
fn beside_python(
    zoo: &Zoo,
    python: &Path,
    file: &Path,
    size: usize,
    threads: usize,
    rounds: usize,
    folder: &Path,
) -> anyhow::Result<Plain> {
    let file_text = file.display().to_string();
    let mut eager = Peer::start(python, "torch_time.py", &[], size, threads)?;
    let mut channels_last = Peer::start(python, "torch_time.py", &["--channels-last"], size, threads)?;
    let mut python_loop = Peer::start(python, "ort_time.py", &[&file_text], size, threads)?;
    let threads_text = threads.to_string();
    let options = ["--provider", "cpu", "--threads", &threads_text, "--warm-up", "1"];
    let mut blocks = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        blocks[0].push(eager.block()?);
        blocks[1].push(channels_last.block()?);
        blocks[2].push(python_loop.block()?);
        let report = zoo.bench([file.to_owned()], &options, 1.0, folder)?;
        blocks[3].push(samples(&report["variants"][0]).concat());
    }
    let [eager, channels_last, python_loop, bench] = blocks.map(Blocks::new);
    Ok(Plain { threads, size, version: versions(python)?, eager, channels_last, python_loop, bench })
}

fn versions(python: &Path) -> anyhow::Result<String> {
    let mut command = Command::new(python);
    command.args([
        "-c",
        "import torch, onnxruntime; print('PyTorch', torch.__version__ + ', ONNX Runtime', onnxruntime.__version__)",
    ]);
    Ok(String::from_utf8(process::output(&mut command)?.stdout)?.trim().to_owned())
}

/// The times of a variant, block by block.
fn samples(variant: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(variant["samples_ms"].clone()).unwrap_or_default()
}

/// What `measure` gave, or gave before.
fn once(report: &Path, measure: impl FnOnce() -> anyhow::Result<Value>) -> anyhow::Result<Value> {
    if !report.is_file() {
        let value = measure()?;
        bossnas_files::write_file(report, &serde_json::to_vec(&value)?)?;
    }
    read(report)
}

fn read(path: &Path) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}
