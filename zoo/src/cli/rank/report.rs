//! What a ranking says: for people and as JSON.

use std::path::PathBuf;

use bossnas_report::statistics::correlation::{Coefficients, Each, Intervals};
use bossnas_report::{Align, Table, escape, units};
use bossnas_zoo::rank::{Pairing, Ratings};
use serde::{Serialize, Serializer};

use super::Ranked;
use crate::cli::context::Context;

/// How many of the architectures that are rated best are named.
pub(super) const BEST: usize = 5;

const SIGN: &str = "negative: a lower rating goes with a higher accuracy";
const METHOD: &str = "95 % by Fisher's z; variances 0.437/(n-4) for tau (Fieller, Hartley and Pearson 1957), \
                      (1+rho^2/2)/(n-3) for rho (Bonett and Wright 2000), 1/(n-3) for r";

#[derive(Serialize)]
pub(super) struct Document {
    ratings: PathBuf,
    /// Paths that are rated in each stage; none where whole architectures are.
    stages: Vec<usize>,
    accuracy: PathBuf,
    space: &'static str,
    /// Whether the scores were added up as the published scripts do.
    published: bool,
    /// Pairs.
    n: usize,
    /// Between rating and accuracy, as they are.
    #[serde(flatten, serialize_with = "each")]
    coefficients: Coefficients,
    #[serde(serialize_with = "each")]
    intervals: Intervals,
    interval_method: &'static str,
    bootstrap: Option<Resampling>,
    /// What the sign of the coefficients means.
    sign: &'static str,
    /// The coefficients with the sign turned: 1 is perfect.
    #[serde(serialize_with = "each")]
    agreement: Coefficients,
    /// Architectures with an accuracy and without a rating.
    missing: usize,
    /// Architectures that are rated and have no accuracy; `null` where the number is not known.
    not_used: Option<u64>,
    /// Those that are rated best.
    best: Vec<Best>,
    /// How many of them are among as many of the most accurate.
    best_hits: usize,
    /// What the most accurate of all reaches.
    highest_accuracy: f64,
}

#[derive(Serialize)]
struct Resampling {
    resamples: u32,
    seed: u64,
    /// Resamples without a coefficient.
    undefined: u32,
    #[serde(serialize_with = "each")]
    intervals: Intervals,
}

#[derive(Serialize)]
struct Best {
    arch: String,
    rating: f64,
    accuracy: f64,
    /// 1 for the highest accuracy; equal ones share the first of their ranks.
    accuracy_rank: usize,
}

fn each<T: Serialize + Copy, S: Serializer>(each: &Each<T>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Fields<T> {
        tau: T,
        rho: T,
        r: T,
    }
    Fields { tau: each.tau, rho: each.rho, r: each.r }.serialize(serializer)
}

/// The pairs in two orders, by their numbers.
pub(super) struct Order {
    /// From the lowest rating on; equal ones as they come.
    pub(super) by_rating: Vec<usize>,
    /// From the highest accuracy on; equal ones as they come.
    by_accuracy: Vec<usize>,
}

impl Order {
    pub(super) fn of(pairing: &Pairing) -> Self {
        let pairs = &pairing.pairs;
        let mut by_rating: Vec<usize> = (0..pairs.len()).collect();
        let mut by_accuracy = by_rating.clone();
        by_rating.sort_by(|&a, &b| pairs[a].rating.total_cmp(&pairs[b].rating));
        by_accuracy.sort_by(|&a, &b| pairs[b].accuracy.total_cmp(&pairs[a].accuracy));
        Self { by_rating, by_accuracy }
    }

    /// The rank of an accuracy.
    fn accuracy_rank(&self, pairing: &Pairing, accuracy: f64) -> usize {
        1 + self.by_accuracy.partition_point(|&index| pairing.pairs[index].accuracy > accuracy)
    }
}

impl Document {
    pub(super) fn new(ranked: &Ranked<'_>) -> Self {
        let &Ranked { args, ratings, pairing, columns, resampled } = ranked;
        let order = Order::of(pairing);
        let n = pairing.pairs.len();
        let best: Vec<Best> = order.by_rating[..BEST.min(n)]
            .iter()
            .map(|&index| {
                let pair = &pairing.pairs[index];
                Best {
                    arch: pair.arch.to_string(),
                    rating: pair.rating,
                    accuracy: pair.accuracy,
                    accuracy_rank: order.accuracy_rank(pairing, pair.accuracy),
                }
            })
            .collect();
        let coefficients = columns.coefficients();
        Self {
            ratings: args.ratings.clone(),
            stages: match ratings {
                Ratings::Stages { stages, .. } => stages.iter().map(|stage| stage.scores.len()).collect(),
                Ratings::Whole { .. } => Vec::new(),
            },
            accuracy: args.accuracy.clone(),
            space: pairing.space.name(),
            published: args.published,
            n,
            coefficients,
            intervals: columns.intervals(),
            interval_method: METHOD,
            bootstrap: args.bootstrap.zip(resampled).map(|(resamples, resampled)| Resampling {
                resamples,
                seed: args.seed,
                undefined: resampled.undefined,
                intervals: resampled.intervals,
            }),
            sign: SIGN,
            // Not -0 for what is 0.
            agreement: coefficients.map(|coefficient| coefficient.map(|value| 0.0 - value)),
            missing: pairing.missing,
            not_used: pairing.rated.map(|rated| rated.saturating_sub(n as u64)),
            highest_accuracy: order.by_accuracy.first().map_or(f64::NAN, |&index| pairing.pairs[index].accuracy),
            best_hits: best.iter().filter(|best| best.accuracy_rank <= BEST.min(n)).count(),
            best,
        }
    }

