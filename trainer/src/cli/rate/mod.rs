//! `rate`: the score of every path of a stage, from the weights of a search.
//!
//! What is rated is a [`Subject`], which comes from files that are named one by one ([`files`]) or from the folder of a run
//! ([`searched`]).

mod files;
mod searched;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bossnas_model::space::Space;
use bossnas_model::weights::Weights;
use bossnas_report::{Align, Console, Counted, Failure, Table, units};
use bossnas_trainer::search::Rules;
use bossnas_trainer::search::rate::{Job, Need, RateError, Ratings, available_memory, plain, shared};
use bossnas_trainer::search::siamese::{Extent, Siamese, StagePaths};
use bossnas_trainer::torch::{Placement, TorchError};
use serde::Serialize;
use serde_json::{Map, Value};
use tch::Tensor;

use super::RulesName;

/// Rate the paths of a stage
///
/// The score of a path is the mean loss of the online network's predictions against the mean target of all paths, on two
/// views of each image: from -4 to 4, the lower, the better. Batch norms have the statistics of one batch of their own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-train rate --space nats-c10 --checkpoint search.safetensors --stage 0 --images a.npy --images b.npy --bn-images c.npy
  bossnas-train rate --space nats-c10 --checkpoint search.safetensors --stage 2 --best-paths 60/46 --images a.npy \\
    --bn-images c.npy --json
  bossnas-train rate --space hytra --checkpoint search.safetensors --stage 1 --best-paths 5442 --paths 2000,2311 \\
    --images a.npy --bn-images c.npy --rules published
  bossnas-train rate --run runs/digits --stage 1 --seed 7

--run rates with the weights of a search, behind its best paths and by its rules, on the images that it rates on; another --seed
draws other views of them.

Stages are counted from 0. An images file is one batch, [images, 2 views, 3, height, width], float32, normalised; the batch
for statistics may have more views. The checkpoint has the names of the siamese network: online_backbone..., target_necks...
What is printed is what `bossnas-zoo rank --ratings` reads.")]
pub(crate) struct Args {
    /// The folder of a run, which takes the place of a space, a checkpoint and images
    #[arg(long, value_name = "RUN", conflicts_with_all = ["space", "base", "checkpoint", "images", "bn_images", "rules"])]
    run: Option<PathBuf>,
    /// The images of the run; digits come with the program
    #[arg(long, value_name = "DIR", requires = "run")]
    data: Option<PathBuf>,
    /// Draws the views of a run's images
    #[arg(
        long,
        value_name = "N",
        requires = "run",
        help = "Draws the views of a run's images [default: the run's own]"
    )]
    seed: Option<u64>,
    /// Threads that prepare a run's images [default: one for each core]
    #[arg(long, value_name = "N", requires = "run")]
    workers: Option<NonZero<usize>>,
    /// The search space
    #[arg(
        long,
        value_name = "SPACE",
        required_unless_present = "run",
        help = "The search space: hytra, mbconv, nats-c10 or nats-c100"
    )]
    space: Option<String>,
    /// Base width of the space: 64 in the published ones
    #[arg(long, value_name = "N")]
    base: Option<usize>,
    /// Weights of both networks, under their siamese names
    #[arg(long, value_name = "FILE", required_unless_present = "run")]
    checkpoint: Option<PathBuf>,
    /// The stage to rate, counted from 0
    #[arg(long, value_name = "K")]
    stage: usize,
    /// The best paths of the stages before it
    #[arg(
        long,
        value_name = "PATHS",
        help = "The best paths of the stages before it, such as 60/46 [default with --run: those of the run]"
    )]
    best_paths: Option<String>,
    /// A batch to rate on; give it once for each batch
    #[arg(long, value_name = "FILE.npy", required_unless_present = "run", num_args = 1..)]
    images: Vec<PathBuf>,
    /// The batch that statistics of batch norms are estimated from
    #[arg(long, value_name = "FILE.npy", required_unless_present = "run")]
    bn_images: Option<PathBuf>,
    /// Only these paths, such as 00,17,71; the target is their mean then
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    paths: Vec<String>,
    /// Which rules hold
    #[arg(
        long,
        value_name = "RULES",
        hide_possible_values = true,
        help = "Which rules hold: published, as the released code has them, or corrected [default: corrected]"
    )]
    rules: Option<RulesName>,
    /// Rate as published, path by path and batch by batch: the same scores, for comparison
    #[arg(long)]
    plain: bool,
    /// Memory for what is computed, beside the weights
    #[arg(long, value_name = "MB", conflicts_with = "plain", value_parser = clap::value_parser!(u64).range(1..),
          help = "Memory for what is computed, beside the weights [default: what --plain takes at its peak, or less]")]
    memory: Option<u64>,
    /// Threads of libtorch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=1024),
          help = "Threads of libtorch [default: its own choice]")]
    threads: Option<i32>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What is rated, and on what.
struct Subject {
    rules: Rules,
    stage: StagePaths,
    siamese: Siamese,
    images: Vec<Tensor>,
    bn_images: Tensor,
}

#[derive(Serialize)]
struct Document<'a> {
    space: &'a str,
    stage: usize,
    best_paths: Vec<String>,
    rules: &'static str,
    way: &'static str,
    scores: Map<String, Value>,
    order: Vec<String>,
    seconds: f64,
}

