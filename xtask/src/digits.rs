//! `cargo xtask digits`: the project's own network, from the search to the files that are compiled into the program.
//!
//! Searches on the digits, trains the network that was found at a small base width, and lays its ONNX file and its weights down
//! where `bossnas-hub` compiles them in. What `registry.toml` has to say of them is printed. Everything is drawn by seeds; a
//! processor of another kind may round otherwise and end in other last digits.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use bossnas_files::{SourceFile, sha256_of};
use clap::Args;

use crate::runs::{SIZE, Scores, last_average, training};
use crate::{process, program, torch, workspace};

/// Base width of the network that is shipped: both of its files stay below a megabyte.
const BASE: usize = 4;
/// Epochs that it was trained for: fewer than those of the recipe.
const EPOCHS: &str = "60";

#[derive(Args)]
pub(crate) struct Options {
    /// Seed of the search and of the training
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the files go [default: where the program is built from]
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    torch::ready()?;
    let train = program::trainer()?.context("the trainer has no program")?;
    let zoo = program::ready()?;
    let work = workspace::target().join("digits");
    if work.exists() {
        std::fs::remove_dir_all(&work)?;
    }
    std::fs::create_dir_all(&work)?;
    let (search, retrain) = (work.join("search"), work.join("retrain"));
    let seed = options.seed.to_string();
    process::run(Command::new(&train).args(["search", "--config", "digits", "--seed", &seed, "--out"]).arg(&search))?;
    let arch = network(&zoo, &search)?;
    process::run(training(&train, &arch, "digits", options.seed, &retrain).args(["--epochs", EPOCHS]))?;
    let out = options.out.clone().unwrap_or_else(|| workspace::root().join("crates/hub/assets/bossnet-digits"));
    std::fs::create_dir_all(&out)?;
    // The average of the last epoch: no epoch is chosen by the images that it is judged on.
    let weights = retrain.join("last-model_ema.safetensors");
    println!("arch = \"{arch}\"\nsize = {SIZE}");
    let registry = work.join("registry.toml");
    std::fs::write(&registry, told(&std::fs::read_to_string(workspace::root().join("registry.toml"))?, &arch))?;
    for format in ["safetensors", "onnx"] {
        let file = out.join(format!("bossnet-digits.{format}"));
        let mut export = Command::new(&zoo);
        export.args(["export", "BossNet-Digits", "--quiet", "--registry"]).arg(&registry).arg(format!("--{format}"));
        process::output(export.arg("--checkpoint").arg(&weights).arg("-o").arg(&file))?;
        let source = SourceFile::open(&file)?;
        println!("{format} = {{ bytes = {}, sha256 = \"{}\" }}", source.len(), sha256_of(&source)?);
    }
    let Scores { top1, top5, loss: _ } = last_average(&retrain)?;
    println!("published = {{ top1 = {top1:.2}, top5 = {top5:.2} }}");
    Ok(())
}

/// The network that a search has found, at the base width that is shipped.
fn network(zoo: &Path, search: &Path) -> anyhow::Result<String> {
    let mut arch = Command::new(zoo);
    let output = process::output(arch.arg("arch").arg(search).args(["--to", "bossnet", "--with", "silu,se"]))?;
    let text = String::from_utf8(output.stdout)?;
    let (network, _) = text.trim().split_once("+base=").context("a network without a base width")?;
    Ok(format!("{network}+base={BASE}+classes=10"))
}

/// The registry with another architecture and input size of the network.
fn told(registry: &str, arch: &str) -> String {
    let (before, after) = registry.split_once("name = \"BossNet-Digits\"").unwrap_or((registry, ""));
    let line = |line: &str| match line.split_once(" = ") {
        Some(("arch", _)) => format!("arch = \"{arch}\""),
        Some(("size", _)) => format!("size = {SIZE}"),
        _ => line.to_owned(),
    };
    let (model, rest) = after.split_once("\n\n").unwrap_or((after, ""));
    let model: Vec<String> = model.lines().map(line).collect();
    format!("{before}name = \"BossNet-Digits\"{}\n\n{rest}", model.join("\n"))
}
