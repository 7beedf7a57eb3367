//! `cargo xtask experiment`: what takes minutes and needs the programs whole. Each prints what it found, beside what was asked
//! for; those with something to show write a page to `docs/experiments`.

mod accuracy;
mod digits_search;
mod digits_tau;
mod kills;
mod scores;
mod steady;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{process, program, torch, workspace};

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Train the network that is shipped anew under several seeds, and count how often it is right about what was held out
    Accuracy(accuracy::Options),
    /// Search on the digits, and rate what was found beside 200 random architectures: with other views, and with the weights
    /// of another search
    DigitsSearch(digits_search::Options),
    /// Train random architectures of the digits' space alone, and hold their accuracy against the ratings by both sets of rules
    DigitsTau(digits_tau::Options),
    /// Kill a search and a retraining twenty times at random steps; what they end with must be what undisturbed ones end with, byte by
    /// byte
    Kills,
    /// Whether searches and a retraining wait for their images, and whether their memory grows, on made-up data of the published
    /// shapes
    Steady(steady::Options),
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match &options.what {
        What::Accuracy(options) => accuracy::run(options),
        What::DigitsSearch(options) => digits_search::run(options),
        What::DigitsTau(options) => digits_tau::run(options),
        What::Kills => kills::run(),
        What::Steady(options) => steady::run(options),
    }
}

/// The trainer's program, built now if need be.
fn trainer() -> anyhow::Result<PathBuf> {
    torch::ready()?;
    program::trainer()?.context("the trainer has no program")
}

/// An empty folder for what an experiment leaves, under the target folder.
fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let folder = workspace::target().join("experiments").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty `{}`", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Where pages of experiments lie.
fn pages() -> anyhow::Result<PathBuf> {
    let pages = workspace::root().join("docs/experiments");
    std::fs::create_dir_all(&pages)?;
    Ok(pages)
}

/// What a command prints, as JSON.
fn json(command: &mut Command) -> anyhow::Result<Value> {
    let output = process::output(command)?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("`{}` printed no JSON", process::show(command)))
}
