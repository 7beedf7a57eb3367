//! `cache`: a look at what was fetched, and what to do with it. None of it opens a connection.

mod gc;
mod ls;
mod path;
mod rm;
mod select;
mod swept;
mod verify;

use std::time::Duration;

use bossnas_hub::cache::Inventory;
use bossnas_report::Failure;

use super::context::Context;

/// Look at the cache, check it, make room in it
///
/// The cache is the folder that the variable `BOSSNAS_HOME` names, else the platform's folder for caches. It holds what
/// `bossnas-zoo fetch` brought, state dicts made of checkpoints, unpacked data sets, and exports that `bossnas-zoo run` made
/// for itself. Everything in it can be had again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo cache ls
  bossnas-zoo cache path BossNet-T0
  bossnas-zoo cache verify
  bossnas-zoo cache gc --dry-run
  bossnas-zoo cache rm BossNet-T1")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Ls(ls::Args),
    Path(path::Args),
    Verify(verify::Args),
    Gc(gc::Args),
    Rm(rm::Args),
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    match &args.command {
        Command::Ls(args) => ls::run(args, context),
        Command::Path(args) => path::run(args, context),
        Command::Verify(args) => verify::run(args, context),
        Command::Gc(args) => gc::run(args, context),
        Command::Rm(args) => rm::run(args, context),
    }
}

/// The failure of a lock that cannot be used.
fn damaged_lock(inventory: &Inventory) -> Option<Failure> {
    let problem = inventory.lock_problem.as_ref()?;
    Some(Failure::failed(problem.clone()).hint(LOCK_HINT))
}

/// What can be done about a damaged lock.
pub(super) const LOCK_HINT: &str = "registry.lock says what each address must give: restore it from a copy, or remove it and trust anew what is fetched";

/// How long ago, in the largest unit.
pub(super) fn ago(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..60 => "just now".to_owned(),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let ages = [0, 59, 60, 7199, 7200, 86_400, 40 * 86_400].map(|seconds| ago(Duration::from_secs(seconds)));
        assert_eq!(ages, ["just now", "just now", "1 min", "1 h", "2 h", "1 d", "40 d"]);
    }
}
