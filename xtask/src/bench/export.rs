//! How long and in how much memory the conversion of a real-sized checkpoint takes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use bossnas_testkit::deit;
use bossnas_testkit::fixtures::Fixtures;
use clap::Args;

use super::measure::{Measured, measure, median};
use crate::program;

/// Seconds that a conversion may take, unless copying and syncing its result takes so long itself that this and
/// [`OVER_COPY`] is more.
const SECONDS: f64 = 0.5;
const OVER_COPY: f64 = 0.3;
/// Seconds with verification.
const SECONDS_VERIFIED: f64 = 2.0;
/// Peak memory in units of the written file.
const PEAK: f64 = 1.5;
/// Peak memory with verification, in units of the written file.
const PEAK_VERIFIED: f64 = 3.0;

#[derive(Args)]
pub(crate) struct Options {
    /// Rounds after the warm-up; each runs everything once
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Where to work; a temporary folder when not given. Needs 1 GB
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let program = program::ready()?;
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(temporary.path());
    let checkpoint = folder.join("bossnet-t0-deit.pth");
    let bytes = write_checkpoint(&checkpoint)?;
    println!("checkpoint: {:.1} MB, {} rounds after one of warm-up", mega(bytes), options.rounds);

    let subjects = Subjects { program, checkpoint, folder: folder.to_owned() };
    let onnx_bytes = subjects.warm_up()?;
    println!("ONNX file: {:.1} MB\n", mega(onnx_bytes));

    let (mut copies, mut plain, mut verified) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..options.rounds {
        // There and back, so that nothing always runs behind the same neighbour.
        if round % 2 == 0 {
            copies.push(subjects.copy()?);
            plain.push(subjects.export(false)?);
            verified.push(subjects.export(true)?);
        } else {
            verified.push(subjects.export(true)?);
            plain.push(subjects.export(false)?);
            copies.push(subjects.copy()?);
        }
    }
    subjects.remove()?;

    let copy = median(copies.iter().copied());
    println!(
        "{:<30}{:>9}{:>8}{:>8}{:>8}{:>8}{:>10}{:>8}{:>7}",
        "", "median s", "min", "max", "limit", "cpu s", "peak MB", "x file", "limit"
    );
    print_seconds("copy and sync the ONNX file", &copies);
    println!();
    print_export("export --no-verify", &plain, SECONDS.max(copy + OVER_COPY), PEAK, onnx_bytes);
    print_export("export (verifies)", &verified, SECONDS_VERIFIED, PEAK_VERIFIED, onnx_bytes);
    Ok(())
}

pub(super) fn write_checkpoint(path: &Path) -> anyhow::Result<u64> {
    let fixtures = Fixtures::open()?;
    let case = fixtures.case("models/T0_224")?;
    let entries = fixtures.state_dict(case)?;
    let gain = case.model_params().context("a forward pass has parameters")?.gain;
    let shapes = entries.iter().map(|entry| (entry.name.as_str(), entry.shape.as_slice()));
    Ok(deit::write_recipe(path, shapes, gain)?)
}

struct Subjects {
    program: PathBuf,
    checkpoint: PathBuf,
    folder: PathBuf,
}

impl Subjects {
    fn onnx(&self) -> PathBuf {
        self.folder.join("reference.onnx")
    }

    fn target(&self) -> PathBuf {
        self.folder.join("written.onnx")
    }

    /// Runs everything once, keeps an ONNX file to copy, and returns its size.
    fn warm_up(&self) -> anyhow::Result<u64> {
        self.export(true)?;
        self.export(false)?;
        fs::rename(self.target(), self.onnx())?;
        self.copy()?;
        Ok(fs::metadata(self.onnx())?.len())
    }

    /// Nobody's earlier writes are waited for by the next.
    fn settle(&self) -> anyhow::Result<()> {
        match fs::remove_file(self.target()) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.into()),
            _ => {}
        }
        rustix::fs::sync();
        Ok(())
    }

    /// Seconds of what any program must do that writes this file for good.
    fn copy(&self) -> anyhow::Result<f64> {
        self.settle()?;
        let start = Instant::now();
        fs::copy(self.onnx(), self.target())?;
        File::open(self.target())?.sync_all()?;
        Ok(start.elapsed().as_secs_f64())
    }

    fn export(&self, verify: bool) -> anyhow::Result<Measured> {
        self.settle()?;
        let mut export = Command::new(&self.program);
        export.args(["export", "BossNet-T0", "--checkpoint"]).arg(&self.checkpoint);
        if !verify {
            export.arg("--no-verify");
        }
        measure(export.arg("-o").arg(self.target()))
    }

    fn remove(&self) -> anyhow::Result<()> {
        for file in [&self.checkpoint, &self.onnx(), &self.target()] {
            fs::remove_file(file)?;
        }
        Ok(())
    }
}

fn print_export(name: &str, runs: &[Measured], limit: f64, peak_limit: f64, file: u64) {
    let seconds: Vec<f64> = runs.iter().map(|run| run.wall.as_secs_f64()).collect();
    let processor = median(runs.iter().map(|run| run.processor.as_secs_f64()));
    let peak = median(runs.iter().map(|run| run.peak as f64));
    let ratio = peak / file as f64;
    print_seconds(name, &seconds);
    print!("{limit:>8.3}{processor:>8.3}{:>10.1}{ratio:>8.2}{peak_limit:>7.1}", peak / 1e6);
    println!("  {}", if median(seconds) <= limit && ratio <= peak_limit { "within" } else { "OVER" });
}

fn print_seconds(name: &str, seconds: &[f64]) {
    let smallest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = seconds.iter().copied().fold(0.0, f64::max);
    let middle = median(seconds.iter().copied());
    print!("{name:<30}{middle:>9.3}{smallest:>8.3}{largest:>8.3}");
}

fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
