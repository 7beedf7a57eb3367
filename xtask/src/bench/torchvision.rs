//! What `bossnas-data` makes of images, ours and torchvision's in turn, so that both see the same machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use clap::Args;

use super::measure::median;
use crate::{peers, process, workspace};

/// Photographs of the repository.
const PHOTOGRAPHS: [&str; 1] = ["zoo/assets/flower.jpg"];

/// Two programs that measure the same two things.
pub(super) struct Comparison {
    /// Our benchmark, one of `bossnas-data`'s.
    bench: &'static str,
    /// The Python program beside it.
    peer: &'static str,
    /// What follows each of the two rates that both print.
    unit: &'static str,
    /// What the rates are of.
    what: [&'static str; 2],
    /// How many times as fast as torchvision ours is to be, at the least.
    limit: f64,
}

/// Decoding and the evaluation transform.
pub(super) const IMAGES: Comparison = Comparison {
    bench: "images",
    peer: "tests/peers/torchvision_images.py",
    unit: " images/s",
    what: ["1 at once", "2 at once"],
    limit: 1.5,
};

/// The search's augmented views, on one core.
pub(super) const VIEWS: Comparison = Comparison {
    bench: "views",
    peer: "tests/peers/torchvision_views.py",
    unit: " views/s",
    what: ["HyTra's views, 224 px, from a JPEG file", "NATS-Bench's views, 32 px, from memory"],
    limit: 2.0,
};

/// The inputs of DeiT's recipe, on one core.
pub(super) const TRAINING: Comparison = Comparison {
    bench: "training",
    peer: "tests/peers/torchvision_training.py",
    unit: " inputs/s",
    what: ["DeiT's inputs, 224 px, from a JPEG file", "DeiT's inputs, 32 px, from memory"],
    limit: 2.0,
};

#[derive(Args)]
pub(crate) struct Options {
    /// A Python with torch, torchvision, timm and Pillow [default: the one of `cargo xtask setup --peers`; without it only ours is
    /// measured]
    #[arg(long, value_name = "PYTHON")]
    python: Option<PathBuf>,
    /// How often each is measured, in turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// JPEG files [default: the photograph in zoo/assets]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(comparison: &Comparison, options: &Options) -> anyhow::Result<()> {
    let Comparison { bench, peer, unit, what, limit } = comparison;
    let given = || options.files.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>();
    let files = if options.files.is_empty() {
        PHOTOGRAPHS.iter().map(|file| workspace::root().join(file)).collect()
    } else {
        given()?
    };
    let python = options.python.clone().or_else(|| {
        let peers = peers::python();
        if let Err(why) = &peers {
            eprintln!("only ours is measured: {why:#}");
        }
        peers.ok()
    });
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for _ in 0..options.rounds {
        let mut ours_now = process::cargo(["bench", "--locked", "--package", "bossnas-data", "--bench", bench, "--"]);
        ours.push(rates(ours_now.args(&files), unit)?);
        if let Some(python) = &python {
            theirs.push(rates(Command::new(python).arg(workspace::root().join(peer)).args(&files), unit)?);
        }
    }
    for (index, what) in what.iter().enumerate() {
        let of = |rates: &[[f64; 2]]| median(rates.iter().map(|rates| rates[index]));
        let ratio = if theirs.is_empty() {
            String::new()
        } else {
            format!(", torchvision {:.0}: {:.2} times (limit {limit})", of(&theirs), of(&ours) / of(&theirs))
        };
        println!("{what}: {:.0}{unit}{ratio}", of(&ours));
    }
    Ok(())
}

/// The two rates, from the lines that say so.
fn rates(command: &mut Command, unit: &str) -> anyhow::Result<[f64; 2]> {
    let line = Path::new(command.get_program()).display().to_string();
    let text = String::from_utf8(process::output(command)?.stdout)?;
    let numbers = text.lines().filter_map(|line| line.strip_suffix(unit)?.split(' ').next_back()?.parse().ok());
    let numbers: Vec<f64> = numbers.collect();
    numbers.try_into().ok().with_context(|| format!("{line} printed other lines than two rates:\n{text}"))
}
