//! `rank`: how well ratings of a search agree with accuracies.

mod plot;
mod report;

use std::path::PathBuf;

use bossnas_files::write_file;
use bossnas_report::statistics::correlation::{Bootstrap, Columns, Resampled};
use bossnas_report::{Counted, Failure};
use bossnas_zoo::rank::{Accuracies, Missing, Pairing, Problem, RankError, Ratings, Space, Sum, pair};
use clap::builder::{PossibleValuesParser, TypedValueParser};

use self::report::Document;
use super::context::Context;

/// Say how well ratings of a search agree with accuracies
///
/// Kendall's tau-b, Spearman's rho and Pearson's r with 95 % intervals. An architecture's rating is the sum of the scores of
/// its stages. Ratings are losses: the lower, the better. So a good rating gives negative coefficients, which is how the
/// published scripts print them and --json has them; "agreement" is the same with the sign turned, and 1 is perfect.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo rank --ratings ranking_mbconv --accuracy accuracy.json
  bossnas-zoo rank --ratings ranking_nats --accuracy accuracy.yml --published --svg nats.svg
  bossnas-zoo rank --ratings search --accuracy trained.csv --space hytra --bootstrap 2000
  bossnas-zoo rank --ratings ratings.json --accuracy trained.csv --allow-missing --json

RATINGS: a folder with path_rank_0.yml, path_rank_1.yml, ... as the published search writes them (lists of pairs, also with
!!python/tuple), or with JSON files {\"stage\": 0, \"scores\": {\"00\": -0.17, ...}}; or a JSON file {\"stages\": [{\"scores\": ...}, ...]},
or {\"ratings\": {\"11/1111/1101/1011/1101\": -13.2, ...}} for whole architectures, which may be YAML too.
ACCURACY: JSON {\"space\": ..., \"models\": [{\"path\": ..., \"top1\": ...}]}, a JSON or YAML map from architectures to numbers, or CSV
lines `arch,accuracy`.")]
pub(crate) struct Args {
    /// What the search said: a folder of stages, or a file
    #[arg(long, value_name = "RATINGS")]
    ratings: PathBuf,
    /// What the architectures reached
    #[arg(long, value_name = "ACCURACY")]
    accuracy: PathBuf,
    /// The search space, where neither a file nor the architectures say it
    #[arg(long, value_name = "SPACE", hide_possible_values = true, value_parser = space_parser(),
          help = "The search space, where neither a file nor the architectures say it: hytra, mbconv, nats-c10 or nats-c100")]
    space: Option<Space>,
    /// Add up as the published scripts do: 4 more for each stage, then rounded to 4 decimals
    #[arg(long)]
    published: bool,
    /// Also intervals by resampling the pairs, N times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=100_000))]
    bootstrap: Option<u32>,
    /// Seed of the resampling
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "bootstrap")]
    seed: u64,
    /// Leave architectures out that have an accuracy but no rating
    #[arg(long)]
    allow_missing: bool,
    /// Draw accuracy against rating into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

fn space_parser() -> impl TypedValueParser<Value = Space> {
    PossibleValuesParser::new(Space::PUBLISHED.map(|space| space.name()))
        .try_map(|name| name.parse::<Space>().map_err(|_| "no such space"))
}

/// Everything that a report is made of.
struct Ranked<'a> {
    args: &'a Args,
    ratings: &'a Ratings,
    pairing: &'a Pairing,
    columns: &'a Columns<'a>,
    resampled: Option<Resampled>,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let ratings = Ratings::read(&args.ratings).map_err(explain)?;
    let accuracies = Accuracies::read(&args.accuracy).map_err(explain)?;
    let sum = if args.published { Sum::Published } else { Sum::Plain };
    let missing = if args.allow_missing { Missing::LeftOut } else { Missing::Refused };
    let pairing = pair(&ratings, &accuracies, args.space, sum, missing).map_err(explain)?;

    let losses: Vec<f64> = pairing.pairs.iter().map(|pair| pair.rating).collect();
    let reached: Vec<f64> = pairing.pairs.iter().map(|pair| pair.accuracy).collect();
    let columns = Columns::new(&losses, &reached)?;
    let resampled = args.bootstrap.map(|resamples| resample(&columns, resamples, args.seed, context));
    let document = Document::new(&Ranked { args, ratings: &ratings, pairing: &pairing, columns: &columns, resampled });
    if let Some(path) = &args.svg {
        write_file(path, plot::scatter(&pairing, columns.coefficients()).render()?.as_bytes())?;
        context.console.note(format_args!("drew `{}`", path.display()));
    }
    if args.json {
        return context.console.json("rank", &document);
    }
    document.print(context)
}

fn resample(columns: &Columns<'_>, resamples: u32, seed: u64, context: &Context) -> Resampled {
    let progress = context.console.progress();
    let bar = progress.bar_of("resampling", Counted::Things("resamples"));
    bar.start(0, Some(resamples.into()));
    columns.resample(Bootstrap { resamples, seed }, |done| bar.set(done.into()))
}

fn explain(error: RankError) -> Failure {
    let message = error.to_string();
    let failed = || Failure::failed(message.clone());
    match error {
        RankError::Missing { .. } => failed().hint("--allow-missing leaves them out"),
        RankError::Ambiguous { fitting, .. } => {
            let options: Vec<String> = fitting.iter().map(|space| format!("--space {space}")).collect();
            Failure::usage(message).hint(format!("say which: {}", options.join(" or ")))
        }
        RankError::NoStages { .. } => Failure::usage(message).hint("leave --published out"),
        RankError::Malformed { problem, .. } => match problem {
            Problem::OneStage => failed().hint("--ratings takes the folder in which all stages are"),
            Problem::Arch { error, .. } => failed().detail(error.caret()),
            Problem::Tag(_) | Problem::Alias => {
                failed().hint("write the file as a plain list of pairs, or as JSON (see `bossnas-zoo help rank`)")
            }
            Problem::Stages { .. } | Problem::StagePath { .. } | Problem::OtherStages { .. } => {
                failed().hint("do ratings and accuracies belong to the same space, and has each stage its own number?")
            }
            Problem::Extension { .. } | Problem::Empty(_) | Problem::Unexpected { .. } | Problem::NoSpace { .. } => {
                failed().hint("`bossnas-zoo help rank` shows the forms of ratings and accuracies")
            }
            _ => failed(),
        },
        _ => failed(),
    }
}
