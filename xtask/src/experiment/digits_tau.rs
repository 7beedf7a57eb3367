//! Whether ratings tell how good architectures are: some of the digits' space are trained alone, from the beginning, and their
//! accuracy is held against the ratings by both sets of rules, and against chance.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use bossnas_files::write_file;
use bossnas_model::random::{splitmix64, unit};
use bossnas_report::plot::{Axis, Point, Scatter, Series};
use bossnas_report::statistics::correlation::Columns;
use clap::Args;
use serde_json::Value;

use super::scores::{found, random_architectures, rate, search, sum};
use super::{events, folder, pages, trainer};
use crate::{process, program};

/// Where every architecture of the space leaves a pixel at its end.
const SIZE: &str = "64";

#[derive(Args)]
pub(crate) struct Options {
    /// Architectures that are trained
    #[arg(long, default_value_t = 24)]
    architectures: u64,
    /// Epochs of each training: few, so that not all end at the same accuracy
    #[arg(long, default_value_t = 12)]
    epochs: u64,
    /// The seed of the searches and of the trainings
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// An architecture with what is known of it.
struct Trained {
    paths: String,
    network: String,
    /// Of the images that were held out.
    top1: f64,
    loss: f64,
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
        let one = train_alone(options, &train, &folder.join(number.to_string()), paths, network)?;
        println!("{}: top-1 {:.2} %, loss {:.4}", one.paths, 100.0 * one.top1, one.loss);
        trained.push(one);
    }
    let rated = |scores| architectures.iter().map(|paths| sum(scores, paths)).collect::<anyhow::Result<Vec<f64>>>();
    let chance = (0..options.architectures).map(|number| unit(splitmix64(options.seed, 99), number)).collect();
    let ways = [
        Way { name: "corrected", scores: rated(&ours)? },
        Way { name: "published", scores: rated(&theirs)? },
        Way { name: "random", scores: chance },
    ];
    page(options, &trained, &ways)
}

/// The network that a path of the search becomes.
fn network(zoo: &Path, arch: &str) -> anyhow::Result<String> {
    let output = process::output(Command::new(zoo).args(["arch", arch, "--to", "bossnet", "--quiet"]))?;
    Ok(format!("{}+classes=10", String::from_utf8(output.stdout)?.trim()))
}

fn train_alone(options: &Options, train: &Path, run: &Path, paths: String, network: String) -> anyhow::Result<Trained> {
    let mut command = Command::new(train);
    command.args(["retrain", "--quiet", "--arch", &network, "--data-set", "digits", "--recipe", "small"]);
    command.args(["--input-size", SIZE, "--threads", "1", "--epochs", &options.epochs.to_string()]);
    process::output(command.args(["--seed", &options.seed.to_string(), "--out"]).arg(run))?;
    let epochs = events(run, "epoch")?;
    let last: &Value = &epochs.last().context("a training without epochs")?["model_ema"];
    let number = |key: &str| last[key].as_f64().with_context(|| format!("an epoch without {key}"));
    Ok(Trained { paths, network, top1: number("top1")?, loss: number("loss")? })
}

fn page(options: &Options, trained: &[Trained], ways: &[Way]) -> anyhow::Result<()> {
    let (top1, loss): (Vec<f64>, Vec<f64>) = trained.iter().map(|one| (100.0 * one.top1, -one.loss)).unzip();
    let mut text = format!(
        "# Do ratings tell how good an architecture is?\n\n`cargo xtask experiment digits-tau` makes this page.\n\n\
         {} architectures of the space that `bossnas-train search --config digits` searches, drawn at random, were each trained alone \
         from the beginning, for {} epochs with the recipe `small` at {SIZE} pixels (seed {}), and judged on the 359 digits that were \
         held out. Kendall's tau-b with its 95 % interval, of the ratings with their sign turned (a rating is a loss) against the accuracy, \
         and against the loss on the same images, which has fewer ties. 1 is the same order, 0 none.\n\n\
         | rules | tau, accuracy | interval | tau, loss | interval |\n|---|---:|---:|---:|---:|\n",
        trained.len(),
        options.epochs,
        options.seed
    );
    for way in ways {
        let turned: Vec<f64> = way.scores.iter().map(|score| -score).collect();
        let mut cells = String::new();
        for truth in [&top1, &loss] {
            let columns = Columns::new(&turned, truth)?;
            let tau = columns.coefficients().tau.map_or_else(|| "-".to_owned(), |tau| format!("{tau:.2}"));
            let interval = columns.intervals().tau;
            let interval = interval.map_or_else(|| "-".to_owned(), |[low, high]| format!("{low:.2} to {high:.2}"));
            let _ = write!(cells, " {tau} | {interval} |");
        }
        println!("{:10} {cells}", way.name);
        let _ = writeln!(text, "| {} |{cells}", way.name);
    }
    text += "\n![Accuracy against ratings](digits-tau.svg)\n\n| path | network | top-1 | loss | corrected | published |\n|---|---|---:|---:|---:|---:|\n";
    for (number, one) in trained.iter().enumerate() {
        let scores: Vec<String> = ways.iter().take(2).map(|way| format!(" {:.4} |", way.scores[number])).collect();
        let scores = scores.concat();
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {:.2} | {:.4} |{scores}",
            one.paths,
            one.network,
            100.0 * one.top1,
            one.loss
        );
    }
    let pages = pages()?;
    // Ratings by different rules have different scales: each is shown by its rank.
    let series = ways.iter().take(2).map(|way| {
        let rank = |score: f64| way.scores.iter().filter(|other| **other < score).count() as f64 + 1.0;
        let points = way.scores.iter().zip(&top1).map(|(&score, &top1)| Point::new(rank(score), top1)).collect();
        Series { name: way.name.to_owned(), points, joined: false }
    });
    let plot = Scatter {
        title: "Accuracy of architectures trained alone".to_owned(),
        x: Axis::linear("rank by rating, 1 is the best"),
        y: Axis::linear("top-1, %"),
        series: series.collect(),
    };
    write_file(pages.join("digits-tau.svg"), plot.render()?.as_bytes())?;
    write_file(pages.join("digits-tau.md"), text.as_bytes())?;
    println!("wrote docs/experiments/digits-tau.md and its plot");
    Ok(())
}
