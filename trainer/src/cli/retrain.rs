//! `retrain`: from an architecture to a trained network, across interruptions.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bossnas_converter::checkpoint::Choice;
use bossnas_data::dataset::inat::Category;
use bossnas_data::dataset::{DataSetError, DataSetKind};
use bossnas_hub::BEST_WEIGHTS;
use bossnas_model::cost::cost;
use bossnas_report::{Align, Console, Exit, Failure, Table, units};
use bossnas_trainer::retrain::{
    Beginning, Config, End, Images, OptimizerKind, Options, Outcome, PTH_NAME, Plan, PlanError, Preset, PthError,
    RetrainError, Saved, Start, StartError, retrain,
};
use bossnas_trainer::run::{Configuration as _, Folder, Stop, Surroundings, read_config};
use clap::ValueEnum;

use super::network;
use super::running::{AmpName, Computing, Going, agreed, folder_failure, holds_a_run};

/// Train a network
///
/// Trains a network of the BossNet family from the beginning, or from weights that are there, as DeiT does it. All of it lies
/// in the folder of the run: the configuration, checkpoints, logs, a report, the weights of the last epoch
/// (last-model.safetensors, last-model_ema.safetensors) and the best ones (best.safetensors). Ctrl-C saves and ends; the same
/// command goes on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-train retrain --arch bossnet:1/1/11101/000100000+silu+base=5 --data-set digits --out runs/digits
  bossnas-train retrain --arch runs/search --data-set digits --out runs/retrained
  bossnas-train retrain --arch BossNet-T0 --data imagenet --data-set imagenet --out runs/t0 --device cuda --amp fp16
  bossnas-train retrain --arch BossNet-T0 --data cifar-100-python --data-set cifar100 --input-size 224 \\
    --finetune BossNet-T0-80_8.pth --epochs 50 --lr 1e-4 --out runs/t0-cifar100
  bossnas-train retrain --arch hytra:5433/3230/0010/0000 --data photos --data-set folder --recipe my.toml --out runs/photos --dry-run

Recipes: deit, as published, and small, for small pictures. A file names one and says what differs:
  recipe = \"deit\"
  [training]
  batch-size = 64
  [images]
  rand-augment = \"none\"
RUN/config.toml has all keys. --dry-run prints them and what they mean for the images.

Afterwards: bossnas-zoo export RUN, bossnas-zoo eval RUN, bossnas-train evaluate --model RUN, and RUN/report.html.")]
pub(crate) struct Args {
    /// The network: a name, an architecture, arch.json, a file of weights, or the folder of a search [default: as configured]
    #[arg(long, value_name = "MODEL")]
    arch: Option<String>,
    /// The images
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[arg(
        long,
        value_name = "KIND",
        help = "What the images are: imagenet, cifar10, cifar100, inat18, inat19, digits, mnist-csv or folder [default: as configured, else folder]"
    )]
    data_set: Option<DataSetKind>,
    #[arg(
        long,
        value_name = "LEVEL",
        help = "Of iNaturalist: the level whose names are the classes, such as family [default: name]"
    )]
    inat_category: Option<Category>,
    /// Height and width of the network's input [default: as configured, or the least that the network takes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    input_size: Option<u16>,
    #[arg(
        long,
        value_name = "NAME|FILE",
        help = "A recipe or a configuration file [default: that of the run in --out, else small for digits and deit for all else]"
    )]
    recipe: Option<String>,
    /// Epochs of the cosine [default: as configured]
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Images of a batch [default: as configured]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// The learning rate for 512 images an update [default: as configured]
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// The optimizer
    #[arg(
        long,
        value_name = "NAME",
        hide_possible_values = true,
        help = "The optimizer: adamw or sgd [default: as configured]"
    )]
    opt: Option<OptimizerName>,
    /// Whether a run goes on
    #[arg(
        long,
        value_name = "WHEN|FILE",
        default_value = "auto",
        help = "Whether a run in --out goes on: auto, no, which refuses to touch it, or a checkpoint.pth in DeiT's layout to begin it from"
    )]
    resume: String,
    #[arg(
        long,
        value_name = "FILE|MODEL",
        help = "Begin with these weights; where the classes are others, the classifier is drawn anew"
    )]
    finetune: Option<String>,
    /// Mixed precision
    #[arg(
        long,
        value_name = "FORMAT",
        hide_possible_values = true,
        help = "Mixed precision: off, bf16 or fp16 [default: as configured]"
    )]
    amp: Option<AmpName>,
    /// Batches whose gradients are added up before an update [default: as configured]
    #[arg(long, value_name = "N")]
    accumulate: Option<u32>,
    /// What stays of the average of the weights at an update, 0 for no average [default: as configured]
    #[arg(long, value_name = "X")]
    ema_decay: Option<f64>,
    /// What decides everything random [default: as configured]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The folder of the run
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Leave a checkpoint in DeiT's layout after each epoch too, RUN/checkpoint.pth
    #[arg(long)]
    save_pth: bool,
    #[command(flatten)]
    computing: Computing,
    #[command(flatten)]
    going: Going,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OptimizerName {
    Adamw,
    Sgd,
}

