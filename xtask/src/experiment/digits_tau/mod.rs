//! Whether ratings tell how good architectures are: some of the digits' space are trained alone, from the beginning, and their
//! accuracy is held against the ratings by both sets of rules, and against chance.
//!
//! Each is trained under several seeds. How far these agree with each other is the most that any rating could reach.

mod page;

use std::path::Path;
use std::process::Command;

use bossnas_model::random::{splitmix64, unit};
use clap::Args;

use super::scores::{found, random_architectures, rate, search, sum};
use super::{folder, trainer};
use crate::runs::{Scores, last_average, training};
use crate::{process, program};

#[derive(Args)]
pub(crate) struct Options {
    /// Architectures that are trained
    #[arg(long, default_value_t = 24)]
    architectures: u64,
    /// Epochs of each training: few, so that not all end at the same accuracy
    #[arg(long, default_value_t = 12)]
    epochs: u64,
    /// Trainings of each architecture, each under a seed of its own
    #[arg(long, default_value_t = 2)]
    trainings: u64,
    /// The seed of the searches and of the first trainings
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// An architecture with what is known of it.
struct Trained {
    paths: String,
    network: String,
    /// What each training of it came to, on the images that were held out.
    outcomes: Vec<Scores>,
}

/// A way of rating.
struct Way {
    name: &'static str,
    scores: Vec<f64>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let (train, zoo) = (trainer()?, program::ready()?);
    let folder = folder("digits-tau")?;
    let (corrected, published) = (folder.join("corrected"), folder.join("published"));
    search(&train, &corrected, options.seed, "corrected")?;
    search(&train, &published, options.seed, "published")?;
    // Both rate the same paths, behind the same ones.
    let (space, best) = found(&corrected)?;
    let (ours, theirs) = (rate(&train, &corrected, &best)?, rate(&train, &published, &best)?);
    let architectures = random_architectures(space, &ours, options.architectures)?;
    let mut trained = Vec::new();
    for (number, paths) in architectures.iter().enumerate() {
        let paths = paths.join("/");
        let network = network(&zoo, &format!("hytra:{paths}+base={}", space.base()))?;
        let train = |seed: u64| train_alone(options, &train, &folder.join(format!("{number}-{seed}")), &network, seed);
        let outcomes = (options.seed..options.seed + options.trainings).map(train).collect::<anyhow::Result<_>>()?;
        let one = Trained { paths, network, outcomes };
        println!("{}: top-1 {:.2} %, loss {:.4}", one.paths, one.top1(), one.loss());
        trained.push(one);
    }
    let rated = |scores| architectures.iter().map(|paths| sum(scores, paths)).collect::<anyhow::Result<Vec<f64>>>();
    let chance = (0..options.architectures).map(|number| unit(splitmix64(options.seed, 99), number)).collect();
    let ways = [
        Way { name: "corrected", scores: rated(&ours)? },
        Way { name: "published", scores: rated(&theirs)? },
        Way { name: "random", scores: chance },
    ];
    page::write(options, &trained, &ways)
}

/// The network that a path of the search becomes.
fn network(zoo: &Path, arch: &str) -> anyhow::Result<String> {
    let output = process::output(Command::new(zoo).args(["arch", arch, "--to", "bossnet", "--quiet"]))?;
    Ok(format!("{}+classes=10", String::from_utf8(output.stdout)?.trim()))
}

fn train_alone(options: &Options, train: &Path, run: &Path, network: &str, seed: u64) -> anyhow::Result<Scores> {
    let mut command = training(train, network, "digits", seed, run);
    process::output(command.args(["--quiet", "--epochs", &options.epochs.to_string()]))?;
    last_average(run)
}

impl Trained {
    fn mean(&self, of: impl Fn(&Scores) -> f64) -> f64 {
        self.outcomes.iter().map(of).sum::<f64>() / self.outcomes.len() as f64
    }

    /// In per cent, the mean of all trainings.
    fn top1(&self) -> f64 {
        self.mean(|outcome| outcome.top1)
    }

    fn loss(&self) -> f64 {
        self.mean(|outcome| outcome.loss)
    }
}
