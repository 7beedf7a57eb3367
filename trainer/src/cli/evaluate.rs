//! `evaluate`: how often a network is right.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bossnas_converter::checkpoint::{Checkpoint, Notes, StateDict, StateDictName, check};
use bossnas_data::DecodeOptions;
use bossnas_data::classes::{self, Classes};
use bossnas_data::dataset::inat::Category;
use bossnas_data::dataset::{DataSetKind, Split};
use bossnas_data::training::Recipe;
use bossnas_hub::{BEST_WEIGHTS, Registry, Resolved, resolve};
use bossnas_model::arch::BossNet;
use bossnas_model::preprocess::Preprocessing;
use bossnas_report::statistics::wilson;
use bossnas_report::{Align, Console, Counted, Failure, Table, escape, units};
use bossnas_trainer::retrain::{Examination, Examined, ScoreError, Scores, open_images};
use bossnas_trainer::run::{Amp, Stop};
use bossnas_trainer::torch::{Module, Params, Placement};
use clap::ValueEnum;
use serde::Serialize;

use super::network::{self, Stored};
use super::retrain::images_failure;
use super::running::{AmpName, Computing};

/// Size of the input of networks whose files do not say it.
const PUBLISHED_SIZE: usize = 224;

/// Count how often a network is right
///
/// Of a checkpoint with two state dicts both are judged, side by side, on the same images. Every image counts once; one that
/// cannot be read is named and left out. What is counted is what `bossnas-zoo eval` counts of the exported file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-train evaluate --model runs/digits --data-set digits
  bossnas-train evaluate --model BossNet-T0 --data imagenet --data-set imagenet --input-size 288
  bossnas-train evaluate --model checkpoint.pth --arch BossNet-T1 --data imagenet --data-set imagenet --state-dict model --json")]
pub(crate) struct Args {
    /// A file of weights, the folder of a retraining, or the name of a model that was fetched
    #[arg(long, value_name = "FILE|RUN|NAME")]
    model: String,
    /// The network, where the weights leave a doubt
    #[arg(long, value_name = "MODEL")]
    arch: Option<String>,
    /// The images
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[arg(
        long,
        value_name = "KIND",
        default_value_t = DataSetKind::Folder,
        help = "What the images are: imagenet, cifar10, cifar100, inat18, inat19, digits, mnist-csv or folder"
    )]
    data_set: DataSetKind,
    #[arg(
        long,
        value_name = "LEVEL",
        default_value_t,
        help = "Of iNaturalist: the level whose names are the classes, such as family"
    )]
    inat_category: Category,
    /// Which part of the images
    #[arg(long, value_name = "test|train", default_value = "test", hide_possible_values = true)]
    split: SplitName,
    #[arg(
        long,
        value_name = "WHICH",
        hide_possible_values = true,
        help = "Only this state dict: model or model_ema [default: both]"
    )]
    state_dict: Option<StateDictArg>,
    /// Height and width of the input [default: what the file says, else 224]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    input_size: Option<u16>,
    /// Images at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch_size: u32,
    /// Mixed precision
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "off",
        hide_possible_values = true,
        help = "Mixed precision: off, bf16 or fp16"
    )]
    amp: AmpName,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    computing: Computing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SplitName {
    Test,
    Train,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum StateDictArg {
    Model,
    ModelEma,
}

/// Weights to judge.
struct Subject {
    /// What they are called in the report.
    name: String,
    weights: StateDict,
    path: PathBuf,
}

/// Everything there is to judge of a MODEL.
struct Subjects {
    network: BossNet,
    notes: Notes,
    /// A registered model, whose classes are known.
    registered: bool,
    size: Option<usize>,
    all: Vec<Subject>,
}

#[derive(Serialize)]
struct Document<'a> {
    model: &'a str,
    arch: String,
    data_set: &'static str,
    size: [usize; 2],
    results: Vec<Row<'a>>,
    broken: Vec<Broken>,
}

#[derive(Serialize)]
struct Row<'a> {
    state_dict: &'a str,
    file: String,
    #[serde(flatten)]
    scores: Scores,
    /// 95 % intervals (Wilson).
    top1_interval: [f64; 2],
    top5_interval: [f64; 2],
}

#[derive(Serialize)]
struct Broken {
    name: String,
    error: String,
}

