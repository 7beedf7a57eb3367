//! The command line: one file a command, as in `bossnas-zoo`.

mod evaluate;
mod network;
mod rate;
mod retrain;
mod running;
mod search;

use bossnas_report::{ColorChoice, Console, Exit, Verbosity};
use bossnas_trainer::search::Rules;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};

/// Search, rate and train BossNAS networks
#[derive(Debug, Parser)]
#[command(name = "bossnas-train", version, max_term_width = 100, after_help = after_help())]
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
}

#[derive(Debug, Subcommand)]
enum Command {
    Evaluate(evaluate::Args),
    Rate(rate::Args),
    Retrain(Box<retrain::Args>),
    Search(Box<search::Args>),
}

/// The two sets of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RulesName {
    Published,
    Corrected,
}

impl RulesName {
    fn rules(self) -> Rules {
        match self {
            Self::Published => Rules::published(),
            Self::Corrected => Rules::corrected(),
        }
    }
}

/// Parses the process's arguments, runs the command, and says how the process ends.
pub(crate) fn main() -> Exit {
    let cli = match Cli::try_parse() {
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
    let done = match cli.command {
        Command::Evaluate(args) => evaluate::run(&args, console),
        Command::Rate(args) => rate::run(&args, console),
        Command::Retrain(args) => retrain::run(&args, console),
        Command::Search(args) => search::run(&args, console),
    };
    match done {
        Ok(()) => Exit::Done,
        Err(error) => console.error(&error),
    }
}

fn color_parser() -> impl TypedValueParser<Value = ColorChoice> {
    PossibleValuesParser::new(ColorChoice::NAMES).try_map(|name| name.parse::<ColorChoice>())
}

fn after_help() -> String {
    let codes = Exit::ALL.map(|exit| format!("  {}  {}", exit.code(), exit.meaning()));
    format!(
        "Examples:
  bossnas-train search --config digits --out run
  bossnas-train rate --space nats-c10 --checkpoint search.safetensors --stage 0 --images a.npy --bn-images b.npy

Exit codes:
{}",
        codes.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let example = format!("bossnas-train {}", command.get_name());
            assert!(help.starts_with("Examples:") && help.contains(&example), "{}", command.get_name());
        }
    }
}
