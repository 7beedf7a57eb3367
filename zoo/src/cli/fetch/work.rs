//! Several entries at a time.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use bossnas_report::{Failure, Progress};
use bossnas_zoo::fetch::Fetcher;

use super::explain::{explain, explain_data};
use super::report::{EntryReport, FileReport};
use super::task::Task;
use super::watch::BarWatch;
use crate::cli::context::Context;

/// Fetches all entries, `jobs` at a time; what came of each, in their order. Each is printed when it is done.
pub(super) fn carry_out(
    fetcher: &Fetcher,
    tasks: &[Task<'_>],
    jobs: NonZeroUsize,
    json: bool,
    context: &Context,
) -> Vec<Result<EntryReport, Failure>> {
    let progress = context.console.progress();
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<EntryReport, Failure>>>> = tasks.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while let Some((task, place)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            tasks.get(index).zip(done.get(index))
        } {
            let outcome = one(fetcher, task, &progress, context);
            if let (Ok(report), false) = (&outcome, json) {
                // A closed pipe is seen again by whoever prints next.
                let _ = progress.pause(|| report.print(context));
            }
            if let Ok(mut place) = place.lock() {
                *place = Some(outcome);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.get().min(tasks.len()) {
            scope.spawn(work);
        }
    });
    let missing = || Err(Failure::failed("a download ended without a result"));
    done.into_iter().map(|place| place.into_inner().ok().flatten().unwrap_or_else(missing)).collect()
}

fn one(fetcher: &Fetcher, task: &Task<'_>, progress: &Progress, context: &Context) -> Result<EntryReport, Failure> {
    let mut files = Vec::new();
    let mut fetched = Vec::new();
    for file in task.files() {
        let start = Instant::now();
        let watch = BarWatch::new(progress, context.console, &file.name);
        let outcome = fetcher
            .fetch(file, task.content(), &watch)
            .map_err(|error| explain(file, error, fetcher.bytes_there(file)))?;
        drop(watch);
        files.push(FileReport::new(file, &outcome, start.elapsed()));
        fetched.push(outcome.fetched);
    }
    let folder = match task {
        Task::Checkpoint(..) | Task::Embedded(..) => None,
        Task::DataSet(set) if set.layout.is_embedded() => None,
        Task::DataSet(set) => {
            let watch = BarWatch::new(progress, context.console, &format!("{} (unpacking)", set.name));
            let folder = fetcher.unpack(set, &fetched, &watch);
            Some(folder.map_err(|error| explain_data(set, &error))?)
        }
    };
    Ok(EntryReport::new(task, files, folder))
}
