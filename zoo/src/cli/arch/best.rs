//! `arch best`: the best whole architectures of a search, under limits.

use std::path::PathBuf;

use bossnas_hub::Resolved;
use bossnas_report::{Align, Failure, Table, units};
use bossnas_zoo::best::{BestError, Limits, Task, Whole, best};
use bossnas_zoo::run_folder::{RunFolder, Scored};
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::{amount, model, searched};

/// List the best whole architectures of a search, under limits
///
/// The score of a whole architecture is the sum of its stages' scores (losses: the lower, the better), as in the paper. The list
/// is exact: no architecture within the limits that is not on it has a smaller sum. Every stage must have been rated, each
/// given the best path of the stages before; in HyTra only those paths follow each other whose maps fit.
///
/// Multiply-adds and parameters are those of the path through the supernet, from the image to the features, without a
/// classifier, for one image of the size that the search trained on (--size for another one). A BossNet that is retrained
/// from a HyTra path costs something else: `bossnas-zoo arch PATH --to bossnet`, then `bossnas-zoo info`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo arch best runs/hytra
  bossnas-zoo arch best runs/hytra -n 20 --max-madds 3.4G --max-params 40M
  bossnas-zoo arch best runs/mbconv --max-madds 400M --json
  bossnas-zoo arch best runs/nats --max-params 300k --size 32")]
pub(crate) struct Args {
    /// The run folder of a search
    #[arg(value_name = "RUN")]
    run: String,
    /// How many
    #[arg(short, long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    number: u16,
    /// Most multiply-adds for one image
    #[arg(long, value_name = "X", value_parser = amount::parse, help = "Most multiply-adds for one image, such as 400M or 3.4G")]
    max_madds: Option<u64>,
    /// Most trained parameters
    #[arg(long, value_name = "X", value_parser = amount::parse, help = "Most trained parameters, such as 5M or 300k")]
    max_params: Option<u64>,
    /// Size of the image that multiply-adds are for [default: that of the search]
    #[arg(long, value_name = "N|HxW")]
    size: Option<crate::cli::size::Size>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    run: PathBuf,
    space: &'static str,
    /// Height and width of the image that multiply-adds are for.
    size: [usize; 2],
    max_madds: Option<u64>,
    max_params: Option<u64>,
    architectures: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    arch: String,
    /// The sum of `scores`.
    score: f64,
    /// Of each stage.
    scores: Vec<f64>,
    madds: u64,
    params: u64,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let registry = context.registry()?;
    let Resolved::Run(path) = model::find(&registry, &args.run)? else {
        let message = format!("`{}` is no run folder of a search", args.run);
        return Err(Failure::usage(message)
            .hint("`bossnas-train search` writes one; `bossnas-zoo arch --help`")
            .into());
    };
    let run = searched::open(&path)?;
    let size = args.size.map_or([run.checkpoint.image_size; 2], Into::into);
    let ratings = ratings(&run)?;
    let limits = Limits { multiply_adds: args.max_madds, params: args.max_params };
    let task = Task { space: &run.space(), size, ratings: &ratings };
    let found = best(&task, args.number.into(), limits).map_err(|error| explain(&error, size))?;
    let document = Document {
        space: run.space().name(),
        size,
        max_madds: args.max_madds,
        max_params: args.max_params,
        architectures: found.iter().filter_map(|whole| Row::of(&run, whole)).collect(),
        run: run.path,
    };
    if args.json {
        return context.console.json("arch-best", &document);
    }
    context.console.print(document.table().render(context.console.style()))?;
    let [height, width] = size;
    context.console.note(format_args!(
        "multiply-adds are for one image of {height} x {width}, up to the features: without a classifier"
    ));
    Ok(())
}

/// The ratings of all stages.
fn ratings(run: &RunFolder) -> Result<Vec<&[Scored]>, Failure> {
    run.stages
        .iter()
        .enumerate()
        .map(|(number, stage)| {
            let rated = stage.ratings.as_ref().map(|ratings| ratings.scores.as_slice());
            rated.ok_or_else(|| {
                let message =
                    format!("stage {number} of `{}` was not rated yet (stages count from 0)", run.path.display());
                Failure::failed(message)
                    .hint("a sum needs the scores of all stages; `bossnas-zoo arch RUN` shows how far it is")
            })
        })
        .collect()
}

fn explain(error: &BestError, [height, width]: [usize; 2]) -> Failure {
    let failure = Failure::failed(error.to_string());
    match error {
        BestError::Nothing { .. } => {
            failure.hint(format!("the limits must leave room for both at once, for images of {height} x {width}"))
        }
        BestError::TooMany { .. } => failure.hint("a smaller -n, or tighter limits"),
        BestError::Shape(_) => failure.hint("a larger --size"),
        BestError::DeadEnd { .. } => failure,
    }
}

impl Row {
    fn of(run: &RunFolder, whole: &Whole) -> Option<Self> {
        Some(Self {
            arch: run.net(&whole.stages)?.to_string(),
            score: whole.score,
            scores: whole.scores.clone(),
            madds: whole.cost.multiply_adds,
            params: whole.cost.params,
        })
    }
}

impl Document {
    fn table(&self) -> Table {
        let mut table = Table::new([
            ("rank", Align::Right),
            ("architecture", Align::Left),
            ("score", Align::Right),
            ("madds", Align::Right),
            ("params", Align::Right),
        ]);
        for (rank, row) in self.architectures.iter().enumerate() {
            table.row([
                (rank + 1).to_string(),
                row.arch.clone(),
                format!("{:.6}", row.score),
                units::count(row.madds),
                units::count(row.params),
            ]);
        }
        table
    }
}
