//! `cargo xtask bench`: whole programs against the limits they are built to.
//!
//! Nothing here fails because a machine is slow: it prints figures with their limits, for people to judge.

mod demo;
mod eval;
mod export;
mod fetch;
mod measure;
mod networks;
mod search;
mod torchvision;

use clap::{Args, Subcommand};

#[derive(Args)]
pub(crate) struct Options {
    /// Without it: BossNet-T0 beside PyTorch's export and PyTorch, into docs/benchmarks.md
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// A DeiT checkpoint of BossNet-T0 (616 MB) to ONNX (154 MB), with and without verification
    Export(export::Options),
    /// BossNet-T0 beside PyTorch's export and PyTorch: writes docs/benchmarks.md (needs `cargo xtask setup --peers`)
    Networks(networks::Options),
    /// `bossnas-zoo demo`
    Demo,
    /// `bossnas-zoo fetch` against `curl`, from nginx on this machine
    Fetch(fetch::Options),
    /// How busy `eval` keeps the cores, and its memory for few and for many images
    Eval(eval::Options),
    /// Decoding and the evaluation transform, beside torchvision
    Images(torchvision::Options),
    /// The search's augmented views on one core, beside torchvision
    Views(torchvision::Options),
    /// The inputs of a retraining on one core, beside torchvision and timm
    TrainingImages(torchvision::Options),
    /// The search's training step beside PyTorch's, and rating beside the published way (needs `--torch` and `--peers`)
    Search(search::Options),
    /// Run a command and print its seconds, processor seconds and peak memory in bytes (used by the others)
    #[command(hide = true)]
    Measured(measure::Options),
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Some(what) = &options.what else { return networks::run(&networks::Options::default()) };
    match what {
        What::Networks(options) => networks::run(options),
        What::Export(options) => export::run(options),
        What::Demo => demo::run(),
        What::Fetch(options) => fetch::run(options),
        What::Eval(options) => eval::run(options),
        What::Images(options) => torchvision::run(&torchvision::IMAGES, options),
        What::Views(options) => torchvision::run(&torchvision::VIEWS, options),
        What::TrainingImages(options) => torchvision::run(&torchvision::TRAINING, options),
        What::Search(options) => search::run(options),
        What::Measured(options) => measure::run(options),
    }
}
