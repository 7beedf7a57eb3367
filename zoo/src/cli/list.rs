//! `list`: the models that have a name.

use std::fmt;

use bossnas_hub::Model;
use bossnas_model::arch::Architecture;
use bossnas_model::cost;
use bossnas_report::{Align, Table, units};
use serde::Serialize;

use super::context::Context;

/// List the models that have a name
///
/// Parameters and multiply-adds are counted from the network at its size; accuracies are the published ones.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bossnas-zoo list\n  bossnas-zoo list --json\n  bossnas-zoo list --registry my-registry.toml"
)]
pub(crate) struct Args {
    /// Print one JSON document, with addresses and all published figures
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listing<'a> {
    registry: &'a str,
    models: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    aliases: &'a [String],
    arch: String,
    size: usize,
    params: Option<u64>,
    madds: Option<u64>,
    published: Option<Published>,
    checkpoint: Checkpoint,
}

/// Published figures of a model.
#[derive(Serialize)]
pub(crate) struct Published {
    size: usize,
    top1: f64,
    top5: f64,
    madds: u64,
    step_ms: f64,
    source: String,
}

/// Where the weights of a model are.
#[derive(Serialize)]
pub(crate) struct Checkpoint {
    pub(crate) url: String,
    bytes: Option<u64>,
    sha256: Option<String>,
    state_dict: &'static str,
    pub(crate) licence: String,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let registry = context.registry()?;
    let models = registry.models().iter().map(row).collect::<anyhow::Result<Vec<_>>>()?;
    let listing = Listing { registry: registry.origin(), models };
    if args.json {
        return context.console.json("list", &listing);
    }
    context.console.print(table(&listing).render(context.console.style()))
}

fn row(model: &Model) -> anyhow::Result<Row<'_>> {
    let cost = match &model.arch {
        Architecture::BossNet(net) => Some(cost::cost(&net.graph(), model.size, model.size)?),
        Architecture::Search(_) => None,
    };
    Ok(Row {
        name: &model.name,
        aliases: &model.aliases,
        arch: model.arch.to_string(),
        size: model.size,
        params: cost.as_ref().map(|cost| cost.params),
        madds: cost.as_ref().map(cost::Cost::multiply_adds),
        published: Published::of(model),
        checkpoint: Checkpoint::of(model),
    })
}

impl Published {
    pub(crate) fn of(model: &Model) -> Option<Self> {
        model.published.as_ref().map(|published| Self {
            size: model.size,
            top1: published.top1,
            top5: published.top5,
            madds: published.madds,
            step_ms: published.step_ms,
            source: published.source.clone(),
        })
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let madds = units::count(self.madds);
        let Self { size, top1, top5, step_ms, source, .. } = self;
        write!(f, "at {size}: top-1 {top1:.1} %, top-5 {top5:.1} %, {madds} madds, {step_ms} ms a step ({source})")
    }
}

impl Checkpoint {
    pub(crate) fn of(model: &Model) -> Self {
        let checkpoint = &model.checkpoint;
        Self {
            url: checkpoint.url.clone(),
            bytes: checkpoint.bytes,
            sha256: checkpoint.sha256.map(|digest| digest.to_string()),
            state_dict: checkpoint.state_dict.name(),
            licence: checkpoint.licence.clone(),
        }
    }
}

fn table(listing: &Listing<'_>) -> Table {
    let mut table = Table::new([
        ("name", Align::Left),
        ("size", Align::Right),
        ("params", Align::Right),
        ("madds", Align::Right),
        ("top-1", Align::Right),
        ("arch", Align::Left),
        ("aliases", Align::Left),
    ]);
    let counted = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), units::count);
    for row in &listing.models {
        table.row([
            row.name.to_owned(),
            row.size.to_string(),
            counted(row.params),
            counted(row.madds),
            row.published.as_ref().map_or_else(|| "-".to_owned(), |published| format!("{:.1} %", published.top1)),
            row.arch.clone(),
            row.aliases.join(", "),
        ]);
    }
    table
}
