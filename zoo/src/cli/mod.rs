//! The command line: one file a command. A new command is a module, a variant of [`Command`] and an arm of
//! [`Command::run`]; its file holds its arguments, its help with examples, and the few lines that print.

mod amount;
mod arch;
mod bench;
mod cache;
mod classifier;
mod classify;
mod completions;
mod context;
mod default_models;
mod demo;
mod doctor;
mod eval;
mod export;
mod exported;
mod fetch;
mod file_kind;
mod images;
mod info;
mod inspect;
mod interrupt;
mod list;
mod man;
mod model;
mod model_file;
mod network;
mod preprocess;
mod rank;
mod run;
mod runtime;
mod searched;
mod shape;
mod size;
mod state_dict;
mod stored;
mod subject;
mod trainer;
mod tune;
mod validate;
mod worker;

use std::ffi::OsString;
use std::path::PathBuf;

use bossnas_report::{ColorChoice, Console, Exit, Verbosity};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use context::Context;

/// Find, look at, convert, check, measure and run BossNAS networks
#[derive(Debug, Parser)]
#[command(name = "bossnas-zoo", version, max_term_width = 100, after_help = after_help())]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Say more on stderr
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Say nothing but errors on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true,
          help = "When to use colour: auto, always or never", value_parser = color_parser())]
    color: ColorChoice,
    /// A registry instead of the built-in one
    #[arg(
        long,
        global = true,
        value_name = "FILE|URL",
        help = "Registry of models instead of the built-in one; one at a URL must have been fetched [or: $BOSSNAS_REGISTRY]"
    )]
    registry: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Info(info::Args),
    Fetch(Box<fetch::Args>),
    Arch(arch::Args),
    Inspect(inspect::Args),
    Export(Box<export::Args>),
    Preprocess(preprocess::Args),
    Run(run::Args),
    Validate(Box<validate::Args>),
    Eval(Box<eval::Args>),
    Classify(classify::Args),
    Bench(Box<bench::Args>),
    Tune(tune::Args),
    Rank(rank::Args),
    /// Search an architecture (needs bossnas-train)
    #[command(after_help = trainer::help("search --config digits --out runs/digits"))]
    Search(trainer::Args),
    /// Rate the paths of a search space (needs bossnas-train)
    #[command(after_help = trainer::help("rate --run runs/digits --stage 1"))]
    Rate(trainer::Args),
    /// Train an architecture from scratch, or go on from a checkpoint (needs bossnas-train)
    #[command(after_help = trainer::help("retrain --arch runs/digits --data-set digits --out runs/retrained"))]
    Retrain(trainer::Args),
    /// Count how often a checkpoint is right, in libtorch (needs bossnas-train)
    #[command(after_help = trainer::help("evaluate --model checkpoint.pth --data imagenet/val"))]
    Evaluate(trainer::Args),
    Demo(demo::Args),
    Cache(cache::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::List(args) => list::run(&args, context),
            Self::Info(args) => info::run(&args, context),
            Self::Fetch(args) => fetch::run(&args, context),
            Self::Arch(args) => arch::run(&args, context),
            Self::Inspect(args) => inspect::run(&args, context),
            Self::Export(args) => export::run(&args, context),
            Self::Preprocess(args) => preprocess::run(&args, context),
            Self::Run(args) => run::run(&args, context),
            Self::Validate(args) => validate::run(&args, context),
            Self::Eval(args) => eval::run(&args, context),
            Self::Classify(args) => classify::run(&args, context),
            Self::Bench(args) => bench::run(&args, context),
            Self::Tune(args) => tune::run(&args, context),
            Self::Rank(args) => rank::run(&args, context),
            Self::Search(_) => trainer::missing("search"),
            Self::Rate(_) => trainer::missing("rate"),
            Self::Retrain(_) => trainer::missing("retrain"),
            Self::Evaluate(_) => trainer::missing("evaluate"),
            Self::Demo(args) => demo::run(&args, context),
            Self::Cache(args) => cache::run(&args, context),
            Self::Doctor(args) => doctor::run(&args, context),
            Self::Completions(args) => completions::run(&args, context),
            Self::Man(args) => man::run(&args, context),
        }
    }
}

/// Parses the process's arguments, runs the command, and says how the process ends.
pub(crate) fn main() -> Exit {
    if worker::is_asked_for() {
        return worker::run();
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(end) = trainer::hand_over(&arguments) {
        return end;
    }
    interrupt::prepare();
    let cli = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, all else is wrong usage. Nobody is left to tell when printing fails.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let verbosity = match (cli.global.quiet, cli.global.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    let console = Console::new(verbosity, cli.global.color);
    let context = Context::new(console, cli.global.registry);
    match cli.command.run(&context) {
        Ok(()) => Exit::Done,
        Err(error) => console.error(&error),
    }
}

fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = command().color(help_color(arguments)).try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

/// The whole command line, as completions and manuals need it.
fn command() -> clap::Command {
    Cli::command()
}

/// `--color` for what is printed before the arguments are understood: help and complaints about them.
fn help_color(arguments: &[OsString]) -> clap::ColorChoice {
    let mut arguments = arguments.iter().filter_map(|argument| argument.to_str());
    let mut choice = None;
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--color") {
            Some("") => choice = arguments.next(),
            Some(value) => choice = value.strip_prefix('=').or(choice),
            None => {}
        }
    }
    match choice {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

fn color_parser() -> impl TypedValueParser<Value = ColorChoice> {
    PossibleValuesParser::new(ColorChoice::NAMES).try_map(|name| name.parse::<ColorChoice>())
}

fn after_help() -> String {
    let codes = Exit::ALL.map(|exit| format!("  {}  {}", exit.code(), exit.meaning()));
    format!(
        "Examples:
  bossnas-zoo demo
  bossnas-zoo fetch BossNet-T0
  bossnas-zoo info BossNet-T0
  bossnas-zoo export BossNet-T0 --onnx
  bossnas-zoo run BossNet-T0 --input image.npy
  bossnas-zoo arch hytra:5433/3230/0010/0000 --to bossnet

MODEL is an existing file or run folder, a name or alias from `bossnas-zoo list`, or an architecture. Where it may be left out
it is every model that was fetched, and while there is none BossNet-Digits, which is part of the program.

Exit codes:
{}",
        codes.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        for command in command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let example = format!("bossnas-zoo {}", command.get_name());
            assert!(help.starts_with("Examples:") && help.contains(&example), "{}", command.get_name());
        }
    }

    #[test]
    fn color_is_known_before_the_arguments_are_understood() {
        let choice = |line: &str| help_color(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(choice("x list --color always"), clap::ColorChoice::Always);
        assert_eq!(choice("x --color=never --bogus"), clap::ColorChoice::Never);
        assert_eq!(choice("x list --color"), clap::ColorChoice::Auto);
        assert_eq!(choice("x list --colored never"), clap::ColorChoice::Auto);
    }
}
