//! `search`: a search from a preset to an architecture, across interruptions.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bossnas_report::{Align, Console, Exit, Failure, Table, units};
use bossnas_trainer::run::{Configuration as _, Folder, Stop, Surroundings, read_config};
use bossnas_trainer::search::run::{
    Checkpoint, Config, DataKind, End, Images, ImagesError, Options, Plan, PlanError, Preset, RatingData, SearchError,
    search,
};
use bossnas_trainer::search::siamese::StagePaths;
use clap::ValueEnum;

use super::RulesName;
use super::running::{AmpName, Computing, Going, agreed, folder_failure, holds_a_run};

/// Search an architecture
///
/// Trains the supernets stage by stage and rates the paths, as BossNAS does. All of it lies in the folder of the run: the
/// configuration, checkpoints, ratings, logs, a report and arch.json. Ctrl-C saves and ends; the same command goes on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-train search --config digits --out run
  bossnas-train search --config nats-c10 --data cifar-10-batches-py --out run
  bossnas-train search --config hytra --data imagenet --out run --device cuda --amp fp16
  bossnas-train search --config my.toml --data images --out run --dry-run

Presets: nats-c10, nats-c100, mbconv and hytra with the published numbers, and digits, which takes minutes on a processor and
needs no --data. A configuration file names a preset and says what differs:
  preset = \"nats-c10\"
  [training]
  batch-size = 64
RUN/config.toml has all keys. --dry-run prints them and what they mean for the images.

Afterwards: bossnas-zoo arch RUN, bossnas-zoo arch best RUN, bossnas-zoo export RUN, and RUN/report.html.")]
pub(crate) struct Args {
    /// A preset or a configuration file [default: the configuration of the run in --out]
    #[arg(long, value_name = "FILE|PRESET")]
    config: Option<String>,
    /// The images: CIFAR's batches for Python, a folder with a folder of images for each class, or a list of files
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder of the run
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Which rules hold
    #[arg(
        long,
        value_name = "RULES",
        hide_possible_values = true,
        help = "Which rules hold: published, as the released code has them, or corrected [default: as configured]"
    )]
    rules: Option<RulesName>,
    /// Whether a run in --out goes on
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        help = "Whether a run in --out goes on: auto, or no, which refuses to touch it"
    )]
    resume: Resume,
    /// Mixed precision
    #[arg(
        long,
        value_name = "FORMAT",
        hide_possible_values = true,
        help = "Mixed precision: off, bf16 or fp16 [default: as configured]"
    )]
    amp: Option<AmpName>,
    /// What decides everything random [default: as configured]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Only these stages, counted from 0: 0..2 are the first two
    #[arg(long, value_name = "A..B", value_parser = stages)]
    stages: Option<Range<usize>>,
    #[command(flatten)]
    computing: Computing,
    #[command(flatten)]
    going: Going,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Resume {
    Auto,
    No,
}

fn stages(text: &str) -> Result<Range<usize>, String> {
    let wrong = || "stages are A..B, A.. or ..B, counted from 0, without B".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let number =
        |text: &str, default: usize| if text.is_empty() { Ok(default) } else { text.parse().map_err(|_| wrong()) };
    let range = number(from, 0)?..number(to, usize::MAX)?;
    if range.is_empty() { Err(wrong()) } else { Ok(range) }
}

pub(crate) fn run(args: &Args, console: Console) -> anyhow::Result<()> {
    args.computing.begin()?;
    if args.dry_run {
        let config = match &args.config {
            Some(name) => wanted(args, name)?,
            None => recorded(&args.out.join("config.toml"))?,
        };
        let (plan, images) = prepare(config, args)?;
        return print_plan(&plan, &images, console);
    }
    let folder = Folder::open(&args.out).map_err(folder_failure)?;
    let config = configuration(args, &folder)?;
    if args.computing.threads.is_none() && config.threads > 0 {
        tch::set_num_threads(config.threads as i32);
    }
    let (plan, images) = prepare(config, args)?;
    let options = options(args, &plan, &folder)?;
    folder.begin(&plan.config)?;
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let end = search(&plan, &images, &folder, &options, Surroundings { console, stop }).map_err(search_failure)?;
    tell_end(end, &args.out, console)
}

/// The configuration that a preset or file and the options give.
fn wanted(args: &Args, name: &str) -> anyhow::Result<Config> {
    let mut config = if let Ok(preset) = name.parse::<Preset>() {
        preset.config()
    } else if Path::new(name).exists() {
        recorded(Path::new(name))?
    } else {
        let presets = Preset::ALL.map(Preset::name).join(", ");
        let message = format!("there is no preset and no file `{}`", name.escape_debug());
        return Err(Failure::usage(message).hint(format!("presets are {presets}")).into());
    };
    if let Some(rules) = args.rules {
        config.rules = rules.rules();
        config.rating.on = RatingData::of(config.rules);
    }
    if let Some(amp) = args.amp {
        config.precision = amp.into();
    }
    config.seed = args.seed.unwrap_or(config.seed);
    config.threads = args.computing.threads.map_or(config.threads, |threads| threads as usize);
    Ok(config)
}

fn recorded(path: &Path) -> anyhow::Result<Config> {
    read_config(path).map_err(folder_failure)
}

