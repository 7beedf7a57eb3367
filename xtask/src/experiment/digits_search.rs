//! The search on the digits: how long it takes, and whether what it finds is better than chance.
//!
//! An architecture's score is the sum of its stages' scores, each behind the best paths of the search. It is computed anew twice:
//! with the same weights on other views of the images, and with the weights of a search of its own under another seed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use bossnas_files::write_file;
use bossnas_model::random::splitmix64;
use bossnas_model::space::Space;
use bossnas_report::plot::{Axis, Point, Scatter, Series};
use bossnas_report::statistics::median;
use clap::Args;
use serde_json::Value;

use super::{folder, json, pages, trainer};
use crate::process;

/// Draws the views that are rated on, other ones than the searches'.
const RATING_SEED: &str = "7";

#[derive(Args)]
pub(crate) struct Options {
    /// Random architectures beside the one that was found
    #[arg(long, default_value_t = 200)]
    random: u64,
    /// The seed of the search; the other search has the next one
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// The scores of each stage's paths.
type Scores = Vec<BTreeMap<String, f64>>;

/// What one way of rating says.
struct Rated {
    how: String,
    found: f64,
    random: Vec<f64>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let train = trainer()?;
    let folder = folder("digits-search")?;
    let (run, other) = (folder.join("run"), folder.join("other"));
    let seconds = search(&train, &run, options.seed)?;
    let (space, best) = found(&run)?;
    search(&train, &other, options.seed + 1)?;
    let paths = best.join("/");
    let again = rate(&train, &run, &best)?;
    let elsewhere = rate(&train, &other, &best)?;
    let architectures = random_architectures(space, &again, options.random)?;
    let rated = |how: &str, scores: &Scores| -> anyhow::Result<Rated> {
        let random = architectures.iter().map(|paths| sum(scores, paths)).collect::<anyhow::Result<_>>()?;
        Ok(Rated { how: how.to_owned(), found: sum(scores, &best)?, random })
    };
    let rated = [
        rated("the same weights, other views", &again)?,
        rated("the weights of a search with another seed, other views", &elsewhere)?,
    ];
    for rated in &rated {
        println!("{}", rated.sentence());
    }
    println!("hytra:{paths}: searched in {seconds:.0} s (limit 360)");
    page(options, &paths, seconds, &rated)
}

fn search(train: &Path, run: &Path, seed: u64) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut command = Command::new(train);
    command.args(["search", "--config", "digits", "--seed", &seed.to_string(), "--out"]).arg(run);
    process::run(&mut command)?;
    Ok(begun.elapsed().as_secs_f64())
}

/// The space of a run, and the path of each stage that was found.
fn found(run: &Path) -> anyhow::Result<(Space, Vec<String>)> {
    let text = std::fs::read(run.join("checkpoint.json"))?;
    let checkpoint: Value = serde_json::from_slice(&text)?;
    let named = checkpoint["space"].as_str().and_then(|name| name.parse::<Space>().ok());
    let base = checkpoint["base"].as_u64().context("a checkpoint without a base width")?;
    let space = named.context("a checkpoint without a space")?.with_base(base as usize)?;
    let paths = checkpoint["best_paths"].as_array().into_iter().flatten();
    Ok((space, paths.filter_map(|path| path.as_str().map(str::to_owned)).collect()))
}

/// The scores of all paths of each stage, behind the same paths for every run.
fn rate(train: &Path, run: &Path, best: &[String]) -> anyhow::Result<Scores> {
    (0..best.len())
        .map(|stage| {
            let mut command = Command::new(train);
            command.args(["rate", "--json", "--seed", RATING_SEED, "--stage", &stage.to_string(), "--run"]).arg(run);
            if stage > 0 {
                command.args(["--best-paths", &best[..stage].join("/")]);
            }
            let document = json(&mut command)?;
            let scores = document["scores"].as_object().context("a rating without scores")?;
            let number = |(path, score): (&String, &Value)| Some((path.clone(), score.as_f64()?));
            Ok(scores.iter().filter_map(number).collect())
        })
        .collect()
}