pub(crate) fn run(args: &Args, console: Console) -> anyhow::Result<()> {
    args.computing.begin()?;
    if args.dry_run {
        let recorded = args.out.join("config.toml");
        let present = recorded.is_file().then(|| read_config(&recorded)).transpose().map_err(folder_failure)?;
        let Prepared { plan, images, .. } = prepare(args, present, console)?;
        return print_plan(&plan, &images, console);
    }
    let folder = Folder::open(&args.out).map_err(folder_failure)?;
    let present = folder.config().map_err(folder_failure)?;
    let Prepared { plan, images, start } = prepare(args, present, console)?;
    if plan.config.threads > 0 {
        tch::set_num_threads(plan.config.threads as i32);
    }
    let saved = saved(args, &plan)?;
    folder.begin(&plan.config)?;
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let options = Options {
        device: args.computing.device,
        workers: args.computing.workers(),
        pace: args.going.pace(),
        save_pth: args.save_pth,
    };
    let beginning = saved.as_ref().map_or(Beginning::Weights(&start), Beginning::Pth);
    let surroundings = Surroundings { console, stop };
    let outcome = retrain(&plan, &images, &beginning, &folder, &options, surroundings).map_err(failure)?;
    tell_end(&outcome, &args.out, console)
}

/// What a run needs.
struct Prepared {
    plan: Plan,
    images: Images,
    start: Start,
}

fn prepare(args: &Args, present: Option<Config>, console: Console) -> anyhow::Result<Prepared> {
    if present.is_some() && args.resume == "no" {
        return Err(holds_a_run(&args.out).into());
    }
    let mut config = wanted(args, present.as_ref())?;
    let images = Images::open(&config, args.data.as_deref()).map_err(images_failure)?;
    if let Some(text) = &args.arch {
        let network::Network { mut network, has_classes } = network::to_train(text, console)?;
        if !has_classes {
            network.classes = images.classes();
        }
        config.arch = network.to_string();
    }
    let Some(network) = config.network() else {
        let message = "there is no --arch to train";
        return Err(Failure::usage(message)
            .hint("BossNet-T0, an architecture, arch.json or the folder of a search")
            .into());
    };
    let stride = network.total_stride();
    if config.images.size < stride && says_no_size(args) {
        console.note(format_args!("inputs are {stride} x {stride}: of smaller ones the network would leave nothing"));
        config = config.with_size(stride);
    }
    let start = match &args.finetune {
        None => Start::drawn(&network, config.seed),
        Some(text) => {
            let path = network::weights(text)?;
            let start = Start::of_checkpoint(&path, Choice::Auto, &network, config.seed).map_err(start_failure)?;
            tell_start(&start, &path, console);
            start.sha256().clone_into(&mut config.finetune);
            start
        }
    };
    let config = match present {
        // Whoever goes on need not say again what it began with.
        Some(present) if args.finetune.is_none() => {
            config.finetune.clone_from(&present.finetune);
            agreed(present, &config, &args.out, "without options")?
        }
        Some(present) => agreed(present, &config, &args.out, "without options")?,
        None => config,
    };
    let plan = Plan::new(config, &images).map_err(|error| plan_failure(&error))?;
    let schedule = plan.config.schedule();
    if schedule.base < schedule.smallest {
        console.warn(format_args!(
            "the learning rate of {:.3e} is below training.smallest-rate, {:.3e}: it will rise",
            schedule.base, schedule.smallest
        ));
    }
    Ok(Prepared { plan, images, start })
}