/// The configuration of the run: what is asked for, which must be that of the run in the folder, if there is one.
fn configuration(args: &Args, folder: &Folder) -> anyhow::Result<Config> {
    let present = folder.config().map_err(folder_failure)?;
    let shown = args.out.display();
    let asked = args.config.as_deref().map(|name| wanted(args, name)).transpose()?;
    match (present, asked) {
        (None, Some(config)) => Ok(config),
        (None, None) => {
            let presets = Preset::ALL.map(Preset::name).join(", ");
            let message = format!("`{shown}` holds no run, and there is no --config to begin one");
            Err(Failure::usage(message).hint(format!("presets are {presets}")).into())
        }
        (Some(_), _) if args.resume == Resume::No => Err(holds_a_run(&args.out).into()),
        (Some(present), None) => Ok(present),
        (Some(present), Some(asked)) => agreed(present, &asked, &args.out, "without --config"),
    }
}

fn prepare(config: Config, args: &Args) -> anyhow::Result<(Plan, Images)> {
    let images = Images::open(&config, args.data.as_deref()).map_err(images_failure)?;
    let plan = Plan::new(config, &images).map_err(|error| match error {
        PlanError::TooFewImages { .. } => {
            anyhow::Error::from(Failure::failed(error.to_string()).hint("training.batch-size sets another number"))
        }
        PlanError::NoUpdates { .. } => {
            Failure::failed(error.to_string()).hint("training.accumulate sets another number").into()
        }
        PlanError::Space(error) => error.into(),
    })?;
    Ok((plan, images))
}

fn options(args: &Args, plan: &Plan, folder: &Folder) -> anyhow::Result<Options> {
    let all = plan.space.stages();
    let stages = args.stages.clone().unwrap_or(0..all);
    let stands = Checkpoint::read(folder.path())?.map_or(0, |checkpoint| checkpoint.position.stage);
    if stages.start >= all {
        let message = format!("{} has no stage {}", plan.space.name(), stages.start);
        return Err(Failure::usage(message).hint(format!("its stages are 0 to {}", all - 1)).into());
    }
    if stages.start > stands {
        let message = format!("stage {} cannot begin: the run stands at stage {stands}", stages.start);
        let hint = "a stage is searched behind the best paths of those before";
        return Err(Failure::failed(message).hint(hint).into());
    }
    Ok(Options {
        device: args.computing.device,
        workers: args.computing.workers(),
        stages: stages.start..stages.end.min(all),
        pace: args.going.pace(),
    })
}

fn print_plan(plan: &Plan, images: &Images, console: Console) -> anyhow::Result<()> {
    let (config, space) = (&plan.config, plan.space);
    let stage = StagePaths::new(&space, Vec::new())?;
    let elements: usize = space.parameters().iter().map(|param| param.shape.iter().product::<usize>()).sum();
    let training = config.training;
    let of_update = training.batch_size as u64 * u64::from(training.accumulate);
    let rows = [
        (
            "space",
            format!("{}, base width {}, {} parameters", space.name(), space.base(), units::count(elements as u64)),
        ),
        ("rules", config.rules.name().to_owned()),
        (
            "images",
            format!("{} to train on, {} to rate on", units::grouped(images.training().len() as u64), images.rated()),
        ),
        ("views", format!("{} of {} x {} pixels", config.views.views(), config.views.size, config.views.size)),
        (
            "stages",
            format!(
                "{} of {}, the first with {}",
                space.stages(),
                units::counted(training.epochs as usize, "epoch"),
                units::counted(stage.candidates().len(), "path")
            ),
        ),
        ("steps", format!("{} of {} images", units::grouped(plan.steps()), training.batch_size)),
        (
            "updates",
            format!(
                "{} of {} images, learning rate {}",
                units::grouped(plan.steps_of_stage() / u64::from(training.accumulate) * space.stages() as u64),
                units::grouped(of_update),
                training.learning_rate
            ),
        ),
        // Two networks, and momentum of one.
        ("checkpoint", format!("{} at the most", units::bytes(12 * elements as u64))),
    ];
    let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
    for (name, text) in rows {
        table.row([name.to_owned(), text]);
    }
    console.print(table.render(console.style()))?;
    if config.data == DataKind::Digits {
        console.note("the digits come with the program");
    }
    console.print(format!("\n{}", config.to_toml()))
}

fn tell_end(end: End, out: &Path, console: Console) -> anyhow::Result<()> {
    let shown = out.display();
    match end {
        End::Done => {
            console.note(format_args!("all stages are decided: `{shown}/arch.json`; see `{shown}/report.html`"));
            Ok(())
        }
        End::Stages => {
            console.note("the stages that were asked for are decided; the same command without --stages goes on");
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

pub(super) fn images_failure(error: ImagesError) -> anyhow::Error {
    match error {
        ImagesError::NoPlace => {
            Failure::usage("this search needs --data").hint("it is what --config digits does without").into()
        }
        ImagesError::NoUse(_) => Failure::usage(error.to_string()).hint("leave --data out").into(),
        other => other.into(),
    }
}

fn search_failure(error: SearchError) -> anyhow::Error {
    match &error {
        SearchError::NotFinite { last, .. } => {
            let hint = match last {
                Some((step, file)) => format!(
                    "the last good checkpoint is `{file}` of step {step}; a lower training.learning-rate may help"
                ),
                None => "a lower training.learning-rate may help".to_owned(),
            };
            Failure::failed(error.to_string()).hint(hint).into()
        }
        _ => error.into(),
    }
}
