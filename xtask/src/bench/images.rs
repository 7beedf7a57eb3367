//! Decoding and the evaluation transform, ours and torchvision's in turn, so that both see the same machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use clap::Args;

use super::measure::median;
use crate::{peers, process, workspace};

/// Photographs of the repository.
const IMAGES: [&str; 1] = ["zoo/assets/flower.jpg"];
const PEER: &str = "tests/peers/torchvision_images.py";

#[derive(Args)]
pub(crate) struct Options {
    /// A Python with torch, torchvision and Pillow [default: the one of `cargo xtask setup --peers`; without it only ours is
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

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let given = || options.files.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>();
    let files = if options.files.is_empty() {
        IMAGES.iter().map(|file| workspace::root().join(file)).collect()
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
        let mut bench = process::cargo(["bench", "--locked", "--package", "bossnas-data", "--bench", "images", "--"]);
        ours.push(rates(bench.args(&files))?);
        if let Some(python) = &python {
            theirs.push(rates(Command::new(python).arg(workspace::root().join(PEER)).args(&files))?);
        }
    }
    for (index, workers) in [1, 2].into_iter().enumerate() {
        let of = |rates: &[[f64; 2]]| median(rates.iter().map(|rates| rates[index]));
        let ratio = if theirs.is_empty() {
            String::new()
        } else {
            format!(", torchvision {:.0}: {:.2} times (limit 1.5)", of(&theirs), of(&ours) / of(&theirs))
        };
        println!("{workers} at once: {:.0} images/s{ratio}", of(&ours));
    }
    Ok(())
}

/// Images in a second with one and two at once, from the lines that say so.
fn rates(command: &mut Command) -> anyhow::Result<[f64; 2]> {
    let line = Path::new(command.get_program()).display().to_string();
    let text = String::from_utf8(process::output(command)?.stdout)?;
    let numbers = text.lines().filter_map(|line| line.strip_suffix(" images/s")?.split(' ').next_back()?.parse().ok());
    let numbers: Vec<f64> = numbers.collect();
    numbers.try_into().ok().with_context(|| format!("{line} printed other lines than two rates:\n{text}"))
}
