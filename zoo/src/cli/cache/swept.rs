//! What was removed, for people and machines.

use std::path::{Path, PathBuf};

use bossnas_hub::cache::{Kept, Removal, Swept};
use bossnas_report::{Align, Failure, Table, units};
use serde::Serialize;

use crate::cli::context::Context;

#[derive(Serialize)]
struct Document {
    cache: PathBuf,
    dry_run: bool,
    removed: Vec<Removed>,
    kept: Vec<KeptRow>,
    /// Less than the sum of sizes where a file has another name that stays.
    freed_bytes: u64,
}

#[derive(Serialize)]
struct Removed {
    path: PathBuf,
    bytes: u64,
    reason: &'static str,
}

#[derive(Serialize)]
struct KeptRow {
    path: PathBuf,
    bytes: u64,
    why: String,
    failed: bool,
}

/// Says what was removed, or would be. What could not be removed is a failure, after all else was said.
pub(super) fn report(
    command: &str,
    root: &Path,
    swept: &Swept,
    dry_run: bool,
    json: bool,
    context: &Context,
) -> anyhow::Result<()> {
    if json {
        let removed = swept.removed.iter().map(|Removal { path, bytes, reason }| Removed {
            path: path.clone(),
            bytes: *bytes,
            reason: reason.name(),
        });
        let kept = swept.kept.iter().map(|Kept { path, bytes, why, failed }| KeptRow {
            path: path.clone(),
            bytes: *bytes,
            why: why.clone(),
            failed: *failed,
        });
        let (removed, kept) = (removed.collect(), kept.collect());
        let document = Document { cache: root.to_owned(), dry_run, removed, kept, freed_bytes: swept.freed };
        context.console.json(command, &document)?;
    } else {
        print(root, swept, dry_run, context)?;
    }
    failure(swept).map_or(Ok(()), |failure| Err(failure.into()))
}

fn print(root: &Path, swept: &Swept, dry_run: bool, context: &Context) -> anyhow::Result<()> {
    let shown = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    for kept in swept.kept.iter().filter(|kept| !kept.failed) {
        context.console.note(format_args!("kept {} ({}): {}", shown(&kept.path), units::bytes(kept.bytes), kept.why));
    }
    if swept.removed.is_empty() {
        return context.console.line("nothing to remove");
    }
    let mut table = Table::new([("size", Align::Right), ("file", Align::Left), ("why", Align::Left)]);
    for removal in &swept.removed {
        table.row([units::bytes(removal.bytes), shown(&removal.path), removal.reason.to_string()]);
    }
    context.console.print(table.render(context.console.style()))?;
    let (count, freed) = (swept.removed.len(), units::bytes(swept.freed));
    let (removed, freed_word) =
        if dry_run { ("would be removed", "would be free") } else { ("removed", "are free now") };
    context.console.line(format_args!("\n{count} {removed}, {freed} {freed_word}"))
}

fn failure(swept: &Swept) -> Option<Failure> {
    let failed: Vec<&Kept> = swept.kept.iter().filter(|kept| kept.failed).collect();
    let first = Failure::failed(format!("{} could not be removed", failed.len()));
    let lines = failed.iter().map(|kept| format!("{}: {}", kept.path.display(), kept.why));
    (!failed.is_empty()).then(|| lines.fold(first, Failure::detail))
}
