//! `list`: the models and data sets that have a name.

use std::fmt;
use std::path::PathBuf;

use bossnas_hub::cache::{Cache, Lock};
use bossnas_hub::{DataSet, EmbeddedFile, Model, RemoteFile, Url};
use bossnas_model::arch::Architecture;
use bossnas_model::cost;
use bossnas_report::{Align, Table, units};
use serde::Serialize;

use super::context::Context;
use super::stored::{Stored, StoredReport};

/// List the models and data sets that have a name
///
/// Parameters and multiply-adds are counted from the network at its size; accuracies are the published ones, on ImageNet unless
/// `info` says otherwise. What is built in is part of the program.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo list
  bossnas-zoo list --data-sets
  bossnas-zoo list --json
  bossnas-zoo list --registry my-registry.toml")]
pub(crate) struct Args {
    /// The data sets instead of the models
    #[arg(long)]
    data_sets: bool,
    /// Print one JSON document: models and data sets with addresses and all published figures
    #[arg(long)]
    json: bool,
}

/// Of what need not be fetched.
const BUILT_IN: &str = "built in";

#[derive(Serialize)]
struct Listing<'a> {
    registry: &'a str,
    models: Vec<Row<'a>>,
    data_sets: Vec<DataSetRow<'a>>,
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
    checkpoint: Option<Checkpoint>,
    /// Its weights, if they are part of the program.
    embedded: Option<Embedded>,
    /// Its weights on this machine.
    fetched: Option<StoredReport>,
}

#[derive(Serialize)]
struct DataSetRow<'a> {
    name: &'a str,
    aliases: &'a [String],
    layout: &'static str,
    source: &'a str,
    licence: &'a str,
    files: Vec<FileRow<'a>>,
    /// Whether it is part of the program.
    embedded: bool,
    /// Where it is unpacked on this machine.
    folder: Option<PathBuf>,
}

#[derive(Serialize)]
struct FileRow<'a> {
    name: &'a str,
    url: &'a str,
    mirrors: Vec<&'a str>,
    bytes: Option<u64>,
    sha256: Option<String>,
}

/// Published figures of a model.
#[derive(Serialize)]
pub(crate) struct Published {
    size: usize,
    top1: f64,
    top5: f64,
    /// Null for ImageNet's validation set.
    data_set: Option<String>,
    madds: Option<u64>,
    step_ms: Option<f64>,
    source: String,
}

/// Where the weights of a model are.
#[derive(Serialize)]
pub(crate) struct Checkpoint {
    pub(crate) url: String,
    mirrors: Vec<String>,
    bytes: Option<u64>,
    sha256: Option<String>,
    state_dict: &'static str,
    pub(crate) licence: String,
}

/// Weights that are part of the program.
#[derive(Serialize)]
pub(crate) struct Embedded {
    name: String,
    onnx: Part,
    safetensors: Part,
    data_set: String,
    seed: u64,
    made_by: String,
    licence: String,
}

/// A file that is part of the program.
#[derive(Serialize)]
struct Part {
    bytes: u64,
    sha256: String,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let registry = context.registry()?;
    let models = registry.models().iter().map(row).collect::<anyhow::Result<Vec<_>>>()?;
    let cache = Cache::of_user()?;
    let lock = cache.lock()?;
    let data_sets = registry.data_sets().iter().map(|set| data_set_row(set, &cache, &lock)).collect();
    let listing = Listing { registry: registry.origin(), models, data_sets };
    if args.json {
        return context.console.json("list", &listing);
    }
    let table = if args.data_sets { data_set_table(&listing) } else { table(&listing) };
    context.console.print(table.render(context.console.style()))
}

fn data_set_row<'a>(set: &'a DataSet, cache: &Cache, lock: &Lock) -> DataSetRow<'a> {
    let file = |file: &'a RemoteFile| FileRow {
        name: &file.name,
        url: file.url.as_str(),
        mirrors: file.mirrors.iter().map(Url::as_str).collect(),
        bytes: file.bytes,
        sha256: file.sha256.map(|digest| digest.to_string()),
    };
    DataSetRow {
        name: &set.name,
        aliases: &set.aliases,
        layout: set.layout.name(),
        source: &set.source,
        licence: &set.licence,
        files: set.files.iter().map(file).collect(),
        embedded: set.layout.is_embedded(),
        folder: cache.fetched_data_set(lock, set).map(|fetched| fetched.folder),
    }
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
        embedded: Embedded::of(model),
        fetched: Stored::of_model(model)?.map(|stored| stored.report()),
    })
}

