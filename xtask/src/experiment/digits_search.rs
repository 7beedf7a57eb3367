//! The search on the digits: how long it takes, and whether what it finds is better than chance.
//!
//! An architecture's score is the sum of its stages' scores, each behind the best paths of the search. It is computed anew twice:
//! with the same weights on other views of the images, and with the weights of a search of its own under another seed.

use std::fmt::Write as _;
use std::path::PathBuf;

use bossnas_files::write_file;
use bossnas_report::plot::{Axis, Point, Scatter, Series};
use bossnas_report::statistics::median;
use clap::Args;

use super::scores::{Scores, found, random_architectures, rate, search, sum};
use super::{folder, pages, trainer};

#[derive(Args)]
pub(crate) struct Options {
    /// Random architectures beside the one that was found
    #[arg(long, default_value_t = 200)]
    random: u64,
    /// The seed of the search; the other search has the next one
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

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
    let seconds = search(&train, &run, options.seed, "corrected")?;
    let (space, best) = found(&run)?;
    search(&train, &other, options.seed + 1, "corrected")?;
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
