//! The retraining's step beside PyTorch's: how long it takes, and how far its losses are from PyTorch's, which in turn are some way
//! from each other with other threads and another memory format.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use bossnas_files::write_file;
use bossnas_report::plot::{Axis, Line, Lines};
use bossnas_report::statistics::median;
use clap::Args;
use serde_json::Value;

use super::trainer::{bound, cpus, medians, program};
use crate::{peers, process, workspace};

/// A step of ours takes at most so much of PyTorch's time.
const TIME_LIMIT: f64 = 0.85;
/// Ours is at most so many times as far from PyTorch as PyTorch from itself.
const SPREAD_LIMIT: f64 = 2.0;

#[derive(Args)]
pub(crate) struct Options {
    /// Blocks of each program, in turn
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Steps of the curves
    #[arg(long, default_value_t = 100)]
    steps: usize,
    /// Only the times, or only the curves
    #[arg(long, value_parser = ["steps", "curves"])]
    only: Option<String>,
}

/// The losses of a training.
struct Curve {
    name: &'static str,
    losses: Vec<f64>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let ours = program("retrain")?;
    let python = peers::python()?;
    let peer = workspace::root().join("tests/peers/retrain.py");
    let wants = |what: &str| options.only.as_deref().is_none_or(|only| only == what);
    if wants("steps") {
        println!(
            "A step of BossNet-T0 (forward, backward, AdamW, average), 8 images of 224 x 224: medians of blocks in turn"
        );
        for threads in [1, 2] {
            times(&ours, &python, &peer, threads, options.rounds)?;
        }
    }
    if wants("curves") {
        curves(&ours, &python, &peer, options.steps)?;
    }
    Ok(())
}

fn times(ours: &Path, python: &Path, peer: &Path, threads: usize, rounds: usize) -> anyhow::Result<()> {
    let peer = peer.display().to_string();
    let cpus = cpus(threads);
    let arguments = [&peer, "--images", "8", "--size", "224", "--cpus", &cpus];
    let ours = bound(ours, &["--images", "8", "--size", "224"], threads);
    let [a, b] = medians([ours, bound(python, &arguments, threads)], rounds)?;
    println!("{threads} threads  ours {a:8.0} ms  PyTorch {b:8.0} ms  {:.2} (limit {TIME_LIMIT})", a / b);
    Ok(())
}

fn curves(ours: &Path, python: &Path, peer: &Path, steps: usize) -> anyhow::Result<()> {
    let steps = steps.to_string();
    let of_ours = |threads: usize| losses(&mut bound(ours, &["--curve", "--steps", &steps], threads));
    let of_theirs = |threads: usize, more: &[&str]| {
        let (peer, cpus) = (peer.display().to_string(), cpus(threads));
        let arguments = [&[&*peer, "--curve", "--steps", &steps, "--cpus", &cpus], more].concat();
        losses(&mut bound(python, &arguments, threads))
    };
    let all = [
        Curve { name: "ours, 1 thread", losses: of_ours(1)? },
        Curve { name: "PyTorch, 1 thread", losses: of_theirs(1, &[])? },
        Curve { name: "PyTorch, 2 threads", losses: of_theirs(2, &[])? },
        Curve { name: "PyTorch, channels last", losses: of_theirs(1, &["--channels-last"])? },
    ];
    let compared = Compared::of(&all)?;
    println!("{}", compared.sentence());
    page(&all, &compared)
}

fn losses(command: &mut Command) -> anyhow::Result<Vec<f64>> {
    let output = process::output(command)?;
    let document: Value = serde_json::from_slice(&output.stdout).context("no JSON with losses")?;
    let losses = document["losses"].as_array().context("no losses")?;
    losses.iter().map(|loss| loss.as_f64().context("a loss that is no number")).collect()
}

/// How far curves are from each other, by step, in units of PyTorch's loss.
struct Compared {
    ours: Vec<f64>,
    spread: Vec<f64>,
}

