//! What would be done.

use std::path::PathBuf;

use bossnas_hub::RemoteFile;
use bossnas_hub::cache::{Cache, Lock};
use bossnas_report::{Align, Table, units};
use bossnas_zoo::fetch::{bytes_there, free, sources};
use serde::Serialize;

use super::Args;
use super::task::Task;
use crate::cli::context::Context;

#[derive(Serialize)]
struct Document {
    cache: PathBuf,
    free_bytes: Option<u64>,
    files: Vec<Planned>,
}

#[derive(Serialize)]
struct Planned {
    entry: String,
    name: String,
    bytes: Option<u64>,
    /// Bytes that an interrupted download left.
    partial_bytes: u64,
    /// `fetch`, `resume`, or `present`.
    action: &'static str,
    /// What it must be: the digest that the registry gives, that was recorded, or nothing yet.
    sha256: Option<String>,
    known_by: Option<&'static str>,
    sources: Vec<String>,
}

pub(super) fn run(args: &Args, cache: &Cache, tasks: &[Task<'_>], context: &Context) -> anyhow::Result<()> {
    let lock = cache.lock()?;
    let files = tasks.iter().flat_map(|task| task.files().iter().map(|file| plan(args, cache, &lock, task, file)));
    let document = Document { cache: cache.root().to_owned(), free_bytes: free(cache.root()), files: files.collect() };
    if args.json {
        return context.console.json("fetch-plan", &document);
    }
    let mut table = Table::new([
        ("name", Align::Left),
        ("file", Align::Left),
        ("bytes", Align::Right),
        ("action", Align::Left),
        ("digest known by", Align::Left),
        ("from", Align::Left),
    ]);
    for file in &document.files {
        table.row([
            file.entry.clone(),
            file.name.clone(),
            file.bytes.map_or_else(|| "?".to_owned(), units::bytes),
            match file.partial_bytes {
                0 => file.action.to_owned(),
                bytes => format!("{} after {}", file.action, units::bytes(bytes)),
            },
            file.known_by.unwrap_or("nobody: recorded when it comes").to_owned(),
            file.sources.join(", then "),
        ]);
    }
    if !table.is_empty() {
        context.console.print(table.render(context.console.style()))?;
    }
    for task in tasks.iter().filter(|task| task.is_embedded()) {
        context.console.note(format_args!("{} is part of the program: there is nothing to fetch", task.name()));
    }
    let free = document.free_bytes.map_or_else(String::new, |free| format!(", {} free", units::bytes(free)));
    context.console.note(format_args!("nothing was fetched; the cache is `{}`{free}", document.cache.display()));
    Ok(())
}

fn plan(args: &Args, cache: &Cache, lock: &Lock, task: &Task<'_>, file: &RemoteFile) -> Planned {
    let record = lock.file(&file.url).filter(|_| !args.retrust);
    let present = !args.force && cache.fetched(lock, file).is_some();
    let partial_bytes = if present { 0 } else { bytes_there(cache, &file.url, &file.name) };
    let (sha256, known_by) = match (file.sha256, args.sha256, record) {
        (Some(digest), ..) => (Some(digest), Some("the registry")),
        (None, Some(digest), _) => (Some(digest), Some("--sha256")),
        (None, None, Some(record)) => (Some(record.sha256), Some("an earlier fetch")),
        (None, None, None) => (None, None),
    };
    Planned {
        entry: task.name().to_owned(),
        name: file.name.clone(),
        bytes: file.bytes.or(record.map(|record| record.bytes)),
        partial_bytes,
        action: match (present, partial_bytes) {
            (true, _) => "present",
            (false, 0) => "fetch",
            (false, _) => "resume",
        },
        sha256: sha256.map(|digest| digest.to_string()),
        known_by,
        sources: sources(file, &args.mirror, args.from_file.as_deref()).iter().map(ToString::to_string).collect(),
    }
}