pub(crate) fn run(args: &Args, console: Console) -> anyhow::Result<()> {
    if let Some(threads) = args.threads {
        tch::set_num_threads(threads);
    }
    let subject = match &args.run {
        Some(run) => searched::subject(args, run, console)?,
        None => files::subject(args)?,
    };
    let Subject { rules, stage, siamese, images, bn_images } = &subject;
    let job = Job { siamese, stage, rules: *rules, images, bn_images };
    job.check().map_err(failure)?;
    let limit = memory(args, &job)?;
    let start = Instant::now();
    let bar = console.progress().bar_of("rating", Counted::Things("paths"));
    let mut progress = |done: usize, total: usize| {
        if done == 0 {
            bar.start(0, Some(total as u64));
        }
        bar.set(done as u64);
    };
    let rated = if args.plain { plain(&job, &mut progress) } else { shared(&job, limit, &mut progress) };
    let ratings = rated.map_err(failure)?;
    drop(bar);
    print(args, &subject, console, &ratings, start.elapsed().as_secs_f64())
}

/// The stage that is asked for, behind these paths.
fn stage(args: &Args, space: &Space, best: Vec<Vec<u8>>) -> anyhow::Result<StagePaths> {
    let (number, stages, name) = (args.stage, space.stages(), space.name());
    if number >= stages {
        let message = format!("{name} has no stage {number}");
        return Err(Failure::usage(message).hint(format!("its stages are 0 to {}", stages - 1)).into());
    }
    if best.len() != number {
        let message = format!(
            "stage {number} has {} before it, --best-paths names {}",
            units::counted(number, "stage"),
            best.len()
        );
        let hint = "--best-paths takes one path for each stage before, such as `--stage 2 --best-paths 60/46`";
        return Err(Failure::usage(message).hint(hint).into());
    }
    let explain = |error: bossnas_model::space::PathError| {
        Failure::usage(error.to_string()).hint("messages count stages and layers from 1, --stage counts from 0")
    };
    let stage = StagePaths::new(space, best).map_err(explain)?;
    if args.paths.is_empty() {
        return Ok(stage);
    }
    let mut paths = Vec::new();
    for text in &args.paths {
        let path = operations(text)?;
        if paths.contains(&path) {
            return Err(Failure::usage(format!("--paths names {text} twice")).into());
        }
        paths.push(path);
    }
    Ok(stage.only(space, paths).map_err(explain)?)
}

/// The paths of the stages before, as they are named.
fn best_paths(text: &str) -> Result<Vec<Vec<u8>>, Failure> {
    text.split('/').map(operations).collect()
}

/// The digits of a path.
fn operations(text: &str) -> Result<Vec<u8>, Failure> {
    let digit = |c: char| {
        let message = || format!("`{}` is no path: a path is digits such as 5433", text.escape_debug());
        c.to_digit(10).map(|digit| digit as u8).ok_or_else(|| Failure::usage(message()))
    };
    text.chars().map(digit).collect()
}

/// What a stage needs of weights; `path` is where they are from.
fn load(path: &Path, weights: &dyn Weights, space: Space, stage: &StagePaths) -> anyhow::Result<Siamese> {
    Siamese::load(space, &stage.parts(), Extent::Parts, weights, Placement::FIXED).map_err(|error| match error {
        TorchError::Misfits(misfits) => {
            let lines: Vec<String> = misfits.0.iter().map(ToString::to_string).collect();
            let message = format!(
                "`{}` does not hold the weights of {space}: {} do not fit",
                path.display(),
                units::counted(lines.len(), "tensor")
            );
            Failure::failed(message).detail(lines.join("\n")).into()
        }
        other => other.into(),
    })
}

/// The bytes that may be used; fails before anything is computed where they are too few, or more than there are.
fn memory(args: &Args, job: &Job<'_>) -> anyhow::Result<u64> {
    let need = Need::of(job).map_err(failure)?;
    let largest = job.images.iter().map(|batch| batch.size()[0] as u64).max().unwrap_or(1);
    let plainly = need.plain(largest);
    let limit = match args.memory {
        Some(megabytes) => megabytes.saturating_mul(1_000_000),
        None => need.default_limit(largest),
    };
    let takes = if args.plain { plainly } else { limit.min(need.most(job.images)) };
    if let Some(available) = available_memory().filter(|&available| takes > available) {
        let message = format!("rating takes {}, {} are free", units::bytes(takes), units::bytes(available));
        let hint = if args.plain {
            "without --plain less will do"
        } else {
            "--memory MB sets a limit; smaller batches for statistics need less"
        };
        return Err(Failure::failed(message).hint(hint).into());
    }
    Ok(limit)
}

fn failure(error: RateError) -> anyhow::Error {
    match error {
        RateError::Memory(_) => Failure::failed(error.to_string()).hint("--memory MB allows more").into(),
        other => other.into(),
    }
}

fn print(args: &Args, subject: &Subject, console: Console, ratings: &Ratings, seconds: f64) -> anyhow::Result<()> {
    let name = |path: &[u8]| path.iter().map(u8::to_string).collect::<String>();
    let ranked = ratings.ranked();
    if args.json {
        let document = Document {
            space: subject.siamese.space().name(),
            stage: args.stage,
            best_paths: subject.stage.best().iter().map(|path| name(path)).collect(),
            rules: subject.rules.name(),
            way: if args.plain { "plain" } else { "shared" },
            scores: ratings.0.iter().map(|rated| (name(&rated.path), rated.score.into())).collect(),
            order: ranked.iter().map(|rated| name(&rated.path)).collect(),
            seconds,
        };
        return console.json("rate", &document);
    }
    let mut table = Table::new([("rank", Align::Right), ("path", Align::Left), ("score", Align::Right)]);
    for (rank, rated) in ranked.iter().enumerate() {
        table.row([(rank + 1).to_string(), name(&rated.path), format!("{:.6}", rated.score)]);
    }
    console.print(table.render(console.style()))?;
    console.note(format_args!("{} in {seconds:.1} s", units::counted(ranked.len(), "path")));
    Ok(())
}