    pub(super) fn print(&self, context: &Context) -> anyhow::Result<()> {
        let console = context.console;
        let style = console.style();
        console.line(style.bold(format_args!("{} architectures of {}", units::grouped(self.n as u64), self.space)))?;
        for (label, text) in self.lines() {
            console.line(format_args!("  {label:<10}{}", escape(&text)))?;
        }
        console.line("")?;
        console.print(self.coefficients_table().render(style))?;
        console.line("")?;
        console.print(self.best_table().render(style))?;
        if self.missing > 0 {
            console.warn(format_args!("{} architectures have no rating and are left out", self.missing));
        }
        if self.coefficients.tau.is_none() {
            console.warn("there are no coefficients: they need two pairs, and two different numbers on each side");
        }
        Ok(())
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let paths = |stages: &[usize]| stages.iter().map(usize::to_string).collect::<Vec<_>>().join(" + ");
        let added = match (self.stages.as_slice(), self.published) {
            ([], _) => "whole architectures".to_owned(),
            (stages, false) => format!("{} paths in {} stages, added up", paths(stages), stages.len()),
            (stages, true) => format!(
                "{} paths in {} stages, added up as published: 4 more for each stage, rounded to 4 decimals",
                paths(stages),
                stages.len()
            ),
        };
        let not_used = match self.not_used {
            Some(0) | None => String::new(),
            Some(rest) => format!("; {} more are rated and have no accuracy", units::grouped(rest)),
        };
        let mut lines = vec![
            ("ratings", format!("{}: {added}{not_used}", self.ratings.display())),
            ("accuracy", self.accuracy.display().to_string()),
            (
                "sign",
                "a rating is a loss, lower is better; agreement is the coefficient with its sign turned".to_owned(),
            ),
            ("intervals", self.interval_method.to_owned()),
        ];
        if let Some(bootstrap) = &self.bootstrap {
            let undefined = match bootstrap.undefined {
                0 => String::new(),
                count => format!("; {count} of them have no coefficients"),
            };
            lines.push((
                "bootstrap",
                format!(
                    "95 % by percentiles of {} resamples of the pairs, seed {}{undefined}",
                    bootstrap.resamples, bootstrap.seed
                ),
            ));
        }
        lines.push((
            "best",
            format!(
                "{} of the {} rated best are among the {} most accurate; the highest accuracy is {}",
                self.best_hits,
                self.best.len(),
                self.best.len(),
                self.highest_accuracy
            ),
        ));
        lines
    }

    fn coefficients_table(&self) -> Table {
        let mut columns = vec![
            ("between rating and accuracy", Align::Left),
            ("coefficient", Align::Right),
            ("agreement", Align::Right),
            ("95 % of agreement", Align::Right),
        ];
        if self.bootstrap.is_some() {
            columns.push(("by bootstrap", Align::Right));
        }
        let mut table = Table::new(columns);
        let bootstrap = self.bootstrap.as_ref().map(|bootstrap| bootstrap.intervals).unwrap_or_default();
        let mut row = |name: &str, pick: fn(&Coefficients) -> Option<f64>, ends: fn(&Intervals) -> Option<[f64; 2]>| {
            table.row([
                name.to_owned(),
                number(pick(&self.coefficients)),
                number(pick(&self.agreement)),
                turned(ends(&self.intervals)),
                turned(ends(&bootstrap)),
            ]);
        };
        row("Kendall's tau-b", |each| each.tau, |each| each.tau);
        row("Spearman's rho", |each| each.rho, |each| each.rho);
        row("Pearson's r", |each| each.r, |each| each.r);
        table
    }

    fn best_table(&self) -> Table {
        let mut table = Table::new([
            ("", Align::Right),
            ("rated best", Align::Left),
            ("rating", Align::Right),
            ("accuracy", Align::Right),
            ("rank of accuracy", Align::Right),
        ]);
        for (index, best) in self.best.iter().enumerate() {
            table.row([
                (index + 1).to_string(),
                best.arch.clone(),
                format!("{:.4}", best.rating),
                best.accuracy.to_string(),
                best.accuracy_rank.to_string(),
            ]);
        }
        table
    }
}

/// A coefficient to four decimals.
pub(super) fn number(coefficient: Option<f64>) -> String {
    coefficient.map_or_else(|| "none".to_owned(), |value| format!("{value:.4}"))
}

/// The interval of the coefficient with its sign turned.
fn turned(interval: Option<[f64; 2]>) -> String {
    interval.map_or_else(|| "none".to_owned(), |[low, high]| format!("{:.4} to {:.4}", -high, -low))
}