impl Published {
    pub(crate) fn of(model: &Model) -> Option<Self> {
        model.published.as_ref().map(|published| Self {
            size: model.size,
            top1: published.top1,
            top5: published.top5,
            data_set: published.data_set.clone(),
            madds: published.madds,
            step_ms: published.step_ms,
            source: published.source.clone(),
        })
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, top1, top5, data_set, madds, step_ms, source } = self;
        write!(f, "at {size}: top-1 {top1:.1} %, top-5 {top5:.1} %")?;
        if let Some(data_set) = data_set {
            write!(f, " on the test part of {data_set}")?;
        }
        if let Some(madds) = madds {
            write!(f, ", {} madds", units::count(*madds))?;
        }
        if let Some(step_ms) = step_ms {
            write!(f, ", {step_ms} ms a step")?;
        }
        write!(f, " ({source})")
    }
}

impl Checkpoint {
    pub(crate) fn of(model: &Model) -> Option<Self> {
        model.checkpoint().map(|checkpoint| Self {
            url: checkpoint.file.url.to_string(),
            mirrors: checkpoint.file.mirrors.iter().map(Url::to_string).collect(),
            bytes: checkpoint.file.bytes,
            sha256: checkpoint.file.sha256.map(|digest| digest.to_string()),
            state_dict: checkpoint.state_dict.name(),
            licence: checkpoint.licence.clone(),
        })
    }
}

impl Embedded {
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let part = |file: &EmbeddedFile| Part { bytes: file.bytes, sha256: file.sha256.to_string() };
        model.embedded().map(|embedded| Self {
            name: embedded.name.clone(),
            onnx: part(&embedded.onnx),
            safetensors: part(&embedded.safetensors),
            data_set: embedded.data_set.clone(),
            seed: embedded.seed,
            made_by: embedded.made_by.clone(),
            licence: embedded.licence.clone(),
        })
    }

    /// What a person wants to know of them.
    pub(crate) fn lines(&self) -> [(&'static str, String); 3] {
        let Self { onnx, safetensors, data_set, seed, made_by, licence, .. } = self;
        let sizes = format!("{} of safetensors, {} of ONNX", units::bytes(safetensors.bytes), units::bytes(onnx.bytes));
        [
            ("weights", format!("part of the program: {sizes} (licence: {licence})")),
            ("trained on", data_set.clone()),
            ("made by", format!("`{made_by}` in a clone of the repository, seed {seed}")),
        ]
    }
}

fn table(listing: &Listing<'_>) -> Table {
    let mut table = Table::new([
        ("name", Align::Left),
        ("size", Align::Right),
        ("params", Align::Right),
        ("madds", Align::Right),
        ("top-1", Align::Right),
        ("fetched", Align::Left),
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
            match (&row.embedded, &row.fetched) {
                (Some(_), _) => BUILT_IN,
                (None, fetched) => fetched.as_ref().map_or("-", StoredReport::word),
            }
            .to_owned(),
            row.arch.clone(),
            row.aliases.join(", "),
        ]);
    }
    table
}

fn data_set_table(listing: &Listing<'_>) -> Table {
    let mut table = Table::new([
        ("name", Align::Left),
        ("layout", Align::Left),
        ("files", Align::Right),
        ("bytes", Align::Right),
        ("fetched", Align::Left),
        ("aliases", Align::Left),
        ("licence", Align::Left),
    ]);
    for row in &listing.data_sets {
        let bytes: Option<u64> = row.files.iter().map(|file| file.bytes).sum();
        table.row([
            row.name.to_owned(),
            row.layout.to_owned(),
            row.files.len().to_string(),
            bytes.filter(|_| !row.embedded).map_or_else(|| "-".to_owned(), units::bytes),
            match (row.embedded, &row.folder) {
                (true, _) => BUILT_IN,
                (false, Some(_)) => "yes",
                (false, None) => "-",
            }
            .to_owned(),
            row.aliases.join(", "),
            row.licence.to_owned(),
        ]);
    }
    table
}