pub(crate) fn run(args: &Args, console: Console) -> anyhow::Result<()> {
    args.computing.begin()?;
    let subjects = subjects(args, console)?;
    let split = match args.split {
        SplitName::Test => Split::Test,
        SplitName::Train => Split::Train,
    };
    let data = open_images(args.data_set, args.data.as_deref(), split, args.inat_category).map_err(images_failure)?;
    let preprocessing = preprocessing(args, &subjects);
    let [height, width] = preprocessing.size;
    let stride = subjects.network.total_stride();
    if height.min(width) < stride {
        let message = format!("inputs of {height} x {width} are too small for {}", subjects.network);
        return Err(Failure::usage(message).hint(format!("--input-size {stride} or more")).into());
    }
    let labels = labels(&subjects);
    let classes = Classes::between(data.class_names(), &labels);
    if let Classes::Mapped(_) = classes {
        console.note("the classes of the data are matched with those of the network by their names");
    }
    let modules = modules(args, &subjects)?;
    let data = Arc::new(data);
    let examination = Examination {
        data: Arc::clone(&data),
        classes,
        preprocessing,
        decode: DecodeOptions::default(),
        batch_size: args.batch_size as usize,
        workers: NonZero::max(args.computing.workers(), NonZero::<usize>::MIN),
        device: args.computing.device,
        precision: Amp::from(args.amp).into(),
    };
    let progress = console.progress();
    let bar = progress.bar_of("evaluation", Counted::Things("images"));
    bar.start(0, Some(data.len() as u64));
    let networks: Vec<&Module> = modules.iter().collect();
    let examined = examination.run(&networks, &Stop::default(), |done| bar.set(done)).map_err(failure)?;
    drop(bar);
    // Nobody can ask this one to stop but by ending the process.
    let Some(Examined { tallies, broken }) = examined else { return Ok(()) };
    let scores: Option<Vec<Scores>> = tallies.iter().map(bossnas_trainer::retrain::Tally::scores).collect();
    let scores = scores.ok_or_else(|| Failure::failed("none of the images can be read"))?;
    let rows = subjects.all.iter().zip(scores).map(|(subject, scores)| {
        let interval = |share: f64| wilson((share * scores.images as f64).round() as u64, scores.images);
        Row {
            state_dict: &subject.name,
            file: subject.path.display().to_string(),
            top1_interval: interval(scores.top1),
            top5_interval: interval(scores.top5),
            scores,
        }
    });
    let named = |index: usize| data.sample(index).map_or_else(|| index.to_string(), |sample| sample.name());
    let document = Document {
        model: &args.model,
        arch: subjects.network.to_string(),
        data_set: args.data_set.name(),
        size: examination.preprocessing.size,
        results: rows.collect(),
        broken: broken.iter().map(|(index, error)| Broken { name: named(*index), error: error.to_string() }).collect(),
    };
    if args.json {
        return console.json("evaluate", &document);
    }
    print(&document, console)
}

fn print(document: &Document<'_>, console: Console) -> anyhow::Result<()> {
    for Broken { name, error } in &document.broken {
        console.warn(format_args!("`{}` is left out: {}", escape(name), escape(error)));
    }
    let columns = ["top-1", "interval", "top-5", "interval", "loss", "images"].map(|title| (title, Align::Right));
    let mut table = Table::new([("state dict", Align::Left)].into_iter().chain(columns));
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let interval = |[low, high]: [f64; 2]| format!("{:.2} to {:.2}", 100.0 * low, 100.0 * high);
    for row in &document.results {
        table.row([
            row.state_dict.to_owned(),
            percent(row.scores.top1),
            interval(row.top1_interval),
            percent(row.scores.top5),
            interval(row.top5_interval),
            format!("{:.4}", row.scores.loss),
            units::grouped(row.scores.images),
        ]);
    }
    console.print(table.render(console.style()))
}

/// The weights that a MODEL stands for, and the network that they are of.
fn subjects(args: &Args, console: Console) -> anyhow::Result<Subjects> {
    let registry = network::registry()?;
    let run = Path::new(&args.model);
    let mut subjects = match of_run(run)? {
        Some(files) => of_files(&registry, files)?,
        None => match resolve(&registry, &args.model) {
            Ok(Resolved::Registered(model)) => {
                let mut subjects = of_files(&registry, network::stored(model)?)?;
                subjects.registered = true;
                subjects.size = Some(model.size);
                subjects
            }
            Ok(Resolved::File(path)) => of_checkpoint(args, &registry, &path, console)?,
            Ok(Resolved::Run(_) | Resolved::Architecture(_)) => {
                let message = format!("`{}` has no weights to judge", args.model);
                return Err(Failure::usage(message).hint("a retraining leaves them after its first epoch").into());
            }
            Err(error) => {
                let hint = "--model takes a file, the folder of a retraining, or the name of a model that was fetched";
                return Err(Failure::usage(error.to_string()).hint(hint).into());
            }
        },
    };
    if let Some(text) = &args.arch {
        let network::Network { network, .. } = network::to_train(text, console)?;
        subjects.network = BossNet { classes: subjects.network.classes, ..network };
    }
    let wanted = |name: &str| match args.state_dict {
        None => true,
        Some(StateDictArg::Model) => name.starts_with("model") && !name.starts_with("model_ema"),
        Some(StateDictArg::ModelEma) => name.starts_with("model_ema"),
    };
    let there: Vec<String> = subjects.all.iter().map(|subject| subject.name.clone()).collect();
    subjects.all.retain(|subject| wanted(&subject.name));
    if subjects.all.is_empty() {
        let message = format!("`{}` has no such state dict", args.model);
        return Err(Failure::failed(message).hint(format!("it has {}", there.join(", "))).into());
    }
    Ok(subjects)
}

