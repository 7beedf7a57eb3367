//! `doctor`: what this installation has and what it lacks.

mod environment;
mod examine;
mod print;
mod report;

use bossnas_report::Failure;

use super::context::Context;

/// Say what this installation has and what it lacks
///
/// Versions, the runtimes and execution providers that work here and why the others do not (each is tried), the registry, the
/// cache and what is in it, interrupted downloads, certificates, proxies, the environment. Opens no connection. Exit code 3: something is broken; the whole report is printed nevertheless.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bossnas-zoo doctor\n  bossnas-zoo doctor --json")]
pub(crate) struct Args {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let report = examine::examine(context);
    if args.json {
        context.console.json("doctor", &report)?;
    } else {
        print::print(&report, context)?;
    }
    let broken: Vec<&str> =
        report.problems.iter().filter(|problem| problem.broken).map(|problem| problem.message.as_str()).collect();
    match broken.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::check(*one).into()),
        all => Err(Failure::check(format!("{} things are broken", all.len())).detail(all.join("\n")).into()),
    }
}
