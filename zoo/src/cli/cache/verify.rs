//! `cache verify`: whether the bytes are still the right ones.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Instant;

use bossnas_data::archive;
use bossnas_files::Digest;
use bossnas_hub::cache::{Cache, Damage, PartKind, Problem, Verified};
use bossnas_report::{Exit, Failure, units};
use serde::Serialize;

use super::LOCK_HINT;
use crate::cli::context::Context;

/// Read everything in the cache and compare it with its digests
///
/// Fetched files and state dicts are named by their digests, exports have theirs in their names, unpacked data sets a list.
/// All cores read. Exit code 5: something is damaged or missing; each file is named.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bossnas-zoo cache verify\n  bossnas-zoo cache verify --json")]
pub(crate) struct Args {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    cache: PathBuf,
    files: usize,
    bytes: u64,
    seconds: f64,
    damaged: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    path: PathBuf,
    entry: Option<String>,
    part: &'static str,
    problem: &'static str,
    message: String,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let cache = Cache::of_user()?;
    let inventory = cache.inventory(Some(&context.registry()?))?;
    let start = Instant::now();
    let progress = context.console.progress();
    let bar = progress.bar("verifying");
    let begun = Once::new();
    let reached = |done: u64, total: u64| {
        begun.call_once(|| bar.start(0, Some(total)));
        bar.set(done);
    };
    let verified = cache.verify(&inventory, &read_sums, &reached)?;
    drop(bar);
    let time = start.elapsed();
    if args.json {
        let damaged = verified.damages.iter().map(row).collect();
        let (cache, seconds) = (cache.root().to_owned(), time.as_secs_f64());
        let Verified { files, bytes, .. } = verified;
        context.console.json("cache-verify", &Document { cache, files, bytes, seconds, damaged })?;
    }
    if !verified.damages.is_empty() {
        return Err(failure(&verified.damages).into());
    }
    if !args.json {
        let (bytes, time) = (units::bytes(verified.bytes), units::duration(time));
        context.console.line(format_args!("{} files, {bytes}, read in {time}: all are sound", verified.files))?;
    }
    Ok(())
}

fn read_sums(folder: &Path) -> Result<Vec<(Digest, String)>, String> {
    archive::read_sums(folder).map_err(|error| error.to_string())
}

fn row(damage: &Damage) -> Row {
    Row {
        path: damage.path.clone(),
        entry: damage.entry.clone(),
        part: damage.part.name(),
        problem: damage.problem.name(),
        message: damage.problem.to_string(),
    }
}

fn failure(damages: &[Damage]) -> Failure {
    let count = damages.len();
    let (files, are) = if count == 1 { ("file", "is") } else { ("files", "are") };
    let mut failure = Failure::new(Exit::Network, format!("{count} {files} in the cache {are} damaged or missing"));
    for damage in damages {
        let of = damage.entry.as_ref().map_or_else(String::new, |entry| format!(" of {entry}"));
        let Damage { path, part, problem, .. } = damage;
        failure = failure.detail(format!("{} ({}{of}): {problem}", path.display(), part.name()));
    }
    hints(damages).into_iter().fold(failure, Failure::hint)
}

/// What helps, each once.
fn hints(damages: &[Damage]) -> BTreeSet<String> {
    let hint = |damage: &Damage| match (damage.part, damage.entry.as_deref()) {
        (PartKind::Lock, _) => LOCK_HINT.to_owned(),
        (PartKind::Leftover, _) => "`bossnas-zoo cache gc` removes what nobody needs".to_owned(),
        (PartKind::Export, _) => "an export that is removed is made anew when it is needed".to_owned(),
        (PartKind::Data, Some(name)) if is_folder_missing(damage) => format!("`bossnas-zoo fetch {name}` unpacks it"),
        (_, Some(name)) => format!("`bossnas-zoo fetch {name} --force` brings it anew"),
        (_, None) => "the folder belongs to another registry: fetch it with that one".to_owned(),
    };
    damages.iter().map(hint).collect()
}

/// A data set that is not unpacked.
fn is_folder_missing(damage: &Damage) -> bool {
    damage.problem == Problem::Missing && damage.path.parent().is_some_and(|parent| parent.ends_with("data"))
}