/// The files of weights in the folder of a retraining: the last epoch's, and the best.
fn of_run(run: &Path) -> anyhow::Result<Option<Vec<Stored>>> {
    if !run.is_dir() {
        return Ok(None);
    }
    let named = [("model", "last-model.safetensors"), ("model_ema", "last-model_ema.safetensors")];
    let files = named.into_iter().map(|(name, file)| (name.to_owned(), run.join(file)));
    let mut files: Vec<(String, PathBuf)> = files.filter(|(_, path)| path.is_file()).collect();
    if files.is_empty() {
        return Ok(None);
    }
    let best = run.join(BEST_WEIGHTS);
    if best.is_file() {
        let notes = Notes::read(&Checkpoint::open(&best)?);
        let of = match notes.source {
            Some(bossnas_converter::onnx::Source::StateDict(name)) => name,
            _ => "model".to_owned(),
        };
        files.push((format!("{of}, best"), best));
    }
    files.into_iter().map(|(name, path)| Stored::open(name, path)).collect::<anyhow::Result<_>>().map(Some)
}

/// One state dict a file, all of the same network.
fn of_files(registry: &Registry, files: Vec<Stored>) -> anyhow::Result<Subjects> {
    let mut known = None;
    let mut all = Vec::new();
    for Stored { name, path, checkpoint } in files {
        if known.is_none() {
            known = Some(network::of_weights(registry, &path, &checkpoint)?);
        }
        all.push(Subject { name, weights: checkpoint.state_dict(Default::default())?, path });
    }
    let known = known.ok_or_else(|| Failure::failed("there are no weights"))?;
    Ok(Subjects { network: known.network, notes: known.notes, registered: false, size: None, all })
}

/// All state dicts of a checkpoint.
fn of_checkpoint(args: &Args, registry: &Registry, path: &Path, console: Console) -> anyhow::Result<Subjects> {
    let checkpoint = Checkpoint::open(path)?;
    let known = match (&args.arch, network::of_weights(registry, path, &checkpoint)) {
        (None, known) => known?,
        (Some(_), Ok(known)) => known,
        // The option says what the weights do not.
        (Some(text), Err(_)) => {
            let network::Network { mut network, .. } = network::to_train(text, console)?;
            let weights = checkpoint.state_dict(Default::default())?;
            let info = bossnas_model::weights::Weights::info(&weights, "fc.weight");
            if let Some(&classes) = info.and_then(|info| info.shape.first()) {
                network.classes = classes;
            }
            network::Known { network, notes: Notes::read(&checkpoint), model: None, assumed: Vec::new() }
        }
    };
    for line in &known.assumed {
        console.note(line);
    }
    let mut all = Vec::new();
    for &which in checkpoint.state_dicts() {
        let weights = checkpoint.named_state_dict(which)?;
        let noted = match &known.notes.source {
            Some(bossnas_converter::onnx::Source::StateDict(name)) if which == StateDictName::Plain => name.clone(),
            _ => which.name().to_owned(),
        };
        all.push(Subject { name: noted, weights, path: path.to_owned() });
    }
    let registered = known.model.is_some();
    Ok(Subjects { network: known.network, notes: known.notes, registered, size: None, all })
}

fn preprocessing(args: &Args, subjects: &Subjects) -> Preprocessing {
    let asked = args.input_size.map(usize::from);
    match &subjects.notes.preprocessing {
        Some(noted) => asked.map_or_else(|| noted.clone(), |size| noted.at([size; 2])),
        None => Recipe::deit(asked.or(subjects.size).unwrap_or(PUBLISHED_SIZE)).evaluation(),
    }
}

/// The names of the network's classes, where they are known.
fn labels(subjects: &Subjects) -> Vec<String> {
    let imagenet = subjects.registered && subjects.network.classes == 1000;
    match &subjects.notes.labels[..] {
        [] if imagenet => classes::imagenet(),
        labels => labels.to_vec(),
    }
}

fn modules(args: &Args, subjects: &Subjects) -> anyhow::Result<Vec<Module>> {
    let graph = subjects.network.graph();
    let module = |subject: &Subject| -> anyhow::Result<Module> {
        check(graph.params(), &subject.weights).map_err(|mismatch| {
            let shown = subject.path.display();
            Failure::failed(format!("`{shown}` is not for {}: {mismatch}", subjects.network))
                .hint("--arch names the network")
        })?;
        let mut params = Params::default();
        let named = graph.params().iter().map(|param| (param.name.clone(), param.clone()));
        let placement = Placement { device: args.computing.device, ..Placement::FIXED };
        params.load(named, &subject.weights, placement)?;
        Ok(Module::bind(graph.clone(), &params, str::to_owned).map_err(bossnas_trainer::torch::TorchError::from)?)
    };
    subjects.all.iter().map(module).collect()
}

fn failure(error: ScoreError) -> anyhow::Error {
    match &error {
        ScoreError::Classes(_) => Failure::failed(error.to_string())
            .hint("name the folders after the classes of the network, or by their numbers")
            .into(),
        _ => error.into(),
    }
}
