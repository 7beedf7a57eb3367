//! `rate`: the score of every path of a stage, from the weights of a search.

use std::path::{Path, PathBuf};
use std::time::Instant;

use bossnas_converter::checkpoint::{Checkpoint, Choice};
use bossnas_files::SourceFile;
use bossnas_files::npy;
use bossnas_model::space::Space;
use bossnas_report::{Align, Console, Counted, Failure, Table, units};
use bossnas_trainer::search::rate::{Job, Need, RateError, Ratings, available_memory, plain, shared};
use bossnas_trainer::search::siamese::{Extent, Siamese, StagePaths};
use bossnas_trainer::torch::{Placement, TorchError, from_f32};
use serde::Serialize;
use serde_json::{Map, Value};
use tch::{Device, Tensor};

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

Stages are counted from 0. An images file is one batch, [images, 2 views, 3, height, width], float32, normalised; the batch
for statistics may have more views. The checkpoint has the names of the siamese network: online_backbone..., target_necks...
What is printed is what `bossnas-zoo rank --ratings` reads.")]
pub(crate) struct Args {
    /// The search space
    #[arg(long, value_name = "SPACE", help = "The search space: hytra, mbconv, nats-c10 or nats-c100")]
    space: String,
    /// Base width of the space: 64 in the published ones
    #[arg(long, value_name = "N")]
    base: Option<usize>,
    /// Weights of both networks, under their siamese names
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// The stage to rate, counted from 0
    #[arg(long, value_name = "K")]
    stage: usize,
    /// The best paths of the stages before it, such as 60/46
    #[arg(long, value_name = "PATHS")]
    best_paths: Option<String>,
    /// A batch to rate on; give it once for each batch
    #[arg(long, value_name = "FILE.npy", required = true, num_args = 1..)]
    images: Vec<PathBuf>,
    /// The batch that statistics of batch norms are estimated from
    #[arg(long, value_name = "FILE.npy")]
    bn_images: PathBuf,
    /// Only these paths, such as 00,17,71; the target is their mean then
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    paths: Vec<String>,
    /// Which rules hold
    #[arg(
        long,
        value_name = "RULES",
        default_value = "corrected",
        hide_possible_values = true,
        help = "Which rules hold: published, as the released code has them, or corrected"
    )]
    rules: RulesName,
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

#[derive(Serialize)]
struct Document<'a> {
    space: &'a str,
    stage: usize,
    best_paths: &'a [String],
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
    let rules = args.rules.rules();
    let space = space(args)?.with_orientation(rules.attention);
    let stage = stage(args, &space)?;
    let images = args.images.iter().map(|path| read_images(path)).collect::<Result<Vec<_>, _>>()?;
    let bn_images = read_images(&args.bn_images)?;
    let siamese = load(&args.checkpoint, space, &stage)?;
    let job = Job { siamese: &siamese, stage: &stage, rules, images: &images, bn_images: &bn_images };
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
    print(args, console, &ratings, start.elapsed().as_secs_f64())
}

fn space(args: &Args) -> anyhow::Result<Space> {
    let names = || Space::PUBLISHED.map(|space| space.name().to_owned()).join(", ");
    let Ok(space) = args.space.parse::<Space>() else {
        let message = format!("there is no search space `{}`", args.space);
        return Err(Failure::usage(message).hint(format!("there are {}", names())).into());
    };
    match args.base {
        None => Ok(space),
        Some(base) => Ok(space.with_base(base).map_err(|error| Failure::usage(error.to_string()))?),
    }
}

fn stage(args: &Args, space: &Space) -> anyhow::Result<StagePaths> {
    let (number, stages, name) = (args.stage, space.stages(), space.name());
    if number >= stages {
        let message = format!("{name} has no stage {number}");
        return Err(Failure::usage(message).hint(format!("its stages are 0 to {}", stages - 1)).into());
    }
    let best: Vec<&str> = args.best_paths.as_deref().map(|text| text.split('/').collect()).unwrap_or_default();
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
    let best = best.into_iter().map(operations).collect::<Result<Vec<_>, _>>()?;
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

/// The digits of a path.
fn operations(text: &str) -> Result<Vec<u8>, Failure> {
    let digit = |c: char| {
        let message = || format!("`{}` is no path: a path is digits such as 5433", text.escape_debug());
        c.to_digit(10).map(|digit| digit as u8).ok_or_else(|| Failure::usage(message()))
    };
    text.chars().map(digit).collect()
}

fn read_images(path: &Path) -> anyhow::Result<Tensor> {
    let array = npy::read(&SourceFile::open(path)?)?;
    let name = path.display();
    if array.shape.len() != 5 {
        let message = format!("`{name}` holds an array of shape {:?}", array.shape);
        let hint = "images are [images, views, 3, height, width]";
        return Err(Failure::failed(message).hint(hint).into());
    }
    if let Some(value) = array.values.iter().find(|value| !value.is_finite()) {
        return Err(Failure::failed(format!("`{name}` holds {value}")).into());
    }
    Ok(from_f32(&array.values, &array.shape, Device::Cpu).map_err(TorchError::from)?)
}

fn load(path: &Path, space: Space, stage: &StagePaths) -> anyhow::Result<Siamese> {
    let weights = Checkpoint::open(path)?.state_dict(Choice::default())?;
    Siamese::load(space, &stage.parts(), Extent::Parts, &weights, Placement::FIXED).map_err(|error| match error {
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

fn print(args: &Args, console: Console, ratings: &Ratings, seconds: f64) -> anyhow::Result<()> {
    let name = |path: &[u8]| path.iter().map(u8::to_string).collect::<String>();
    let ranked = ratings.ranked();
    if args.json {
        let best_paths: Vec<String> =
            args.best_paths.as_deref().map(|text| text.split('/').map(str::to_owned).collect()).unwrap_or_default();
        let document = Document {
            space: &args.space,
            stage: args.stage,
            best_paths: &best_paths,
            rules: args.rules.rules().name(),
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