fn operations(path: &str) -> Vec<u8> {
    path.bytes().map(|digit| digit - b'0').collect()
}

/// Architectures that the space allows, of paths that were rated.
fn random_architectures(space: Space, scores: &Scores, count: u64) -> anyhow::Result<Vec<Vec<String>>> {
    /// A stage may leave none of the rated paths to the next; then all is drawn again.
    const TRIES: u64 = 1000;
    let draw = |stream: u64| -> Option<Vec<String>> {
        let mut before = None;
        let mut paths = Vec::new();
        for (stage, scores) in scores.iter().enumerate() {
            let allowed = |path: &&String| space.check_path(stage, before, &operations(path)).is_ok();
            let allowed: Vec<&String> = scores.keys().filter(allowed).collect();
            let number = splitmix64(stream, stage as u64) as usize;
            let path = allowed.get(number.checked_rem(allowed.len())?)?;
            before = operations(path).last().copied();
            paths.push((*path).clone());
        }
        Some(paths)
    };
    let drawn = (0..count * TRIES).filter_map(|number| draw(splitmix64(1, number)));
    let architectures: Vec<_> = drawn.take(count as usize).collect();
    anyhow::ensure!(architectures.len() == count as usize, "there are no {count} architectures of the rated paths");
    Ok(architectures)
}

fn sum(scores: &Scores, paths: &[String]) -> anyhow::Result<f64> {
    scores.iter().zip(paths).try_fold(0.0, |sum, (scores, path)| {
        Ok(sum + scores.get(path).with_context(|| format!("path {path} was not rated"))?)
    })
}

impl Rated {
    fn median(&self) -> f64 {
        median(&self.random).unwrap_or(f64::NAN)
    }

    /// How many random ones are worse: lower is better.
    fn beaten(&self) -> usize {
        self.random.iter().filter(|score| **score > self.found).count()
    }

    fn sentence(&self) -> String {
        let verdict = if self.found < self.median() { "better than the median" } else { "not better than the median" };
        format!(
            "{}: found {:.4}, median of the random ones {:.4}: {verdict}; better than {} of {}",
            self.how,
            self.found,
            self.median(),
            self.beaten(),
            self.random.len()
        )
    }
}

fn page(options: &Options, paths: &str, seconds: f64, rated: &[Rated; 2]) -> anyhow::Result<()> {
    let [again, elsewhere] = rated;
    let random = again.random.iter().zip(&elsewhere.random).map(|(&x, &y)| Point::new(x, y)).collect();
    let plot = Scatter {
        title: "The architecture that was found, among random ones".to_owned(),
        x: Axis::linear(format!("score: {}", again.how)),
        y: Axis::linear("score: weights of another search"),
        series: vec![
            Series { name: "random".to_owned(), points: random, joined: false },
            Series { name: "found".to_owned(), points: vec![Point::new(again.found, elsewhere.found)], joined: false },
        ],
    };
    let pages: PathBuf = pages()?;
    write_file(pages.join("digits-search.svg"), plot.render()?.as_bytes())?;
    let mut text = format!(
        "# The search on the digits\n\n`cargo xtask experiment digits-search` makes this page.\n\n\
         `bossnas-train search --config digits --seed {}` took {seconds:.0} seconds and found `{paths}`. A score is the sum of \
         the stages' scores, each behind the paths that were found; lower is better. It was computed anew, with views that no \
         search has seen:\n\n| with | found | median of {} random ones | random ones that are worse |\n|---|---:|---:|---:|\n",
        options.seed, options.random
    );
    for rated in rated {
        let _ = writeln!(text, "| {} | {:.4} | {:.4} | {} |", rated.how, rated.found, rated.median(), rated.beaten());
    }
    text += "\n![Scores of the architecture that was found and of random ones](digits-search.svg)\n\n\
             The ratings that the search chose by are those of the first row but for the views, so that row says how much of the \
             choice was luck of the views. The second row asks more: its networks were trained from other weights, on other views, \
             along other paths.\n";
    write_file(pages.join("digits-search.md"), text.as_bytes())?;
    println!("wrote docs/experiments/digits-search.md and its plot");
    Ok(())
}
