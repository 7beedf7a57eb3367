//! `cache rm`: removes what a person does not want any more.

use bossnas_hub::cache::{Cache, Selection};

use super::select::{everything, select};
use super::{damaged_lock, swept};
use crate::cli::context::Context;

/// Remove what was fetched under a name
///
/// That is: the files as they came, what was made of them (state dicts, unpacked data, exports), and downloads that are not
/// whole. Their records stay: what an address gave once it must give again, and `bossnas-zoo fetch --retrust` is the way out
/// when it has changed for a good reason.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo cache rm BossNet-T1
  bossnas-zoo cache rm CIFAR-10 CIFAR-100 --dry-run
  bossnas-zoo cache rm --all")]
pub(crate) struct Args {
    /// Models, checkpoints, data sets, or names from `bossnas-zoo cache ls`
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    names: Vec<String>,
    /// Everything that was fetched
    #[arg(long)]
    all: bool,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let cache = Cache::of_user()?;
    let registry = context.registry()?;
    let inventory = cache.inventory(Some(&registry))?;
    if let Some(failure) = damaged_lock(&inventory) {
        return Err(failure.into());
    }
    let mut selection = Selection::default();
    if args.all {
        selection = everything(&inventory);
    }
    // All names are understood before the first file is removed.
    for name in &args.names {
        let one = select(&cache, &inventory, &registry, name)?;
        selection.entries.extend(one.entries);
        selection.exports.extend(one.exports);
        selection.partials.extend(one.partials);
    }
    let swept = cache.remove(&selection, args.dry_run)?;
    swept::report("cache-rm", cache.root(), &swept, args.dry_run, args.json, context)
}