/// The configuration that a recipe, or the run in the folder, and the options give.
fn wanted(args: &Args, present: Option<&Config>) -> anyhow::Result<Config> {
    let size = args.input_size.map(usize::from);
    let mut config = match (&args.recipe, present) {
        (Some(name), _) => recipe(name, size)?,
        (None, Some(present)) => sized(present.clone(), size),
        (None, None) => {
            let small = matches!(args.data_set, Some(DataSetKind::Digits | DataSetKind::MnistCsv));
            if small { Preset::Small } else { Preset::Deit }.config(size)
        }
    };
    config.data_set = args.data_set.unwrap_or(config.data_set);
    if let Some(category) = args.inat_category {
        category.name().clone_into(&mut config.inat_category);
    }
    let training = &mut config.training;
    training.epochs = args.epochs.unwrap_or(training.epochs);
    // A run that is shorter than its warm-up is all warm-up.
    training.warmup_epochs = training.warmup_epochs.min(args.epochs.unwrap_or(u64::MAX));
    training.batch_size = args.batch_size.unwrap_or(training.batch_size);
    training.learning_rate = args.lr.unwrap_or(training.learning_rate);
    training.accumulate = args.accumulate.unwrap_or(training.accumulate);
    training.ema_decay = args.ema_decay.unwrap_or(training.ema_decay);
    config.optimizer.kind = match args.opt {
        Some(OptimizerName::Adamw) => OptimizerKind::AdamW,
        Some(OptimizerName::Sgd) => OptimizerKind::Sgd,
        None => config.optimizer.kind,
    };
    config.threads = args.computing.threads.map_or(config.threads, |threads| threads as usize);
    config.precision = args.amp.map_or(config.precision, Into::into);
    config.seed = args.seed.unwrap_or(config.seed);
    let problems = config.problems();
    if problems.is_empty() {
        return Ok(config);
    }
    let lines: Vec<String> = problems.iter().map(|(key, message)| format!("`{key}` {message}")).collect();
    Err(Failure::usage("there is no such training").detail(lines.join("\n")).into())
}

/// Whether the size of an input is neither an option nor in a file.
fn says_no_size(args: &Args) -> bool {
    let is_file = |name: &String| name.parse::<Preset>().is_err();
    args.input_size.is_none() && !args.recipe.as_ref().is_some_and(is_file)
}

fn recipe(name: &str, size: Option<usize>) -> anyhow::Result<Config> {
    if let Ok(preset) = name.parse::<Preset>() {
        return Ok(preset.config(size));
    }
    if !Path::new(name).exists() {
        let presets = Preset::ALL.map(Preset::name).join(", ");
        let message = format!("there is no recipe and no file `{}`", name.escape_debug());
        return Err(Failure::usage(message).hint(format!("recipes are {presets}")).into());
    }
    let config: Config = read_config(Path::new(name)).map_err(folder_failure)?;
    Ok(sized(config, size))
}

fn sized(config: Config, size: Option<usize>) -> Config {
    match size {
        Some(size) => config.with_size(size),
        None => config,
    }
}

/// The state in DeiT's layout that a run begins from, if `--resume` names one.
fn saved(args: &Args, plan: &Plan) -> anyhow::Result<Option<Saved>> {
    let path = match args.resume.as_str() {
        "auto" | "no" => return Ok(None),
        path => Path::new(path),
    };
    if args.out.join("checkpoint.json").exists() {
        let message = format!("`{}` holds a run that has begun: --resume FILE begins another", args.out.display());
        return Err(Failure::failed(message).hint("--resume auto goes on with it").into());
    }
    if args.finetune.is_some() {
        return Err(Failure::usage("--resume FILE and --finetune exclude each other").into());
    }
    if !path.exists() {
        let message = format!("--resume `{}` is neither auto nor no nor a file", args.resume.escape_debug());
        return Err(Failure::usage(message).into());
    }
    let saved = Saved::open(path, plan).map_err(|error| match error {
        PthError::Misfit { .. } | PthError::NoState { .. } => {
            let hint = "--finetune takes weights alone and begins a training of its own";
            anyhow::Error::from(Failure::failed(error.to_string()).hint(hint))
        }
        other => other.into(),
    })?;
    Ok(Some(saved))
}

fn tell_start(start: &Start, path: &Path, console: Console) {
    let name = start.state_dict().unwrap_or_default();
    let shown = path.display();
    match start.drawn_anew() {
        [] => console.note(format_args!("begins with the state dict {name} of `{shown}`")),
        anew => console.note(format_args!(
            "begins with the state dict {name} of `{shown}`; of other classes and drawn anew: {}",
            anew.join(", ")
        )),
    }
}

