//! `cache gc`: makes room.

use bossnas_hub::Registry;
use bossnas_hub::cache::{Cache, GcOptions};

use super::swept;
use crate::cli::context::Context;
use crate::cli::exported;

/// Remove what nobody needs
///
/// That is: files and unpacked data sets that no record refers to; scratch files of processes that are gone; downloads that
/// were given up more than 7 days ago; exports whose weights are not in the cache any more. What a running process uses
/// stays, and so does everything that is not of bossnas-zoo.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo cache gc --dry-run
  bossnas-zoo cache gc
  bossnas-zoo cache gc --partial")]
pub(crate) struct Args {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// All downloads that nobody works on, however young
    #[arg(long)]
    partial: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let cache = Cache::of_user()?;
    let registry = context.registry()?;
    let needed = needed_exports(&registry)?;
    let options = GcOptions { needed_exports: &needed, all_partials: args.partial, dry_run: args.dry_run };
    let swept = cache.gc(&registry, &options)?;
    swept::report("cache-gc", cache.root(), &swept, args.dry_run, args.json, context)
}

/// Exports of the models whose weights are there.
fn needed_exports(registry: &Registry) -> anyhow::Result<Vec<(String, String)>> {
    let named = registry.models().iter().map(exported::name_and_key).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(named.into_iter().flatten().collect())
}