impl Compared {
    fn of([ours, theirs @ ..]: &[Curve; 4]) -> anyhow::Result<Self> {
        let steps = ours.losses.len();
        anyhow::ensure!(theirs.iter().all(|curve| curve.losses.len() == steps), "curves of different lengths");
        let of_step = |step: usize| {
            let losses: Vec<f64> = theirs.iter().map(|curve| curve.losses[step]).collect();
            let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            ((ours.losses[step] - losses[0]).abs() / losses[0].abs(), (highest - lowest) / losses[0].abs())
        };
        let (ours, spread) = (0..steps).map(of_step).unzip();
        Ok(Self { ours, spread })
    }

    fn medians(&self) -> [f64; 2] {
        [&self.ours, &self.spread].map(|values| median(values).unwrap_or(f64::NAN))
    }

    fn sentence(&self) -> String {
        let [ours, spread] = self.medians();
        format!(
            "losses of {} steps: ours is {ours:.1e} from PyTorch (median), PyTorch {spread:.1e} from itself: {:.2} times (limit {SPREAD_LIMIT})",
            self.ours.len(),
            ours / spread
        )
    }
}

fn page(all: &[Curve; 4], compared: &Compared) -> anyhow::Result<()> {
    let pages: PathBuf = workspace::root().join("docs/experiments");
    std::fs::create_dir_all(&pages)?;
    let points = |losses: &[f64]| losses.iter().enumerate().map(|(step, loss)| [step as f64 + 1.0, *loss]).collect();
    let plot = Lines {
        title: "Loss of BossNet-T0 over the first steps".to_owned(),
        x: Axis::linear("step"),
        y: Axis::linear("loss"),
        lines: all.iter().map(|curve| Line::whole(curve.name, points(&curve.losses))).collect(),
        band: None,
        milestones: Vec::new(),
    };
    write_file(pages.join("retrain-curves.svg"), plot.render()?.as_bytes())?;
    let mut table = format!("step,{}\n", all.each_ref().map(|curve| curve.name.replace(", ", " ")).join(","));
    for step in 0..compared.ours.len() {
        let losses = all.each_ref().map(|curve| curve.losses[step].to_string());
        let _ = writeln!(table, "{},{}", step + 1, losses.join(","));
    }
    write_file(pages.join("retrain-curves.csv"), table.as_bytes())?;
    let [ours, spread] = compared.medians();
    let [first, spread_first] =
        [&compared.ours, &compared.spread].map(|values| values.iter().take(10).copied().fold(0.0, f64::max));
    let text = format!(
        "# Retraining beside PyTorch\n\n`cargo xtask bench retrain --only curves` makes this page.\n\n\
         BossNet-T0 with the recipe's weights, four batches of 8 images of 64 x 64 in turn, smoothed labels, AdamW at 1e-4, nothing \
         random: the same numbers in both. What differs is the order of sums, and training makes much of little: AdamW's first steps \
         are the rate times the sign of the gradient.\n\n\
         ![Losses over the first steps](retrain-curves.svg)\n\n\
         | over {} steps | median difference of losses, in units of PyTorch's |\n|---|---:|\n\
         | ours and PyTorch, one thread each | {ours:.2e} |\n\
         | PyTorch with one thread, two, and channels last: highest less lowest | {spread:.2e} |\n\n\
         Ours is {:.2} times as far from PyTorch as PyTorch is from itself; {SPREAD_LIMIT} times are allowed. In the first ten steps it is \
         {first:.1e} away at the most, and PyTorch {spread_first:.1e} from itself. At 1e-6, where the published warm-up begins, ours is \
         within 1e-4 there (`trainer/tests/peer_retraining.rs`). The losses are in `retrain-curves.csv`.\n",
        compared.ours.len(),
        ours / spread
    );
    write_file(pages.join("retrain-curves.md"), text.as_bytes())?;
    println!("wrote docs/experiments/retrain-curves.md, its plot and its table");
    Ok(())
}