fn print_plan(plan: &Plan, images: &Images, console: Console) -> anyhow::Result<()> {
    let Plan { config, graph, .. } = plan;
    let training = &config.training;
    let size = config.images.size;
    let cost = cost(graph, size, size)?;
    let elements = cost.params + cost.buffers;
    let schedule = config.schedule();
    let updates = plan.steps() / u64::from(training.accumulate);
    // The network and two moments, or one, and the average.
    let copies = 3 + u64::from(training.ema_decay > 0.0);
    let rows = [
        ("network", config.arch.clone()),
        (
            "cost",
            format!(
                "{} parameters, {} multiply-adds for an image of {size} x {size}",
                units::count(cost.params),
                units::count(cost.multiply_adds())
            ),
        ),
        (
            "images",
            format!(
                "{} of {} classes to train on, {} to judge by",
                units::grouped(images.training().len() as u64),
                images.classes(),
                units::grouped(images.test().len() as u64)
            ),
        ),
        ("epochs", format!("{} of {} batches of {} images", config.epochs(), plan.batches, training.batch_size)),
        (
            "updates",
            format!(
                "{} of {} images, learning rate {:.3e}",
                units::grouped(updates),
                units::grouped(config.images_of_update()),
                schedule.base
            ),
        ),
        ("checkpoint", format!("{} at the most", units::bytes(4 * copies * elements))),
    ];
    let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
    for (name, text) in rows {
        table.row([name.to_owned(), text]);
    }
    console.print(table.render(console.style()))?;
    console.print(format!("\n{}", config.to_toml()))
}

fn tell_end(outcome: &Outcome, out: &Path, console: Console) -> anyhow::Result<()> {
    let shown = out.display();
    if let Some(best) = outcome.best {
        console.note(format_args!(
            "best: {} after epoch {}, top-1 {:.2} %, top-5 {:.2} %, loss {:.4}: `{}`",
            best.state_dict.name(),
            best.epoch + 1,
            100.0 * best.scores.top1,
            100.0 * best.scores.top5,
            best.scores.loss,
            out.join(BEST_WEIGHTS).display()
        ));
    }
    match outcome.end {
        End::Done => {
            console.note(format_args!("all epochs are done; see `{shown}/report.html`"));
            Ok(())
        }
        End::MaxSteps => {
            console.note("--max-steps are done; the same command with more goes on");
            Ok(())
        }
        End::Interrupted => {
            let message = format!("stopped; all of it is saved in `{shown}`");
            Err(Failure::new(Exit::Stopped, message).hint("the same command goes on").into())
        }
    }
}

pub(super) fn images_failure(error: DataSetError) -> anyhow::Error {
    match error {
        DataSetError::NoPlace { .. } => Failure::usage(error.to_string()).hint("--data names where it lies").into(),
        DataSetError::NoUse { .. } => Failure::usage(error.to_string()).hint("leave --data out").into(),
        DataSetError::WrongKind { .. } => {
            Failure::failed(error.to_string()).hint("--data-set says what the images are").into()
        }
        other => other.into(),
    }
}

fn plan_failure(error: &PlanError) -> anyhow::Error {
    let failure = Failure::failed(error.to_string());
    match error {
        PlanError::Classes { .. } => failure.hint("--arch without +classes takes those of the images"),
        PlanError::TooSmall { stride, .. } => failure.hint(format!("--input-size {stride} or more")),
        PlanError::TooFewImages { .. } => failure.hint("--batch-size sets another number"),
        PlanError::NoUpdates { .. } => failure.hint("--accumulate sets another number"),
        PlanError::Network(_) => failure,
    }
    .into()
}

fn start_failure(error: StartError) -> anyhow::Error {
    match &error {
        StartError::Misfit { .. } => Failure::failed(error.to_string())
            .hint("--arch names the network; of its tensors only the classifier may be of another size")
            .into(),
        _ => error.into(),
    }
}

fn failure(error: RetrainError) -> anyhow::Error {
    match &error {
        RetrainError::NotFinite { last, .. } => {
            let hint = match last {
                Some((step, file)) => {
                    format!("the last good checkpoint is `{}` of step {step}; a lower --lr may help", file.display())
                }
                None => "a lower --lr may help".to_owned(),
            };
            Failure::failed(error.to_string()).hint(hint).into()
        }
        RetrainError::Pth(PthError::Write(_)) => {
            Failure::failed(format!("`{PTH_NAME}`: {error}")).hint("without --save-pth there is none").into()
        }
        _ => error.into(),
    }
}
